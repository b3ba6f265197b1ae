/**
 * What workers do for the calling thread: compress chunks, decode them, and read them from
 * segments.
 *
 * Each task stands three times: done here, on the calling thread; packed to be sent, and its answer
 * unpacked; and done there, in a worker. What is sent is one buffer of its own, into which the
 * inputs are copied and which is given away: the copy (10 µs for 64 KiB, against 100 to 400 for the
 * work) leaves the inputs here, so that a task whose worker died can be done again. Inputs must not
 * change before the answer. An answer is one buffer too, of which the results are views.
 *
 * A chunk that is not sound has no result: why is found out by reading it alone.
 */
import { ADDRESS_LENGTH, type Address } from '../blocks/address.js';
import { BLOCK_HEADER } from '../ground/block-header.js';
import { concatBytes } from '../ground/bytes.js';
import { attempt, isRegaliaError } from '../ground/errors.js';
import type { OwnBytes } from '../ground/slab.js';
import { type OpenChunk, readContents } from './chunk-bytes.js';
import {
  Codec,
  checkedLength,
  compress,
  decodeBlock,
  type Stored,
  type StoredChunk,
} from './codec.js';

/** What goes to a worker and comes back: arrays, one behind the other, and numbers about them. */
export interface Parcel {
  readonly bytes: OwnBytes;
  readonly lengths: readonly number[];
  readonly numbers: readonly number[];
}

export interface Task<Item, Result> {
  readonly name: TaskName;
  /** Plain bytes, by which work is split and counted. */
  size(item: Item): number;
  /** Fewer plain bytes are done here: a hop costs 25 to 70 µs, and the answer 100 more. */
  readonly sentFrom: number;
  /** The bytes of a batch that is sent, where they are not as many as in other tasks. */
  readonly batchBytes?: number;
  here(items: readonly Item[]): Result[];
  send(items: readonly Item[]): Parcel;
  receive(answer: Parcel, items: readonly Item[]): Result[];
}

export type TaskName = 'compress' | 'decode' | 'contents';

export const there: Readonly<Record<TaskName, (parcel: Parcel) => Parcel>> = {
  compress: compressThere,
  decode: decodeThere,
  contents: contentsThere,
};

// Compressing.

/** Stored forms of content bytes: of those that do not compress, the arrays that were given. */
export function compressTask(level: number): Task<Uint8Array, Stored> {
  return {
    name: 'compress',
    size: (chunk) => chunk.length,
    sentFrom: 16_384,
    here: (chunks) => chunks.map((chunk) => compress(chunk, level)),
    send: (chunks) => parcelOf(chunks, [level]),
    receive: (answer, chunks) =>
      arraysOf(answer).map((stored, i) =>
        answer.numbers[i] === Codec.plain
          ? { codec: Codec.plain, stored: chunks[i] as Uint8Array }
          : { codec: Codec.zstd, stored },
      ),
  };
}

/**
 * The answer stands where the chunks stood: none is longer than its chunk, and a worker that makes
 * no buffers of its own needs a third less memory (28 MB instead of 40, of four, measured).
 */
function compressThere(parcel: Parcel): Parcel {
  const [level] = parcel.numbers;
  const lengths: number[] = [];
  const codecs: number[] = [];
  let at = 0;
  for (const chunk of arraysOf(parcel)) {
    const { codec, stored } = compress(chunk, level);
    codecs.push(codec);
    lengths.push(codec === Codec.plain ? 0 : stored.length);
    if (codec === Codec.plain) continue;
    parcel.bytes.set(stored, at);
    at += stored.length;
  }
  return { bytes: parcel.bytes, lengths, numbers: codecs };
}

// Decoding.

/** Blocks of chunks, compared with their addresses; undefined for one that is not sound. */
export const decodeTask: Task<StoredChunk, Uint8Array | undefined> = {
  name: 'decode',
  size: (chunk) => chunk.plainLength,
  sentFrom: 65_536,
  here: (chunks) => chunks.map((chunk) => attempt(() => decodeBlock(chunk))),
  send: (chunks) =>
    parcelOf(
      chunks.flatMap(({ address, stored }) => [address, stored]),
      chunks.flatMap(({ codec, plainLength }) => [codec, plainLength]),
    ),
  receive: (answer) =>
    arraysOf(answer).map((block, i) => (answer.numbers[i] === SOUND ? block : undefined)),
};

/** How an answer says of a chunk that it is sound. */
const SOUND = 1;

function decodeThere(parcel: Parcel): Parcel {
  const arrays = arraysOf(parcel);
  const chunks = Array.from({ length: arrays.length / 2 }, (_, i) => ({
    address: arrays[2 * i] as Address,
    stored: arrays[2 * i + 1] as Uint8Array,
    codec: parcel.numbers[2 * i] as number,
    plainLength: parcel.numbers[2 * i + 1] as number,
  }));
  // A length that no block has is not believed.
  const lengths = chunks.map(({ plainLength }) => {
    return BLOCK_HEADER + (attempt(() => checkedLength(plainLength)) ?? 0);
  });
  const bytes = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
  const numbers = arraysOf({ bytes, lengths }).map((block, i) => {
    return attempt(() => decodeBlock(chunks[i] as StoredChunk, block)) === undefined ? 0 : SOUND;
  });
  return { bytes, lengths, numbers };
}

// Reading contents. A worker reads the file itself, and what comes back is one buffer, given away
// and not copied. Little is sent: what the chunks are, and where they lie.

const ID_LENGTH = 16;
const BYTES_EACH = ADDRESS_LENGTH + 2 * ID_LENGTH;
const NUMBERS_EACH = 6;

/**
 * The content bytes of chunks in open segments, one chunk behind the other, by batch; undefined
 * where some of the batch could not be read, or not be believed.
 */
export const contentsTask: Task<OpenChunk, Uint8Array | undefined> = {
  name: 'contents',
  size: ({ chunk }) => chunk.plainLength,
  sentFrom: 131_072,
  batchBytes: 2 * 1024 * 1024,
  here: (chunks) => [soundContents(chunks)],
  send: (chunks) => {
    const arrays = chunks.flatMap(({ chunk, ids }) => [chunk.address, ids.volume, ids.replica]);
    const numbers = chunks.flatMap(({ chunk, descriptor, ids, offset }) => {
      const { codec, plainLength, storedLength } = chunk;
      return [codec, plainLength, storedLength, descriptor, ids.number, offset];
    });
    return { bytes: concatBytes(arrays), lengths: [], numbers };
  },
  receive: ({ bytes, lengths }) => [lengths.length === 0 ? undefined : bytes],
};

function contentsThere({ bytes, numbers }: Parcel): Parcel {
  const chunks: OpenChunk[] = [];
  for (let at = 0, n = 0; at < bytes.length; at += BYTES_EACH, n += NUMBERS_EACH) {
    const volume = at + ADDRESS_LENGTH;
    const [codec, plainLength, storedLength] = numbers.slice(n, n + 3) as [number, number, number];
    const [descriptor, number, offset] = numbers.slice(n + 3, n + 6) as [number, number, number];
    const ids = {
      volume: bytes.subarray(volume, volume + ID_LENGTH),
      replica: bytes.subarray(volume + ID_LENGTH, at + BYTES_EACH),
      number,
    };
    const chunk = { address: bytes.subarray(at, volume), codec, plainLength, storedLength };
    chunks.push({ chunk, descriptor, ids, offset });
  }
  const contents = soundContents(chunks);
  if (contents === undefined) return { bytes: new Uint8Array(0), lengths: [], numbers: [] };
  return { bytes: contents, lengths: [contents.length], numbers: [] };
}

function soundContents(chunks: readonly OpenChunk[]): OwnBytes | undefined {
  try {
    return readContents(chunks);
  } catch (error) {
    const isFileError = error instanceof Error && 'syscall' in error;
    if (isRegaliaError(error) || isFileError) return undefined;
    throw error;
  }
}

// Parcels.

/** The arrays, copied to one buffer that nothing else names. */
function parcelOf(arrays: readonly Uint8Array[], numbers: readonly number[]): Parcel {
  const lengths = arrays.map((array) => array.length);
  return { bytes: concatBytes(arrays), lengths, numbers };
}

function arraysOf({ bytes, lengths }: Pick<Parcel, 'bytes' | 'lengths'>): Uint8Array[] {
  let at = 0;
  return lengths.map((length) => bytes.subarray(at, (at += length)));
}
