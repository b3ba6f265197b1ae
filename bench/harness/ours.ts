/**
 * Ours, as benches use it: stores filled with the shared workload, and a look inside for those that
 * must start cold.
 */

import type { Core } from '../../src/commit/core.js';
import { type CommitResult, Regalia, type RegaliaOptions } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import type { Write } from './workload.js';

/** The stream that holds a file's content. */
export const stream = 'content';
export const mebibyte = 2 ** 20;

export function openOurs(folder: string, options: RegaliaOptions = {}): Promise<Regalia> {
  return Regalia.open(folder, options);
}

/** All of `writes` in one durable commit. */
export async function commitOurs(
  store: Regalia,
  writes: Iterable<Write>,
  options: RegaliaOptions['durability'] = 'sync',
): Promise<CommitResult> {
  const tx = store.begin();
  for (const [key, content] of writes) tx.put(key, stream, content);
  return tx.commit({ durability: options });
}

/** A new store with `writes` in it, closed again. */
export async function makeOurs(folder: string, writes: Iterable<Write>): Promise<void> {
  const store = await openOurs(folder);
  await commitOurs(store, writes);
  await store.close();
}

/** Length of the content of a key; throws where there is none, so that no bench measures misses. */
export function readOurs(from: ReturnType<Regalia['snapshot']>, key: string): number {
  const content = from.get(key, stream)?.inline;
  if (content === undefined) throw new Error(`${key} is not there`);
  return content.length;
}

/** Reads every key and content in order; gives the number of contents. */
export function scanOurs(from: ReturnType<Regalia['snapshot']>): number {
  let count = 0;
  for (const entry of from.walk('/')) {
    const content = entry.get(stream)?.inline;
    if (entry.key.length > 0 && content !== undefined) count++;
  }
  return count;
}

/** What an open store is made of: for benches of its parts. */
export function coreOf(store: Regalia): Core {
  return scopeOf(store).core;
}
