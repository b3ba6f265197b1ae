/**
 * The first three bytes of every block: what it is. Read and written here alone.
 *
 *     header   kind u8 | version u8 | algorithm u8
 *
 * The digest of a block covers them, so equal bytes of two kinds, versions or algorithms never
 * share an address.
 */
import { malformed, unknownVersion } from './errors.js';
import type { ByteWriter } from './writer.js';

/** The kinds of block. Persisted: never renumber. */
export const BlockKind = {
  /** A node of a tree. */
  node: 1,
  /** A stream or child map that left its record, and stays in metadata. */
  metadata: 2,
  /** Content bytes. */
  chunk: 3,
  /** The tree of chunks that makes a large stream. */
  manifest: 4,
  /** A bucket's root: its rules and its top node. */
  root: 5,
  commit: 6,
  /** Where the entries of a parent went. */
  map: 7,
  /** Reserved for encryption. */
  sealed: 8,
} as const;
export type BlockKind = (typeof BlockKind)[keyof typeof BlockKind];

/** The version that this release writes, of every kind. */
export const BLOCK_VERSION = 1;

/** How many bytes a header has. */
export const BLOCK_HEADER = 3;

/** The names of the hash algorithms. */
export type Algorithm = 'sha256' | 'blake3';

/** The numbers of the hash algorithms. Persisted: never renumber. */
export const SHA256 = 1;
export const BLAKE3 = 2;
export type AlgorithmNumber = typeof SHA256 | typeof BLAKE3;

/** The algorithm of that number; undefined where no release has one. */
export function algorithmName(number: number): Algorithm | undefined {
  return number === SHA256 ? 'sha256' : number === BLAKE3 ? 'blake3' : undefined;
}

export function algorithmNumber(name: Algorithm): AlgorithmNumber {
  return name === 'sha256' ? SHA256 : BLAKE3;
}

/** Appends a header. */
export function writeBlockHeader<W extends ByteWriter>(
  writer: W,
  kind: BlockKind,
  algorithm: AlgorithmNumber,
): W {
  return writer.u8(kind).u8(BLOCK_VERSION).u8(algorithm);
}

/** Writes a header in place. */
export function putBlockHeader(
  bytes: Uint8Array,
  at: number,
  kind: BlockKind,
  algorithm: number,
): void {
  bytes[at] = kind;
  bytes[at + 1] = BLOCK_VERSION;
  bytes[at + 2] = algorithm;
}

export interface BlockHeader {
  /** Any kind, unless one was asked for: a number that no release has given is passed on. */
  readonly kind: number;
  readonly algorithm: AlgorithmNumber;
}

/**
 * The header of the block `bytes[start..end]`, which is of `kind` if one is given; `what` names it.
 * REGALIA_FORMAT, REGALIA_VERSION.
 */
export function readBlockHeader(
  bytes: Uint8Array,
  what: string,
  kind?: BlockKind,
  start = 0,
  end = bytes.length,
): BlockHeader {
  if (end - start < BLOCK_HEADER) {
    throw malformed(what, end - start, `${BLOCK_HEADER} bytes`, 'the end');
  }
  const actual = bytes[start] as number;
  if (kind !== undefined && actual !== kind) throw malformed(what, 0, `kind ${kind}`, `${actual}`);
  const version = bytes[start + 1] as number;
  if (version !== BLOCK_VERSION) throw unknownVersion(what, BLOCK_VERSION, version);
  const algorithm = bytes[start + 2] as number;
  if (algorithmName(algorithm) === undefined) {
    throw malformed(what, 2, 'a known algorithm', `${algorithm}`);
  }
  return { kind: actual, algorithm: algorithm as AlgorithmNumber };
}
