/**
 * What workers do for the calling thread: compress chunks, decode them, hash them.
 *
 * Each task stands three times: done here, on the calling thread; packed to be sent, and its answer
 * unpacked; and done there, in a worker. What is sent is one buffer of its own, into which the
 * inputs are copied and which is given away: the copy (10 µs for 64 KiB, against 100 to 400 for the
 * work) leaves the inputs here, so that a task whose worker died can be done again. Inputs must not
 * change before the answer. An answer is one buffer too, and its parts are views.
 */
import { ADDRESS_LENGTH, type Address, addressInto, verifyBlock } from '../blocks/address.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  putBlockHeader,
  SHA256,
} from '../ground/block-header.js';
import { type ErrorCode, type ErrorData, isRegaliaError, RegaliaError } from '../ground/errors.js';
import { Codec, checkLength, compress, decompressInto, type Stored } from './codec.js';
import { contentsThere } from './contents-task.js';

/** What a worker does. */
export const there: Readonly<Record<TaskName, (parcel: Parcel) => Parcel>> = {
  compress: compressThere,
  decode: decodeThere,
  hash: hashThere,
  contents: contentsThere,
};

/**
 * Stored forms of chunks' content bytes; those that do not compress are the same arrays as were
 * given.
 */
export function compressTask(level: number): Task<Uint8Array, Stored> {
  return {
    name: 'compress',
    size: (chunk) => chunk.length,
    sentFrom: 16_384,
    here: (chunks) => chunks.map((chunk) => compress(chunk, level)),
    send: (chunks) => parcelOf(chunks, [level]),
    receive: (answer, chunks) =>
      partsOf(answer).map((part, i) =>
        answer.numbers[i] === Codec.plain
          ? { codec: Codec.plain, stored: chunks[i] as Uint8Array }
          : { codec: Codec.zstd, stored: part },
      ),
  };
}

/**
 * The answer takes the place of the chunks: none is longer than its chunk, and a worker that makes
 * no buffers of its own needs a third less memory (28 MB in place of 40, of four, measured).
 */
function compressThere(parcel: Parcel): Parcel {
  const [level] = parcel.numbers;
  const lengths: number[] = [];
  const codecs: number[] = [];
  let at = 0;
  for (const chunk of partsOf(parcel)) {
    const { codec, stored } = compress(chunk, level);
    codecs.push(codec);
    lengths.push(codec === Codec.plain ? 0 : stored.length);
    if (codec === Codec.plain) continue;
    parcel.bytes.set(stored, at);
    at += stored.length;
  }
  return { bytes: parcel.bytes, lengths, numbers: codecs };
}

/** A chunk as it is stored: its content bytes in some codec, and the address of its block. */
export interface StoredChunk extends Readonly<{ codec: number; stored: Uint8Array }> {
  readonly plainLength: number;
  readonly address: Address;
}

/**
 * A chunk's whole block, or what is wrong with this one chunk: REGALIA_CORRUPT, REGALIA_FORMAT,
 * REGALIA_RANGE.
 */
export type Decoded = Uint8Array | RegaliaError;

/** Blocks of chunks, decompressed and compared with their addresses. */
export const decodeTask: Task<StoredChunk, Decoded> = {
  name: 'decode',
  size: (chunk) => chunk.plainLength,
  sentFrom: 65_536,
  here: (chunks) =>
    chunks.map((chunk) => {
      try {
        checkLength(chunk.plainLength);
        const block = new Uint8Array(BLOCK_HEADER + chunk.plainLength);
        decodeInto(block, chunk);
        return block;
      } catch (error) {
        if (isRegaliaError(error)) return error;
        throw error;
      }
    }),
  send: (chunks) =>
    parcelOf(
      chunks.flatMap(({ address, stored }) => [address, stored]),
      chunks.flatMap(({ codec, plainLength }) => [codec, plainLength]),
    ),
  receive: (answer) =>
    partsOf(answer).map((part, i) => {
      const fault = answer.faults?.[i];
      return fault === undefined ? part : new RegaliaError(fault.code, fault.message, fault.data);
    }),
};

function decodeThere(parcel: Parcel): Parcel {
  const parts = partsOf(parcel);
  const count = parts.length / 2;
  const chunks = Array.from({ length: count }, (_, i) => ({
    address: parts[2 * i] as Address,
    stored: parts[2 * i + 1] as Uint8Array,
    codec: parcel.numbers[2 * i] as number,
    plainLength: parcel.numbers[2 * i + 1] as number,
  }));
  const faults: (Fault | undefined)[] = chunks.map(({ plainLength }) =>
    faultOf(() => checkLength(plainLength)),
  );
  const lengths = chunks.map(({ plainLength }, i) =>
    faults[i] === undefined ? BLOCK_HEADER + plainLength : 0,
  );
  const bytes = new Uint8Array(sum(lengths));
  for (const [i, block] of partsOf({ bytes, lengths }).entries()) {
    faults[i] ??= faultOf(() => decodeInto(block, chunks[i] as StoredChunk));
  }
  return { bytes, lengths, numbers: [], faults };
}

function faultOf(act: () => void): Fault | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    return { code: error.code, message: error.message, data: error.data };
  }
}

/** Fills a block of the chunk's length, and verifies it. */
function decodeInto(block: Uint8Array, chunk: StoredChunk): void {
  putBlockHeader(block, 0, BlockKind.chunk, chunk.address[0] as number);
  decompressInto(chunk.codec, chunk.stored, block, BLOCK_HEADER);
  verifyBlock(chunk.address, block, 'chunk');
}

/** Addresses of the blocks of chunks with these content bytes. */
export function hashTask(algorithm: AlgorithmNumber): Task<Uint8Array, Address> {
  const whole = (chunks: readonly Uint8Array[]): Parcel => {
    const lengths = chunks.map((chunk) => BLOCK_HEADER + chunk.length);
    const bytes = new Uint8Array(sum(lengths));
    let at = 0;
    for (const chunk of chunks) {
      putBlockHeader(bytes, at, BlockKind.chunk, algorithm);
      bytes.set(chunk, at + BLOCK_HEADER);
      at += BLOCK_HEADER + chunk.length;
    }
    return { bytes, lengths, numbers: [algorithm] };
  };
  return {
    name: 'hash',
    size: (chunk) => chunk.length,
    sentFrom: algorithm === SHA256 ? 131_072 : 8_192,
    here: (chunks) => chunks.flatMap((chunk) => partsOf(hashThere(whole([chunk])))),
    send: whole,
    receive: partsOf,
  };
}

function hashThere(parcel: Parcel): Parcel {
  const blocks = partsOf(parcel);
  const algorithm = parcel.numbers[0] as AlgorithmNumber;
  const bytes = new Uint8Array(blocks.length * ADDRESS_LENGTH);
  for (const [i, block] of blocks.entries()) {
    addressInto(algorithm, block, bytes, i * ADDRESS_LENGTH);
  }
  return { bytes, lengths: blocks.map(() => ADDRESS_LENGTH), numbers: [] };
}

/** The parts, copied to one buffer that nothing else names. */
function parcelOf(parts: readonly Uint8Array[], numbers: readonly number[]): Parcel {
  const lengths = parts.map((part) => part.length);
  const bytes = new Uint8Array(sum(lengths));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, lengths, numbers };
}

function partsOf({ bytes, lengths }: Pick<Parcel, 'bytes' | 'lengths'>): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, (at += length)));
}

function sum(lengths: readonly number[]): number {
  let total = 0;
  for (const length of lengths) total += length;
  return total;
}

/**
 * Tasks that workers do: what stands for one on the calling thread, and what is sent.
 */
/**
 * What goes to a worker and comes back: parts, one behind the other, and what is to be said of
 * them.
 */
export interface Parcel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  readonly numbers: readonly number[];
  /** By part, where one of them failed. */
  readonly faults?: readonly (Fault | undefined)[];
}

/** A RegaliaError, in a form that goes between threads. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: ErrorData[ErrorCode];
}

/** A kind of task for items of one kind. */
export interface Task<Item, Result> {
  readonly name: TaskName;
  /** Plain bytes, by which work is split and counted. */
  size(item: Item): number;
  /**
   * Fewer plain bytes are done here. A hop takes 25 to 70 µs of this thread's time and adds 100 µs
   * to the answer's.
   */
  readonly sentFrom: number;
  /** What a batch that is sent holds, where it is not as much as others do. */
  readonly batchBytes?: number;
  here(items: readonly Item[]): Result[];
  send(items: readonly Item[]): Parcel;
  receive(answer: Parcel, items: readonly Item[]): Result[];
}

export type TaskName = 'compress' | 'decode' | 'hash' | 'contents';
