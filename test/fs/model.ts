/**
 * A tree of entries in plain maps, with the habits of a transaction: the obvious model to import
 * into.
 */

import {
  keyNames,
  type StoredEntry,
  type StoredRange,
  type StoredStream,
  type TreeWriter,
} from '../../src/fs/face.js';
import { compareBytes } from '../../src/ground/bytes.js';
import { nameBytes, nameText } from '../../src/ground/text.js';
import type { Key } from '../../src/index.js';

class Node {
  readonly streams = new Map<string, Uint8Array>();
  readonly children = new Map<string, Node>();
}

export class ModelTree implements TreeWriter {
  readonly #root = new Node();
  /** Every call that changed something. */
  readonly calls: string[] = [];

  #find(key: Key): Node | undefined {
    let node: Node | undefined = this.#root;
    for (const name of keyNames(key)) node = node?.children.get(text(name));
    return node;
  }

  #make(key: Key): Node {
    let node = this.#root;
    for (const name of keyNames(key)) {
      const next = node.children.get(text(name)) ?? new Node();
      node.children.set(text(name), next);
      node = next;
    }
    return node;
  }

  entry(key: Key): StoredEntry | undefined {
    const node = this.#find(key);
    if (node === undefined || (node.streams.size === 0 && node.children.size === 0))
      return undefined;
    return entryOf(text(keyNames(key).at(-1) ?? ''), node);
  }

  *children(key: Key, range: StoredRange = {}): Iterable<StoredEntry> {
    const children = [...(this.#find(key)?.children ?? [])];
    const order = (a: string, b: string) => compareBytes(bytes(a), bytes(b));
    children.sort(([a], [b]) => order(a, b));
    const { gt } = range;
    const within = children.filter(([name]) => gt === undefined || order(name, gt) > 0);
    for (const [name, node] of within.slice(0, range.limit)) yield entryOf(name, node);
  }

  put(key: Key, stream: string, contents: Uint8Array): void {
    this.calls.push(`put ${keyNames(key).map(text).join('/')} ${stream}`);
    this.#make(key).streams.set(stream, contents.slice());
  }

  async write(key: Key, stream: string, source: AsyncIterable<Uint8Array>): Promise<void> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of source) chunks.push(chunk.slice());
    this.put(key, stream, Buffer.concat(chunks));
  }

  del(key: Key, stream?: string): void {
    const names = keyNames(key).map(text);
    this.calls.push(`del ${names.join('/')}${stream === undefined ? '' : ` ${stream}`}`);
    if (stream !== undefined) this.#find(key)?.streams.delete(stream);
    else this.#find(names.slice(0, -1))?.children.delete(names[names.length - 1]);
  }
}

function text(name: string | Uint8Array): string {
  return typeof name === 'string' ? name : nameText(name);
}

function bytes(name: string): Uint8Array {
  return nameBytes(name) ?? new Uint8Array(0);
}

function entryOf(name: string, node: Node): StoredEntry {
  return {
    name,
    get: (stream) => {
      const contents = node.streams.get(stream);
      return contents && streamOf(contents);
    },
  };
}

/** Contents over 512 bytes are not inline, as in a store. */
function streamOf(contents: Uint8Array): StoredStream {
  return {
    size: contents.length,
    inline: contents.length <= 512 ? contents : undefined,
    bytes: async () => contents.slice(),
    readable: async function* () {
      for (let at = 0; at < contents.length; at += 65_536) yield contents.slice(at, at + 65_536);
    },
  };
}
