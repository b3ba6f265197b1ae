/**
 * Where the bytes of a chunk come from: one copy, or its group of shards. What leaves here was
 * hashed.
 */
import { addressText, verifyBlock } from '../blocks/address.js';
import { BLOCK_HEADER, BlockKind, putBlockHeader } from '../ground/block-header.js';
import { equalBytes, hex } from '../ground/bytes.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import type { ChunkRow, CodedPlace, Place } from './chunk-row.js';
import { decompressInto } from './codec.js';
import type { Groups } from './groups.js';
import type { VolumeSet } from './volume-set.js';

/** A chunk that was verified: its block, and the stored bytes that it was made of. */
export interface SoundChunk {
  readonly block: Uint8Array;
  readonly stored: Uint8Array;
}

/** The chunk of one copy. REGALIA_MISSING, REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_IO. */
export function chunkOfCopy(
  volumes: VolumeSet,
  row: ChunkRow,
  place: Place,
  what: string,
): SoundChunk {
  const { head, stored } = volumes.readSync(place, row.storedLength);
  if (!equalBytes(head.digest, row.address.subarray(1))) {
    const expected = addressText(row.address);
    const actual = `a record of ${hex(head.digest)}`;
    const message = `${what} ${expected} is damaged: in its place is ${actual}`;
    throw new RegaliaError('REGALIA_CORRUPT', message, { what, expected, actual });
  }
  return { block: decodedChunk(row, stored, what), stored };
}

/**
 * The chunk of a group. Where its own shards do not give it, all sound ones are asked. Errors as
 * above.
 */
export function chunkOfGroup(
  groups: Groups,
  row: ChunkRow,
  coded: CodedPlace,
  what: string,
): SoundChunk {
  try {
    const stored = groups.readSync(coded, row.storedLength);
    return { block: decodedChunk(row, stored, what), stored };
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
  }
  const { start, group } = coded;
  const stored = groups.restored(group).subarray(start, start + row.storedLength);
  return { block: decodedChunk(row, stored, what), stored };
}

/** The chunk of whatever gives it: undefined where nothing does. */
export function soundChunk(
  { volumes, groups }: { readonly volumes: VolumeSet; readonly groups: Groups },
  row: ChunkRow,
): SoundChunk | undefined {
  const sources = row.copies.map((place) => () => chunkOfCopy(volumes, row, place, 'chunk'));
  const { coded } = row;
  if (coded !== undefined) sources.push(() => chunkOfGroup(groups, row, coded, 'chunk'));
  for (const source of sources) {
    try {
      return source();
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }
  return undefined;
}

/** The verified block of stored bytes. */
export function decodedChunk(row: ChunkRow, stored: Uint8Array, what: string): Uint8Array {
  const { address, plainLength } = row;
  const block = new Uint8Array(BLOCK_HEADER + plainLength);
  putBlockHeader(block, 0, BlockKind.chunk, address[0] as number);
  decompressInto(row.codec, stored, block, BLOCK_HEADER);
  verifyBlock(address, block, what);
  return block;
}
