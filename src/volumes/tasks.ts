/**
 * What workers do for the calling thread: compress pieces, decode them, hash them.
 *
 * Each task stands three times: done here, on the calling thread; packed to be sent, and its answer unpacked; and done
 * there, in a worker. What is sent is one buffer of its own, into which the inputs are copied and which is given away:
 * the copy (10 µs for 64 KiB, against 100 to 400 for the work) leaves the inputs here, so that a task whose worker died
 * can be done again. Inputs must not change before the answer. An answer is one buffer too, and its parts are views.
 */
import {
  ADDRESS_LENGTH,
  type Address,
  type AlgorithmNumber,
  addressInto,
  BLOCK_HEADER,
  BLOCK_VERSION,
  BlockKind,
  SHA256,
  verifyBlock,
} from '../blocks/address.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import { Codec, checkLength, compress, decompressInto, type Stored } from './codec.js';
import { contentsThere } from './contents-task.js';
import type { Fault, Parcel, Task, TaskName } from './task.js';

/** What a worker does. */
export const there: Readonly<Record<TaskName, (parcel: Parcel) => Parcel>> = {
  compress: compressThere,
  decode: decodeThere,
  hash: hashThere,
  contents: contentsThere,
};

/** Stored forms of pieces' content bytes; those that do not compress are the same arrays as were given. */
export function compressTask(level: number): Task<Uint8Array, Stored> {
  return {
    name: 'compress',
    size: (piece) => piece.length,
    sentFrom: 16_384,
    here: (pieces) => pieces.map((piece) => compress(piece, level)),
    send: (pieces) => parcelOf(pieces, [level]),
    receive: (answer, pieces) =>
      partsOf(answer).map((part, i) =>
        answer.numbers[i] === Codec.plain
          ? { codec: Codec.plain, stored: pieces[i] as Uint8Array }
          : { codec: Codec.zstd, stored: part },
      ),
  };
}

/**
 * The answer takes the place of the pieces: none is longer than its piece, and a worker that makes no buffers of its
 * own needs a third less memory (28 MB in place of 40, of four, measured).
 */
function compressThere(parcel: Parcel): Parcel {
  const [level] = parcel.numbers;
  const lengths: number[] = [];
  const codecs: number[] = [];
  let at = 0;
  for (const piece of partsOf(parcel)) {
    const { codec, stored } = compress(piece, level);
    codecs.push(codec);
    lengths.push(codec === Codec.plain ? 0 : stored.length);
    if (codec === Codec.plain) continue;
    parcel.bytes.set(stored, at);
    at += stored.length;
  }
  return { bytes: parcel.bytes, lengths, numbers: codecs };
}

/** A piece as it is stored: its content bytes in some codec, and the address of its block. */
export interface StoredPiece extends Readonly<{ codec: number; stored: Uint8Array }> {
  readonly plainLength: number;
  readonly address: Address;
}

/** A piece's whole block, or what is wrong with this one piece: REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_RANGE. */
export type Decoded = Uint8Array | RegaliaError;

/** Blocks of pieces, decompressed and compared with their addresses. */
export const decodeTask: Task<StoredPiece, Decoded> = {
  name: 'decode',
  size: (piece) => piece.plainLength,
  sentFrom: 65_536,
  here: (pieces) =>
    pieces.map((piece) => {
      try {
        checkLength(piece.plainLength);
        const block = new Uint8Array(BLOCK_HEADER + piece.plainLength);
        decodeInto(block, piece);
        return block;
      } catch (error) {
        if (isRegaliaError(error)) return error;
        throw error;
      }
    }),
  send: (pieces) =>
    parcelOf(
      pieces.flatMap(({ address, stored }) => [address, stored]),
      pieces.flatMap(({ codec, plainLength }) => [codec, plainLength]),
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
  const pieces = Array.from({ length: count }, (_, i) => ({
    address: parts[2 * i] as Address,
    stored: parts[2 * i + 1] as Uint8Array,
    codec: parcel.numbers[2 * i] as number,
    plainLength: parcel.numbers[2 * i + 1] as number,
  }));
  const faults: (Fault | undefined)[] = pieces.map(({ plainLength }) =>
    faultOf(() => checkLength(plainLength)),
  );
  const lengths = pieces.map(({ plainLength }, i) =>
    faults[i] === undefined ? BLOCK_HEADER + plainLength : 0,
  );
  const bytes = new Uint8Array(sum(lengths));
  for (const [i, block] of partsOf({ bytes, lengths }).entries()) {
    faults[i] ??= faultOf(() => decodeInto(block, pieces[i] as StoredPiece));
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

/** Fills a block of the piece's length, and verifies it. */
function decodeInto(block: Uint8Array, piece: StoredPiece): void {
  writeHeader(block, 0, piece.address[0] as AlgorithmNumber);
  decompressInto(piece.codec, piece.stored, block, BLOCK_HEADER);
  verifyBlock(piece.address, block, 'piece');
}

function writeHeader(out: Uint8Array, at: number, algorithm: AlgorithmNumber): void {
  out[at] = BlockKind.piece;
  out[at + 1] = BLOCK_VERSION;
  out[at + 2] = algorithm;
}

/** Addresses of the blocks of pieces with these content bytes. */
export function hashTask(algorithm: AlgorithmNumber): Task<Uint8Array, Address> {
  const whole = (pieces: readonly Uint8Array[]): Parcel => {
    const lengths = pieces.map((piece) => BLOCK_HEADER + piece.length);
    const bytes = new Uint8Array(sum(lengths));
    let at = 0;
    for (const piece of pieces) {
      writeHeader(bytes, at, algorithm);
      bytes.set(piece, at + BLOCK_HEADER);
      at += BLOCK_HEADER + piece.length;
    }
    return { bytes, lengths, numbers: [algorithm] };
  };
  return {
    name: 'hash',
    size: (piece) => piece.length,
    sentFrom: algorithm === SHA256 ? 131_072 : 8_192,
    here: (pieces) => pieces.flatMap((piece) => partsOf(hashThere(whole([piece])))),
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
