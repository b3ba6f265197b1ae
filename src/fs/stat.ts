/**
 * The `stat` stream: what a filesystem knows of a file besides its bytes, as deterministic CBOR.
 *
 * A map with one-letter text keys, in bytewise order, each present exactly where it means
 * something:
 *
 *   d  device number          block and character devices
 *   g  group                  all
 *   l  link target, bytes     symbolic links
 *   m  st_mode: the kind in its upper bits, permissions in the lower 12 (POSIX's numbers)
 *   s  size in bytes          regular files
 *   t  time of modification, nanoseconds since 1970, 64 bits, may be negative
 *   u  owner                  all
 *
 * Inode, change and access times are left out: equal trees have equal stats wherever they lie. Any
 * CBOR decoder reads it; the writer and the comparison here are dedicated to it, since an import
 * compares every file of a tree.
 */
import type { BigIntStats, Stats } from 'node:fs';
import { equalBytes, hex } from '../ground/bytes.js';
import { LINK_TARGET_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';

type FileKind = 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';

export interface FileStat {
  readonly kind: FileKind;
  /** Permissions with setuid, setgid and sticky: the lower 12 bits of st_mode. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Of regular files, else 0. */
  readonly size: number;
  readonly mtimeNs: bigint;
  /** Of symbolic links. */
  readonly target?: Uint8Array;
  /** Of devices. */
  readonly device?: number;
}

/** By the upper four bits of st_mode. */
const KINDS: Readonly<Record<number, FileKind>> = {
  1: 'fifo',
  2: 'character',
  4: 'directory',
  6: 'block',
  8: 'file',
  10: 'symlink',
  12: 'socket',
};
const KIND_BITS = Object.fromEntries(
  Object.entries(KINDS).map(([bits, kind]) => [kind, Number(bits) << 12]),
) as Record<FileKind, number>;

const [D, G, L, M, S, T, U] = Buffer.from('dglmstu');
const TWO_32 = 0x1_0000_0000;

/** Times closer than this count as equal: what setting a time through Node may lose. */
const TIME_SLACK_MS = 0.001;

export function kindOf(stMode: number): FileKind | undefined {
  return KINDS[(stMode >>> 12) & 15];
}

/** The stat of what `lstat` saw; undefined for a kind that POSIX does not name. */
export function fileStat(stats: BigIntStats, target?: Uint8Array): FileStat | undefined {
  const stMode = Number(stats.mode);
  const kind = kindOf(stMode);
  if (kind === undefined) return undefined;
  return {
    kind,
    mode: stMode & 0o7777,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: kind === 'file' ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs,
    ...(kind === 'symlink' && { target: target ?? new Uint8Array(0) }),
    ...(isDevice(kind) && { device: Number(stats.rdev) }),
  };
}

function isDevice(kind: FileKind): boolean {
  return kind === 'block' || kind === 'character';
}

export function encodeStat(stat: FileStat): Uint8Array {
  const target = stat.kind === 'symlink' ? (stat.target ?? new Uint8Array(0)) : undefined;
  const bytes = Buffer.alloc(64 + (target?.length ?? 0));
  const isFile = stat.kind === 'file';
  const special = isFile || isDevice(stat.kind) || target !== undefined;
  let at = bytes.writeUInt8(0xa0 + (special ? 5 : 4));
  const field = (letter: number, major: number, number: number) => {
    bytes[at] = 0x61;
    bytes[at + 1] = letter;
    at = writeHead(bytes, at + 2, major, number);
  };
  if (isDevice(stat.kind)) field(D, 0x00, stat.device ?? 0);
  field(G, 0x00, stat.gid);
  if (target !== undefined) {
    field(L, 0x40, target.length);
    bytes.set(target, at);
    at += target.length;
  }
  field(M, 0x00, KIND_BITS[stat.kind] | stat.mode);
  if (isFile) field(S, 0x00, stat.size);
  bytes[at] = 0x61;
  bytes[at + 1] = T;
  at = writeTime(bytes, at + 2, stat.mtimeNs);
  field(U, 0x00, stat.uid);
  return new Uint8Array(bytes.subarray(0, at));
}

function writeHead(bytes: Buffer, at: number, major: number, number: number): number {
  if (number < 24) return bytes.writeUInt8(major | number, at);
  if (number < 0x100) return bytes.writeUInt8(number, bytes.writeUInt8(major | 24, at));
  if (number < 0x1_0000) return bytes.writeUInt16BE(number, bytes.writeUInt8(major | 25, at));
  if (number < TWO_32) return bytes.writeUInt32BE(number, bytes.writeUInt8(major | 26, at));
  return bytes.writeBigUInt64BE(BigInt(number), bytes.writeUInt8(major | 27, at));
}

function writeTime(bytes: Buffer, at: number, ns: bigint): number {
  const major = ns < 0n ? 0x20 : 0x00;
  const magnitude = ns < 0n ? -1n - ns : ns;
  if (magnitude < BigInt(TWO_32)) return writeHead(bytes, at, major, Number(magnitude));
  return bytes.writeBigUInt64BE(magnitude, bytes.writeUInt8(major | 27, at));
}

/**
 * The stat in a stream's bytes.
 *
 * @throws REGALIA_FORMAT for anything that `encodeStat` would not have written.
 */
export function decodeStat(bytes: Uint8Array): FileStat {
  const reader = new ByteReader(bytes, 'stat');
  const { numbers, target } = readFields(reader);
  const count = (letter: number, most: number): number => {
    const number = numbers.get(letter);
    if (number !== undefined && number <= BigInt(most)) return Number(number);
    return reader.fail(`the field ${String.fromCharCode(letter)} up to ${most}`, `${number}`);
  };
  const stMode = count(M, 0xffff);
  const kind = kindOf(stMode) ?? reader.fail('a kind of file', `${stMode}`);
  const ns = numbers.get(T);
  const isTime = ns !== undefined && BigInt.asIntN(64, ns) === ns;
  const stat: FileStat = {
    kind,
    mode: stMode & 0o7777,
    uid: count(U, TWO_32 - 1),
    gid: count(G, TWO_32 - 1),
    size: kind === 'file' ? count(S, Number.MAX_SAFE_INTEGER) : 0,
    mtimeNs: isTime ? ns : reader.fail('a time in 64 bits', `${ns}`),
    ...(kind === 'symlink' && { target: target ?? reader.fail('a link target', 'none') }),
    ...(isDevice(kind) && { device: count(D, Number.MAX_SAFE_INTEGER) }),
  };
  // Fields may have come in any order so far.
  if (!equalBytes(encodeStat(stat), bytes)) reader.fail('a stat in its one spelling', 'another');
  return stat;
}

interface StatFields {
  readonly numbers: ReadonlyMap<number, bigint>;
  readonly target: Uint8Array | undefined;
}

function readFields(reader: ByteReader): StatFields {
  const numbers = new Map<number, bigint>();
  let target: Uint8Array | undefined;
  const head = reader.u8();
  if (head !== 0xa4 && head !== 0xa5) reader.fail('a map of 4 or 5 fields', 'other data');
  for (let left = head - 0xa0; left > 0; left--) {
    if (reader.u8() !== 0x61) reader.fail('a field name of one letter', 'other data');
    const letter = reader.u8();
    const first = reader.u8();
    const major = first >>> 5;
    const number = readNumber(reader, first & 0x1f);
    if (letter === L) {
      if (major !== 2) reader.fail('the bytes of a link target', 'other data');
      const most = LINK_TARGET_BYTES_MAX;
      if (number > most) reader.fail(`at most ${most}`, `${number}`);
      target = reader.bytes(Number(number)).slice();
    } else if (major === 0) numbers.set(letter, number);
    else if (major === 1 && letter === T) numbers.set(letter, -1n - number);
    else reader.fail('a number', 'other data');
  }
  reader.end();
  return { numbers, target };
}

/** A number below 24 is in the first byte; 24 to 27 there say that 1, 2, 4 or 8 bytes follow. */
function readNumber(reader: ByteReader, info: number): bigint {
  if (info < 24) return BigInt(info);
  if (info > 27) return reader.fail('a number', 'other data');
  return BigInt(`0x${hex(reader.bytes(1 << (info - 24)))}`);
}

/**
 * Whether `stored` are the bytes of what `lstat` sees now, read in place: no BigInt, no allocation.
 * Times are equal within a microsecond, since Node can set them no closer: a tree that was exported
 * and imported again is unchanged. Never throws: bytes that are no stat match nothing.
 */
export function matchesStat(stored: Uint8Array, stats: Stats, target?: Uint8Array): boolean {
  const stMode = stats.mode;
  const kind = kindOf(stMode);
  if (kind === undefined) return false;
  const special = kind === 'file' || kind === 'symlink' || isDevice(kind);
  if (stored[0] !== (special ? 0xa5 : 0xa4)) return false;
  let at = 1;
  if (isDevice(kind)) at = matchNumber(stored, at, D, stats.rdev);
  at = matchNumber(stored, at, G, stats.gid);
  if (kind === 'symlink') at = matchTarget(stored, at, target ?? new Uint8Array(0));
  at = matchNumber(stored, at, M, stMode);
  if (kind === 'file') at = matchNumber(stored, at, S, stats.size);
  at = matchTime(stored, at, stats.mtimeMs);
  at = matchNumber(stored, at, U, stats.uid);
  return at === stored.length;
}

/** So far beyond the end that no comparison after a mismatch can succeed. */
const MISMATCH = Number.MAX_SAFE_INTEGER - 0xff_ffff;

/** The offset after the field, where it is there and is the number. */
function matchNumber(stored: Uint8Array, at: number, letter: number, number: number): number {
  if (stored[at] !== 0x61 || stored[at + 1] !== letter) return MISMATCH;
  return matchHead(stored, at + 2, 0x00, number);
}

function matchHead(stored: Uint8Array, at: number, major: number, number: number): number {
  const first = stored[at];
  if ((first & 0xe0) !== major) return MISMATCH;
  const info = first & 0x1f;
  if (info < 24) return info === number ? at + 1 : MISMATCH;
  const width = info > 27 ? 16 : 1 << (info - 24);
  let found = 0;
  for (let i = 1; i <= width; i++) found = found * 256 + stored[at + i];
  return found === number ? at + 1 + width : MISMATCH;
}

function matchTarget(stored: Uint8Array, at: number, target: Uint8Array): number {
  if (stored[at] !== 0x61 || stored[at + 1] !== L) return MISMATCH;
  const start = matchHead(stored, at + 2, 0x40, target.length);
  for (let i = 0; i < target.length; i++) if (stored[start + i] !== target[i]) return MISMATCH;
  return start + target.length;
}

function matchTime(stored: Uint8Array, at: number, mtimeMs: number): number {
  if (stored[at] !== 0x61 || stored[at + 1] !== T) return MISMATCH;
  const first = stored[at + 2];
  const info = first & 0x1f;
  const width = info < 24 ? 0 : info > 27 ? 16 : 1 << (info - 24);
  let high = 0;
  let low = width === 0 ? info : 0;
  for (let i = 0; i < width; i++) {
    const byte = stored[at + 3 + i];
    if (width - i > 4) high = high * 256 + byte;
    else low = low * 256 + byte;
  }
  // Two parts, as 64 bits of nanoseconds are more than a double has; their sum errs by less than
  // the slack.
  const ms = high * (TWO_32 / 1e6) + low / 1e6;
  const signed = (first & 0xe0) === 0x20 ? -ms : ms;
  return Math.abs(signed - mtimeMs) < TIME_SLACK_MS ? at + 3 + width : MISMATCH;
}
