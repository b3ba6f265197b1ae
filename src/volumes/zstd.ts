/**
 * zstd, one frame at a time: by the runtime where it has zstd (Node 22.15 and later) and the chunk
 * is long enough, else by WebAssembly. Both write frames that both read, so a store goes from one
 * runtime to another.
 *
 * The runtime makes a context for each call, WebAssembly keeps one: below 16 KiB it is faster even
 * where the other is there (512 B: 10 to 29 µs in and 2 to 12 µs out against 19 to 44 and 12 to 25;
 * 64 KiB of programs at level 3: 375 µs in, 112 µs out against 242 and 87; Node 24). Nothing is
 * loaded before the first call.
 */
import zlib from 'node:zlib';
import { BLOCK_BYTES_MAX } from '../ground/limits.js';
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

function wasm(): ZstdWasm {
  loaded ??= new ZstdWasm(frameBound(BLOCK_BYTES_MAX));
  return loaded;
}

/**
 * One frame of at most `most` bytes, or undefined where that is too little. At most PLAIN_MAX
 * bytes.
 */
export function compressFrame(
  plain: Uint8Array,
  level: number,
  most: number,
  byRuntime: boolean = hasNativeZstd,
): Uint8Array | undefined {
  if (!byRuntime || plain.length < NATIVE_FROM) return wasm().compress(plain, level, most);
  const parameter = native.constants.ZSTD_c_compressionLevel as number;
  const options = { chunkSize: plain.length, params: { [parameter]: level } };
  const frame = native.zstdCompressSync?.(plain, options) as Buffer;
  return frame.length > most
    ? undefined
    : new Uint8Array(frame.buffer, frame.byteOffset, frame.length);
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
