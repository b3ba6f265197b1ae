/**
 * What the filesystem face asks of a store, as structure alone: a snapshot, a transaction and a
 * model in a test all fit. An imported tree keeps one entry per file or directory, with its
 * metadata in the stream `stat` and a regular file's bytes in the stream `content`; other streams
 * on the same entries are left alone.
 */

import type { Key, ChildRange as Range } from '../index.js';

/**
 * A key: '/a/b', or its names. Names that are not UTF-8 are text with lone surrogates, as
 * everywhere.
 */
export type KeyLike = Key;

export interface StoredStream {
  readonly size: number;
  /** The bytes, where they lie in metadata. */
  readonly inline?: Uint8Array | undefined;
  bytes(options?: { signal?: AbortSignal }): Promise<Uint8Array>;
  /**
   * Async iterable, as Node's streams of the web are, whether the caller's type library knows it or
   * not.
   */
  readable(options?: {
    signal?: AbortSignal;
  }): AsyncIterable<Uint8Array> | ReadableStream<Uint8Array>;
}

export interface StoredEntry {
  readonly name: string;
  get(stream: string): StoredStream | undefined;
}

export type ChildRange = Pick<Range, 'limit'> & { readonly gt?: string };

export interface TreeReader {
  entry(key: KeyLike): StoredEntry | undefined;
  /** In bytewise order of names. */
  children(key: KeyLike, range?: ChildRange): Iterable<StoredEntry>;
}

export interface TreeWriter extends TreeReader {
  put(key: KeyLike, stream: string, bytes: Uint8Array): void;
  write(
    key: KeyLike,
    stream: string,
    source: AsyncIterable<Uint8Array>,
    options?: { signal?: AbortSignal },
  ): Promise<unknown>;
  del(key: KeyLike, stream?: string): unknown;
  /** Asked for between puts of contents, so that few of them wait in memory. */
  drain?(): Promise<void>;
}

export const STAT = 'stat';
export const CONTENT = 'content';

/** The names of a key. */
export function keyNames(key: KeyLike): readonly (string | Uint8Array)[] {
  return typeof key === 'string' ? key.split('/').filter((name) => name !== '') : key;
}
