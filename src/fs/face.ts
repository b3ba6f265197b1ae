/**
 * What the filesystem face asks of a store, as structure alone: a snapshot, a transaction and a
 * model in a test all fit. An imported tree keeps one entry per file or directory, with its
 * metadata in the stream `stat` and a regular file's bytes in the stream `content`; other streams
 * on the same entries are left alone.
 */

import { either, folder, Kind } from '../ground/options.js';
import type { Key } from '../index.js';

/** A stream of an entry that a store has. */
export interface StoredStream {
  readonly size: number;
  /** The bytes, where they lie in metadata. */
  readonly inline?: Uint8Array | undefined;
  bytes(options?: { signal?: AbortSignal }): Promise<Uint8Array>;
  /** Async iterable, as Node's web streams are, whether the caller's types know it or not. */
  readable(options?: {
    signal?: AbortSignal;
  }): AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
}

/** An entry that a store has. */
export interface StoredEntry {
  readonly name: string;
  get(stream: string): StoredStream | undefined;
}

/** Which children: those after a name, and how many at most. */
export interface StoredRange {
  readonly gt?: string | undefined;
  readonly limit?: number | undefined;
}

/** What is read from: a snapshot, a transaction. */
export interface TreeReader {
  entry(key: Key): StoredEntry | undefined;
  /** In bytewise order of names. */
  children(key: Key, range?: StoredRange): Iterable<StoredEntry>;
}

/** What is imported into: a transaction. */
export interface TreeWriter extends TreeReader {
  put(key: Key, stream: string, bytes: Uint8Array): void;
  write(
    key: Key,
    stream: string,
    source: AsyncIterable<Uint8Array>,
    options?: { signal?: AbortSignal },
  ): Promise<unknown>;
  del(key: Key, stream?: string): unknown;
  /** Asked for between puts of contents, so that few of them wait in memory. */
  drain?(): Promise<void>;
}

export const STAT = 'stat';
export const CONTENT = 'content';

function hasMethods(...names: readonly string[]): (datum: unknown) => boolean {
  return (datum) => {
    if (typeof datum !== 'object' || datum === null) return false;
    const methods = datum as Readonly<Record<string, unknown>>;
    return names.every((name) => typeof methods[name] === 'function');
  };
}

export const READER = new Kind<TreeReader>(
  'a snapshot or a transaction',
  hasMethods('entry', 'children'),
);

export const WRITER = new Kind<TreeWriter>(
  'a transaction',
  hasMethods('entry', 'children', 'put', 'write', 'del'),
);

/** A path of the operating system, which may have any bytes. */
export const PATH: Kind<string | Uint8Array> = either(
  folder,
  new Kind<Uint8Array>('its bytes', (datum) => {
    return datum instanceof Uint8Array && datum.length > 0 && !datum.includes(0);
  }),
);

/** The names of a key that the store accepts. */
export function keyNames(key: Key): readonly (string | Uint8Array)[] {
  return typeof key === 'string' ? key.split('/').filter((name) => name !== '') : key;
}
