/**
 * Ours, as benches of large contents use it: trees imported and long files written in a process of
 * their own, as the rivals' are, and read through the public surface.
 */
import { createReadStream, statSync } from 'node:fs';
import { importTree } from '../../src/fs/import.js';
import type { Regalia, RegaliaOptions, Stream } from '../../src/index.js';
import { inChild } from './child.js';
import { type Took, took } from './counted.js';
import { mebibyte, openOurs, stream } from './ours.js';

export const gibibyte = 2 ** 30;
export const longKey = '/long';

interface Work {
  readonly folder: string;
  /** What is read: a tree, or a file. */
  readonly from: string;
  /** Only what goes from process to process. */
  readonly options: RegaliaOptions;
}

/** Takes in the whole tree as another version, from opening to closing. */
export async function ingestOurs(
  folder: string,
  tree: string,
  options: RegaliaOptions = {},
): Promise<Took> {
  const work: Work = { folder, from: tree, options };
  return (await inChild<Took>(import.meta.url, 'ingestHere', work)).result;
}

export function ingestHere({ folder, from, options }: Work): Promise<Took> {
  return took(async () => {
    const store = await openOurs(folder, options);
    const tx = store.begin();
    const { entries } = await importTree(tx, from, '/');
    if (entries === 0) throw new Error(`${from} is empty`);
    await tx.commit({ durability: 'sync' });
    await store.close();
  });
}

/** Writes a file's bytes under `longKey`, in one durable commit. */
export async function writeLong(store: Regalia, path: string): Promise<void> {
  const tx = store.begin();
  await tx.write(longKey, stream, createReadStream(path, { highWaterMark: mebibyte }));
  await tx.commit({ durability: 'sync' });
  const { size } = longContent(store);
  if (size !== statSync(path).size) throw new Error(`${size} bytes were written`);
}

export function longContent(store: Regalia): Stream {
  const content = store.snapshot().get(longKey, stream);
  if (content === undefined) throw new Error(`${longKey} is not there`);
  return content;
}

/** Reads all of it to nowhere; gives the bytes counted. */
export async function readThrough(content: Stream): Promise<number> {
  let bytes = 0;
  for await (const part of content.readable()) bytes += part.length;
  if (bytes !== content.size) throw new Error(`${bytes} of ${content.size} bytes were read`);
  return bytes;
}
