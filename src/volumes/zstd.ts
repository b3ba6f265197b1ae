/**
 * zstd, one frame at a time: by the runtime where it has zstd (Node 22.15 and later) and the chunk
 * is long enough, else by WebAssembly. Both write frames that both read, so a store goes from one
 * runtime to another. Some runtimes write others, without a content size: theirs are not used.
 *
 * The runtime makes a context for each call, WebAssembly keeps one: below 16 KiB it is faster even
 * where the other is there (512 B: 10 to 29 µs in and 2 to 12 µs out against 19 to 44 and 12 to 25;
 * 64 KiB of programs at level 3: 375 µs in, 112 µs out against 242 and 87; Node 24). The one in
 * WebAssembly is loaded when a store is opened, or by the first call.
 */
import zlib from 'node:zlib';
import { attempt, isRegaliaError, type RegaliaError } from '../ground/errors.js';
import { BLOCK_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { isTrap, ZstdWasm } from './zstd-wasm.js';

/** Plain bytes from this length on go to the runtime. */
const NATIVE_FROM = 16_384;

/** What newer runtimes have, and the types of the oldest supported one lack. */
interface NativeZstd {
  zstdCompressSync?(bytes: Uint8Array, options: object): Buffer;
  zstdDecompressSync?(bytes: Uint8Array, options: object): Buffer;
  constants: { ZSTD_c_compressionLevel?: number };
}
const native = zlib as unknown as NativeZstd;

export const hasNativeZstd: boolean =
  typeof native.zstdCompressSync === 'function' && typeof native.zstdDecompressSync === 'function';

/** No encoder makes a frame longer than this of so many bytes. */
export function frameBound(plainLength: number): number {
  return plainLength + (plainLength >>> 8) + 512;
}

let loaded: ZstdWasm | undefined;

/** Where WebAssembly had no memory: chunks are written as they are then. */
let lack: RegaliaError | undefined;

/** REGALIA_IO. */
function wasm(): ZstdWasm {
  loaded ??= new ZstdWasm(frameBound(BLOCK_BYTES_MAX));
  return loaded;
}

/**
 * Loads it, so that what it lacks shows when a store is opened. For want of memory nothing is
 * compressed, and what is compressed cannot be read now. REGALIA_IO where its files can't be read.
 */
export function loadZstd(): void {
  if (loaded !== undefined || lack !== undefined) return;
  try {
    wasm();
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_IO') || error.data.errno !== 'ENOMEM') throw error;
    lack = error;
  }
}

function compressByWasm(plain: Uint8Array, level: number, most: number): Uint8Array | undefined {
  loadZstd();
  return loaded?.compress(plain, level, most);
}

/** One frame of at most `most` bytes, or undefined where that is too little. */
export function compressFrame(
  plain: Uint8Array,
  level: number,
  most: number,
  byRuntime: boolean = hasNativeZstd,
): Uint8Array | undefined {
  if (!byRuntime || plain.length < NATIVE_FROM) return compressByWasm(plain, level, most);
  const parameter = native.constants.ZSTD_c_compressionLevel as number;
  const options = { chunkSize: plain.length, params: { [parameter]: level } };
  const made = native.zstdCompressSync?.(plain, options) as Buffer;
  const frame = new Uint8Array(made.buffer, made.byteOffset, made.length);
  if (!isFrame(frame, plain.length)) return compressByWasm(plain, level, most);
  return frame.length > most ? undefined : frame;
}

/** Whether the bytes are a frame that is read back. */
function isFrame(bytes: Uint8Array, plainLength: number): boolean {
  return attempt(() => checkFrame(bytes, plainLength) ?? true) === true;
}

/**
 * Fills `out[at..]` from a checked frame; false where its content is shorter, longer or malformed.
 * Neither allocates more than the content's length and a constant.
 */
export function decompressFrame(
  frame: Uint8Array,
  out: Uint8Array,
  at: number,
  byRuntime: boolean = hasNativeZstd,
): boolean {
  const length = out.length - at;
  if (!byRuntime || length < NATIVE_FROM) return decompressByWasm(frame, out, at);
  try {
    const options = { chunkSize: length, maxOutputLength: length };
    const plain = native.zstdDecompressSync?.(frame, options) as Buffer;
    if (plain.length !== length) return false;
    out.set(plain, at);
    return true;
  } catch {
    return false;
  }
}

function decompressByWasm(frame: Uint8Array, out: Uint8Array, at: number): boolean {
  try {
    return wasm().decompress(frame, out, at);
  } catch (error) {
    if (!isTrap(error)) throw error;
    loaded = undefined;
    return false;
  }
}

// Frames (RFC 8878, section 3.1.1), which are checked before a decompressor sees them.
//
//     frame    magic u32 = 0xFD2FB528 | descriptor u8 | ? window u8
//              | content size u8, u16, u32 or u64 | block … | ? checksum u32
//     block    u24: last × 1 + type × 2 + size × 8
//              | size bytes; of type 1 (run) one byte, repeated size times
//
// Refused is what RFC 8878 allows and we never write: frames without a content size or with another
// than was asked for, with a dictionary, with a window above 8 MiB (what every decoder must
// support), several frames, skippable frames, and bytes behind the end. So each decompressor, of
// whatever release, is asked for one frame of a known length, and all accept the same.

const MAGIC = 0xfd2fb528;
const WINDOW_MAX = 8 * 1024 * 1024;
const BLOCK_MAX = 128 * 1024;

const BlockType = { raw: 0, run: 1, compressed: 2, reserved: 3 } as const;

interface Header {
  readonly blockMax: number;
  readonly checksum: boolean;
}

/**
 * Checks that `frame` is one whole frame that declares `plainLength` bytes of content.
 * REGALIA_FORMAT. Whether the blocks are well-formed within is for the decompressor to say.
 */
export function checkFrame(frame: Uint8Array, plainLength: number): void {
  const reader = new ByteReader(frame, 'zstd frame');
  const { blockMax, checksum } = readHeader(reader, plainLength);
  skipBlocks(reader, blockMax, plainLength);
  if (checksum) reader.bytes(4);
  reader.end();
}

function readHeader(reader: ByteReader, plainLength: number): Header {
  const magic = reader.u32();
  if (magic !== MAGIC) reader.fail('a zstd frame', `0x${magic.toString(16)}`);
  const descriptor = reader.u8();
  if ((descriptor & 8) !== 0) reader.fail('a reserved bit of 0', '1');
  if ((descriptor & 3) !== 0) reader.fail('no dictionary', 'one');
  const single = (descriptor & 0x20) !== 0;
  const declaredWindow = single ? 0 : readWindow(reader);
  const size = readContentSize(reader, descriptor >>> 6, single);
  if (size !== plainLength) reader.fail(`a content of ${plainLength} bytes`, `${size}`);
  const window = single ? size : declaredWindow;
  return { blockMax: Math.min(window, BLOCK_MAX), checksum: (descriptor & 4) !== 0 };
}

function readWindow(reader: ByteReader): number {
  const byte = reader.u8();
  const base = 2 ** (10 + (byte >>> 3));
  const window = base + (base / 8) * (byte & 7);
  if (window > WINDOW_MAX) reader.fail(`a window of at most ${WINDOW_MAX} bytes`, `${window}`);
  return window;
}

function readContentSize(reader: ByteReader, form: number, single: boolean): number {
  if (form === 1) return reader.u16() + 256;
  if (form === 2) return reader.u32();
  if (form === 3) return reader.u48() + reader.u16() * 2 ** 48;
  return single ? reader.u8() : reader.fail('a content size', 'none');
}

/** Passes over the blocks; those whose length is plain to see may not exceed the content. */
function skipBlocks(reader: ByteReader, blockMax: number, plainLength: number): void {
  let plain = 0;
  for (let last = false; !last; ) {
    const head = reader.u8() | (reader.u16() << 8);
    last = (head & 1) !== 0;
    const type = (head >>> 1) & 3;
    const size = head >>> 3;
    if (type === BlockType.reserved) reader.fail('a known type of block', `${type}`);
    if (size > blockMax) reader.fail(`a block of at most ${blockMax} bytes`, `${size}`);
    if (type !== BlockType.compressed) plain += size;
    if (plain > plainLength) reader.fail(`${plainLength} bytes in blocks`, 'more');
    reader.bytes(type === BlockType.run ? 1 : size);
  }
}
