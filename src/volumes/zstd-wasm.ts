/**
 * zstd as WebAssembly, for runtimes without it and for short chunks: Zstandard 1.5 as
 * @bokuweb/zstd-wasm ships it.
 *
 * Loaded when a store is opened (3 ms), and synchronously, so that a read in the middle of
 * synchronous code can be decompressed: through Emscripten's hook for how to instantiate, and the
 * file that the package's entry loads, since the entry can only be awaited and makes a context for
 * each call. It is no promise of the package, so its version is pinned. A context and a buffer each
 * way live as long as the thread: 16 KiB go 1.3 times faster in, 64 KiB of text 1.5 times out
 * (measured).
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { assert, errnoOf, ioError, ioFailed } from '../ground/errors.js';

/** What we use of WebAssembly, which the types of Node leave to those of browsers. */
declare const WebAssembly: {
  Module: new (program: Uint8Array) => object;
  Instance: new (module: object, imports: object) => object;
  RuntimeError: new () => Error;
};

/** What we use of the file; numbers are addresses in its memory, negative ones errors of zstd. */
interface ZstdModule {
  /** Replaced whenever the memory grows. */
  readonly HEAPU8: Uint8Array;
  instantiateWasm: (imports: object, receive: (instance: object) => unknown) => object;
  init(source: string): void;
  _malloc(length: number): number;
  _ZSTD_createCCtx(): number;
  _ZSTD_createDCtx(): number;
  /** Context, out, its length, bytes, their length, dictionary, its length, level. */
  _ZSTD_compress_usingDict(...numbers: number[]): number;
  /** The same without a level. */
  _ZSTD_decompress_usingDict(...numbers: number[]): number;
}

export class ZstdWasm {
  readonly #module: ZstdModule;
  readonly #bufferLength: number;
  readonly #compression: number;
  readonly #decompression: number;
  readonly #in: number;
  readonly #out: number;

  /**
   * Neither plain bytes nor frames may be longer than `bufferLength`. REGALIA_IO where the package
   * can't be read, and, with errno ENOMEM, where WebAssembly has no memory.
   */
  constructor(bufferLength: number) {
    const module = loadModule();
    this.#module = module;
    this.#bufferLength = bufferLength;
    this.#compression = module._ZSTD_createCCtx();
    this.#decompression = module._ZSTD_createDCtx();
    this.#in = module._malloc(bufferLength);
    this.#out = module._malloc(bufferLength);
    const all = [this.#compression, this.#decompression, this.#in, this.#out];
    assert(!all.includes(0), 'there is memory for zstd');
  }

  /** One frame of a declared content size; undefined where it is longer than `most`. */
  compress(plain: Uint8Array, level: number, most: number): Uint8Array | undefined {
    assert(plain.length <= this.#bufferLength, 'plain bytes fit the buffer');
    this.#module.HEAPU8.set(plain, this.#in);
    const outLength = Math.min(most, this.#bufferLength);
    const buffers = [this.#out, outLength, this.#in, plain.length, 0, 0];
    const length = this.#module._ZSTD_compress_usingDict(this.#compression, ...buffers, level);
    return length < 0 ? undefined : this.#module.HEAPU8.slice(this.#out, this.#out + length);
  }

  /** Fills `out[at..]` from a frame; false where the frame gives fewer bytes, more, or none. */
  decompress(frame: Uint8Array, out: Uint8Array, at: number): boolean {
    const length = out.length - at;
    assert(Math.max(frame.length, length) <= this.#bufferLength, 'frame and bytes fit');
    this.#module.HEAPU8.set(frame, this.#in);
    const buffers = [this.#out, length, this.#in, frame.length, 0, 0];
    const found = this.#module._ZSTD_decompress_usingDict(this.#decompression, ...buffers);
    if (found !== length) return false;
    out.set(this.#module.HEAPU8.subarray(this.#out, this.#out + length), at);
    return true;
  }
}

/** Whether the error is a trap, which leaves an instance's memory in no known state. */
export function isTrap(error: unknown): boolean {
  return error instanceof WebAssembly.RuntimeError;
}

const PACKAGE = '@bokuweb/zstd-wasm';

function loadModule(): ZstdModule {
  try {
    return startModule();
  } catch (error) {
    if (error instanceof RangeError) {
      const why = 'there is no memory for WebAssembly, which takes ten gigabytes of address space';
      const advice = 'raise the limit of this process (ulimit -v)';
      const facts = { errno: 'ENOMEM', retryable: true, cause: error };
      throw ioFailed(PACKAGE, 'load', `${why}: ${advice}`, facts);
    }
    if (errnoOf(error) === undefined) throw error;
    throw ioError(error, PACKAGE, 'load');
  }
}

function startModule(): ZstdModule {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve(PACKAGE));
  const file = join(folder, 'zstd.js');
  const { Module: module } = require(file) as { Module: ZstdModule };
  // The file can be started once only. Whoever loads it next, here or elsewhere, gets one of their
  // own.
  delete require.cache[file];
  const program = new WebAssembly.Module(readFileSync(join(folder, 'zstd.wasm')));
  let failure: unknown;
  module.instantiateWasm = (imports, receive) => {
    try {
      receive(new WebAssembly.Instance(program, imports));
    } catch (error) {
      // Thrown here it would be printed, and swallowed.
      failure = error;
    }
    return {};
  };
  module.init('zstd.wasm');
  if (failure !== undefined) throw failure;
  return module;
}
