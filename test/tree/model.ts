/**
 * The obvious model of a tree, nested Maps, and a laboratory that builds real trees from it.
 */
import { strict as assert } from 'node:assert';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { compareBytes } from '../../src/ground/bytes.js';
import { nameBytes, utf8Bytes } from '../../src/ground/text.js';
import { type EntryEdit, TreeEdit } from '../../src/tree/apply.js';
import { Tree } from '../../src/tree/lookup.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import { INLINE, type InlinePart, inlinePart, type StreamPart } from '../../src/tree/record.js';
import { loadRoot, writeEmptyRoot } from '../../src/tree/root.js';
import { finishSteps } from '../../src/tree/steps.js';

export interface Entry {
  readonly streams: Map<string, string>;
  readonly children: Map<string, Entry>;
  /** The bucket that the entry is: up to 16 characters. */
  bucket?: string;
}

export function newEntry(): Entry {
  return { streams: new Map(), children: new Map() };
}

export function cloneEntry(entry: Entry): Entry {
  const children = [...entry.children].map(([name, child]) => [name, cloneEntry(child)] as const);
  const copy: Entry = { streams: new Map(entry.streams), children: new Map(children) };
  if (entry.bucket !== undefined) copy.bucket = entry.bucket;
  return copy;
}

export function isNothing(entry: Entry): boolean {
  return entry.streams.size === 0 && entry.children.size === 0 && entry.bucket === undefined;
}

/** '/a/b' as its names. */
export function split(key: string): string[] {
  return key.split('/').filter((name) => name !== '');
}

export function entryAt(top: Entry, key: string): Entry | undefined {
  let entry: Entry | undefined = top;
  for (const name of split(key)) entry = entry?.children.get(name);
  return entry;
}

/** Puts a whole entry at a key, with the parents it needs. */
export function place(top: Entry, key: string, placed: Entry): void {
  const names = split(key);
  const last = names.pop() as string;
  let entry = top;
  for (const name of names) {
    let next = entry.children.get(name);
    if (next === undefined) {
      next = newEntry();
      entry.children.set(name, next);
    }
    entry = next;
  }
  entry.children.set(last, placed);
}

/** Puts a stream at a key. */
export function put(top: Entry, key: string, stream: string, contents: string): void {
  if (entryAt(top, key) === undefined) place(top, key, newEntry());
  (entryAt(top, key) as Entry).streams.set(stream, contents);
}

/** Takes what is at a key out, and the parents that have nothing left. */
export function take(top: Entry, key: string): Entry | undefined {
  const names = split(key);
  const entries = [top];
  for (const name of names) {
    const next = entries[entries.length - 1]?.children.get(name);
    if (next === undefined) return undefined;
    entries.push(next);
  }
  const taken = entries.pop() as Entry;
  for (let name = names.pop(); name !== undefined; name = names.pop()) {
    const parent = entries.pop() as Entry;
    parent.children.delete(name);
    if (!isNothing(parent)) break;
  }
  return taken;
}

/** Drops entries that have neither streams nor children. */
export function prune(entry: Entry): void {
  for (const [name, child] of [...entry.children]) {
    prune(child);
    if (isNothing(child)) entry.children.delete(name);
  }
}

export function bytesOf(name: string): Uint8Array {
  return nameBytes(name) as Uint8Array;
}

export function byName(a: string, b: string): number {
  return compareBytes(bytesOf(a), bytesOf(b));
}

/** All streams of all entries, as text: for messages and comparisons. */
export function listing(entry: Entry, key = ''): string[] {
  const lines: string[] = [];
  if (entry.bucket !== undefined) lines.push(`${key || '/'} is bucket ${entry.bucket}`);
  for (const stream of [...entry.streams.keys()].sort(byName)) {
    lines.push(`${key || '/'} ${stream} ${entry.streams.get(stream)}`);
  }
  for (const name of [...entry.children.keys()].sort(byName)) {
    lines.push(...listing(entry.children.get(name) as Entry, `${key}/${name}`));
  }
  return lines;
}

export function textPart(contents: string): StreamPart {
  return inlinePart(utf8Bytes(contents));
}

/** The bytes of a stream that lies in its record; none of one that is absent. */
export function bytesIn(part: StreamPart | undefined): Buffer {
  if (part === undefined) return Buffer.alloc(0);
  assert.equal(part.form, INLINE, 'a stream lies in its record');
  return Buffer.from((part as InlinePart).bytes);
}

/** The id of a model's bucket. */
export function bucketId(bucket: string): Uint8Array {
  return utf8Bytes(bucket.padEnd(16));
}

export const RULES = utf8Bytes('rules');

function editOf(name: string, entry: Entry): EntryEdit {
  const bytes = bytesOf(name);
  const streams = [...entry.streams].map(([stream, contents]) => {
    return { stream, part: textPart(contents) };
  });
  const children = [...entry.children].sort(([a], [b]) => byName(a, b));
  return {
    bytes,
    start: 0,
    end: bytes.length,
    clear: false,
    streams,
    bucket: entry.bucket === undefined ? undefined : { id: bucketId(entry.bucket), rules: RULES },
    below: () => children.map(([childName, child]) => editOf(childName, child)),
  };
}

/** A store of blocks in memory, and trees built in it. */
export class Laboratory {
  readonly blocks: Blocks;
  readonly cache: NodeCache;
  readonly writer: NodeWriter;

  private constructor(blocks: Blocks, cacheBytes: number) {
    this.blocks = blocks;
    this.cache = new NodeCache(blocks, cacheBytes);
    this.writer = new NodeWriter(this.cache, new BlockWriter(blocks), SHA256);
  }

  static async open(engine: Engine = openMemory(), extents = 40_000): Promise<Laboratory> {
    const blocks = new Blocks(engine);
    await blocks.reserve(extents);
    return new Laboratory(blocks, 256 * 1024 * 1024);
  }

  /** The tree of a model, written at once. */
  build(model: Entry, rules = RULES): Tree {
    const { address, id } = writeEmptyRoot(this.writer, rules);
    return this.apply(Tree.load(this.cache, id, address), editOf('', model));
  }

  /** The tree after an edit of its top entry. */
  apply(tree: Tree, edit: EntryEdit): Tree {
    const { edit: edits } = this;
    const { address, id } = finishSteps(edits.rootSteps(tree.root, edit));
    return new Tree(this.cache, loadRoot(this.cache, id, address));
  }

  /** A fresh editor of trees. */
  get edit(): TreeEdit {
    return new TreeEdit(this.cache, () => this.writer);
  }
}
