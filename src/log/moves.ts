/**
 * The moves of a commit, outside its contents root: which entry went where, in the order made.
 *
 *     7 u8 | version u8 | algorithm u8 | next ? 33 | count varint
 *     from: length varint, key | to: the same | …
 *
 * `?` is a byte 0, or 1 and what it announces. A key is its names joined by '/', without one in
 * front. A block has at most 32 KiB, and at least one move; a longer list goes on in the block
 * that `next` names. The list is cut where the next move would not fit, so equal lists give equal
 * blocks.
 */
import { ADDRESS_LENGTH, type Address, addressOf } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
  writeBlockHeader,
} from '../ground/block-header.js';
import { copyBytes, equalBytes } from '../ground/bytes.js';
import { badKey, badMove } from '../ground/errors.js';
import { varintLength } from '../ground/integers.js';
import { KEY_BYTES_MAX, MOVES_BLOCK_BYTES_MAX, NAME_BYTES_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { nameText } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { commitsBetween } from './ancestry.js';
import { readAddress, readOptional } from './commit.js';
import type { History } from './history.js';

/** The header, a next address, and the longest count. */
const MOVES_OVERHEAD = BLOCK_HEADER + 1 + ADDRESS_LENGTH + 3;

export interface Move {
  /** Names joined by '/'. */
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

export interface MovesBlock {
  readonly moves: readonly Move[];
  /** The block that the list goes on in. */
  readonly next: Address | undefined;
}

export interface AddressedBlock {
  readonly address: Address;
  readonly block: Uint8Array;
}

/**
 * The chain of blocks for a list, last first, so that each is stored before what names it; the
 * commit names the last one returned. No move, no block. REGALIA_KEY where a key is out of its
 * limits, REGALIA_MOVE where it goes nowhere.
 */
export function encodeMoves(algorithm: AlgorithmNumber, moves: readonly Move[]): AddressedBlock[] {
  const chain: AddressedBlock[] = [];
  let next: Address | undefined;
  for (const list of blockLists(moves).reverse()) {
    const block = encodeMovesBlock(algorithm, { moves: list, next });
    next = addressOf(algorithm, block);
    chain.push({ address: next, block });
  }
  return chain;
}

/** The moves of each block. */
function blockLists(moves: readonly Move[]): Move[][] {
  const lists: Move[][] = [];
  let room = 0;
  for (const move of moves) {
    checkMove(move);
    const length = lengthOf(move.from) + lengthOf(move.to);
    if (length > room) {
      lists.push([]);
      room = MOVES_BLOCK_BYTES_MAX - MOVES_OVERHEAD;
    }
    lists.at(-1)?.push(move);
    room -= length;
  }
  return lists;
}

function lengthOf(key: Uint8Array): number {
  return varintLength(key.length) + key.length;
}

function encodeMovesBlock(algorithm: AlgorithmNumber, { moves, next }: MovesBlock): Uint8Array {
  const writer = writeBlockHeader(new ByteWriter(256), BlockKind.moves, algorithm);
  if (next === undefined) writer.u8(0);
  else writer.u8(1).bytes(next);
  writer.varint(moves.length);
  for (const { from, to } of moves) writer.lengthed(from).lengthed(to);
  return writer.finish();
}

/** One block of the chain, which the result does not alias. REGALIA_FORMAT or REGALIA_VERSION. */
export function decodeMoves(block: Uint8Array): MovesBlock {
  const reader = new ByteReader(block, 'moves');
  if (block.length > MOVES_BLOCK_BYTES_MAX) {
    reader.fail(`at most ${MOVES_BLOCK_BYTES_MAX} bytes`, `${block.length}`);
  }
  readBlockHeader(reader.bytes(BLOCK_HEADER), 'moves', BlockKind.moves);
  const next = readOptional(reader, readAddress);
  const count = reader.varint();
  if (count === 0) reader.fail('a move', 'none');
  const moves: Move[] = [];
  for (let i = 0; i < count; i++) moves.push(readMove(reader));
  reader.end();
  return { moves, next };
}

function readMove(reader: ByteReader): Move {
  const from = copyBytes(reader.lengthed(KEY_BYTES_MAX));
  const to = copyBytes(reader.lengthed(KEY_BYTES_MAX));
  for (const key of [from, to]) {
    const fault = keyFault(key);
    if (fault !== undefined) reader.fail('a key', fault);
  }
  if (equalBytes(from, to)) reader.fail('two keys', 'one key twice');
  return { from, to };
}

/**
 * All moves of the chain that begins at `address`, in the order made. `read` gives a verified
 * block.
 */
export function* movesOf(
  address: Address | undefined,
  read: (address: Address) => Uint8Array,
): Generator<Move> {
  for (let at = address; at !== undefined; ) {
    const { moves, next } = decodeMoves(read(at));
    yield* moves;
    at = next;
  }
}

/** The moves of the commits that came after `bases` and up to `head`, in the order made. */
export function* movesBetween(
  history: History,
  blocks: Blocks,
  bases: Iterable<Address>,
  head: Address,
): Generator<Move> {
  for (const { address, movesBlock } of commitsBetween(history, bases, [head])) {
    const { moves } = history.commit(address);
    yield* movesOf(moves, (block) => {
      const id = block === moves ? movesBlock : undefined;
      const { bytes, start, plainLength } = blocks.read(id, block, 'moves');
      return bytes.slice(start, start + plainLength);
    });
  }
}

function checkMove({ from, to }: Move): void {
  for (const key of [from, to]) {
    const fault = keyFault(key);
    if (fault === undefined) continue;
    throw badKey(nameText(key.subarray(0, 300)), fault, { actual: key.length });
  }
  if (!equalBytes(from, to)) return;
  const text = nameText(from);
  throw badMove(text, text, 'a move goes elsewhere');
}

/** What is wrong with a key, or undefined. */
function keyFault(key: Uint8Array): string | undefined {
  if (key.length > KEY_BYTES_MAX) return `${key.length} bytes`;
  let start = 0;
  for (let i = 0; i <= key.length; i++) {
    if (key[i] === 0) return 'a NUL';
    if (i < key.length && key[i] !== 0x2f) continue;
    const fault = nameFault(key, start, i);
    if (fault !== undefined) return fault;
    start = i + 1;
  }
  return undefined;
}

function nameFault(key: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length === 0) return 'an empty name';
  if (length > NAME_BYTES_MAX) return `a name of ${length} bytes`;
  const dots = length <= 2 && key[start] === 0x2e && key[end - 1] === 0x2e;
  return dots ? 'a name . or ..' : undefined;
}
