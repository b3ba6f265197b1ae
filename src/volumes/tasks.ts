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
import { type OpenChunk, readContents } from './chunk-bytes.js';
import { Codec, checkLength, compress, decompressInto, type Stored } from './codec.js';

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

/**
 * The task of reading chunks from open segments, for long reads: a worker reads the file itself,
 * and what comes back is one buffer, given away and not copied. Little is sent: what the chunks
 * are, and where they lie.
 *
 * The same is done here where it is not sent. Invariant: the bytes of all chunks of a batch, or
 * none: why is learnt by whoever reads them one by one.
 */
/** A volume's id, and a replica's. */
const ID_LENGTH = 16;
const BYTES_EACH = ADDRESS_LENGTH + 2 * ID_LENGTH;
const NUMBERS_EACH = 6;

/**
 * Content bytes one chunk behind the other, by batch; undefined where some could not be read, or
 * not be believed.
 */
export const contentsTask: Task<OpenChunk, Uint8Array | undefined> = {
  name: 'contents',
  size: ({ plainLength }) => plainLength,
  sentFrom: 131_072,
  batchBytes: 2 * 1024 * 1024,
  here: (chunks) => [soundContents(chunks)],
  send: (chunks) => {
    const bytes = new Uint8Array(chunks.length * BYTES_EACH);
    const numbers: number[] = [];
    let at = 0;
    for (const { address, ids, ...chunk } of chunks) {
      bytes.set(address, at);
      bytes.set(ids.volume, at + ADDRESS_LENGTH);
      bytes.set(ids.replica, at + ADDRESS_LENGTH + ID_LENGTH);
      at += BYTES_EACH;
      numbers.push(chunk.codec, chunk.plainLength, chunk.storedLength);
      numbers.push(chunk.descriptor, ids.number, chunk.offset);
    }
    return { bytes, lengths: [], numbers };
  },
  receive: ({ bytes, lengths }) => [lengths.length === 0 ? undefined : bytes],
};

export function contentsThere({ bytes, numbers }: Parcel): Parcel {
  const chunks: OpenChunk[] = [];
  for (let at = 0, n = 0; at < bytes.length; at += BYTES_EACH, n += NUMBERS_EACH) {
    const volume = at + ADDRESS_LENGTH;
    chunks.push({
      address: bytes.subarray(at, volume),
      codec: numbers[n] as number,
      plainLength: numbers[n + 1] as number,
      storedLength: numbers[n + 2] as number,
      descriptor: numbers[n + 3] as number,
      ids: {
        volume: bytes.subarray(volume, volume + ID_LENGTH),
        replica: bytes.subarray(volume + ID_LENGTH, at + BYTES_EACH),
        number: numbers[n + 4] as number,
      },
      offset: numbers[n + 5] as number,
    });
  }
  const contents = soundContents(chunks);
  if (contents === undefined) return { bytes: new Uint8Array(0), lengths: [], numbers: [] };
  return { bytes: contents, lengths: [contents.length], numbers: [] };
}

function soundContents(chunks: readonly OpenChunk[]): Uint8Array<ArrayBuffer> | undefined {
  try {
    return readContents(chunks);
  } catch (error) {
    if (isRegaliaError(error) || isFileError(error)) return undefined;
    throw error;
  }
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
