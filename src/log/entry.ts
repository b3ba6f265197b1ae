/**
 * A log entry: a commit with the facts that are local to this store, none of them hashed. One row
 * of table `commits`:
 *
 *     1 u8 | flags u8 | sequence varint | height varint | corrected date varint
 *     spine varint | jump varint | merges varint
 *     root block u48 | heads block u48 | signature 64, if flag 1 | stored form
 *     flags         1 signed | 2 cut
 *     stored form   deltas u8 | the commit block, its stamp in full or as a difference
 *
 * `deltas` counts the differences to apply, one per first parent, from the nearest commit stored in
 * full to this one: 0 is in full, and DELTAS_MAX bounds the chain. Height and corrected date rise
 * from parent to child (as git's generation numbers, version 2), so that ancestry is walked without
 * loading commits. `spine` counts first parents down to the chain's end, and `jump` is the log
 * sequence of one of them, chosen as in a skew-binary list (Myers 1983), so that a date is found in
 * O(log n) steps; it is the entry's own sequence at the chain's end. `merges` counts the commits of
 * the chain that have other than one parent: where it does not change, history is a line. Block ids are 0 where they are
 * unknown.
 */
import { type Address, addressText } from '../blocks/address.js';
import { knownId, NO_ID } from '../blocks/extent.js';
import { openRow, sealRow } from '../blocks/rows.js';
import { copyBytes } from '../ground/bytes.js';
import { beyondHorizon, corrupt, missing, type RegaliaError } from '../ground/errors.js';
import { DELTAS_MAX } from '../ground/limits.js';
import { ByteReader } from '../ground/reader.js';
import { ByteWriter } from '../ground/writer.js';
import { type CommitLinks, readLinks } from './commit.js';

export const SIGNATURE_LENGTH = 64;
const ROW_VERSION = 1;
const FLAG_SIGNATURE = 1;
const FLAG_CUT = 2;

/** Local ids of the blocks that a commit names; undefined where it names none, or it is unknown. */
export interface BlockIds {
  readonly rootBlock: number | undefined;
  readonly headsBlock: number | undefined;
}

export interface LogEntry extends BlockIds {
  readonly address: Address;
  readonly bucket: Uint8Array;
  readonly parents: readonly Address[];
  /** The place in the bucket's log here: 0 is the first. */
  readonly sequence: number;
  /** 1 more than the highest parent's; a commit without parents has 1. */
  readonly height: number;
  /** The commit's time, or the latest parent's corrected date and 1, whichever is later. */
  readonly correctedMs: number;
  readonly spine: number;
  readonly jump: number;
  readonly merges: number;
  /**
   * History is cut off here: some parents were not here when the commit came, or were truncated
   * since.
   */
  readonly cut: boolean;
  /** Ed25519, 64 bytes, of the address: see signature.ts. */
  readonly signature: Uint8Array | undefined;
}

/** An entry, and what rebuilds its commit. */
export interface StoredCommit {
  readonly entry: LogEntry;
  readonly links: CommitLinks;
  readonly deltas: number;
  /** The commit block with its stamp in full, or as a difference. */
  readonly body: Uint8Array;
}

/** The row of table `commits`. */
export function sealEntry(entry: LogEntry, deltas: number, body: Uint8Array): Uint8Array {
  const { signature, cut } = entry;
  const flags = (signature === undefined ? 0 : FLAG_SIGNATURE) | (cut ? FLAG_CUT : 0);
  const writer = new ByteWriter(body.length + 160);
  writer.u8(ROW_VERSION).u8(flags);
  writer.varint(entry.sequence).varint(entry.height).varint(entry.correctedMs);
  writer.varint(entry.spine).varint(entry.jump).varint(entry.merges);
  writer.u48(entry.rootBlock ?? NO_ID).u48(entry.headsBlock ?? NO_ID);
  if (signature !== undefined) writer.bytes(signature);
  writer.u8(deltas).bytes(body);
  return sealRow('commits', entry.address, writer.view());
}

/**
 * The inverse of `sealEntry`; `body` is a view of `row`, all else is copied. REGALIA_CORRUPT where
 * the checksum fails, REGALIA_FORMAT or REGALIA_VERSION where it is right and the row is not.
 */
export function openEntry(address: Address, row: Uint8Array): StoredCommit {
  const bytes = openRow('commits', address, row);
  const reader = new ByteReader(bytes, 'commit row');
  reader.version(ROW_VERSION);
  const flags = reader.u8();
  if (flags > (FLAG_SIGNATURE | FLAG_CUT)) reader.fail('known flags', `${flags}`);
  const sequence = reader.varint();
  const height = reader.varint();
  const correctedMs = reader.varint();
  const spine = reader.varint();
  const jump = reader.varint();
  const merges = reader.varint();
  const rootBlock = knownId(reader.u48());
  const headsBlock = knownId(reader.u48());
  const isSigned = (flags & FLAG_SIGNATURE) !== 0;
  const signature = isSigned ? copyBytes(reader.bytes(SIGNATURE_LENGTH)) : undefined;
  const deltas = reader.u8();
  if (deltas > DELTAS_MAX) reader.fail(`at most ${DELTAS_MAX} differences`, `${deltas}`);
  const body = reader.bytes(reader.remaining);
  const links = readLinks(new ByteReader(body, 'commit'));
  if (deltas > 0 && links.parents.length === 0) reader.fail('a first parent', 'none');
  const entry: LogEntry = {
    address,
    bucket: links.bucket,
    parents: links.parents,
    sequence,
    height,
    correctedMs,
    spine,
    jump,
    merges,
    rootBlock,
    headsBlock,
    cut: (flags & FLAG_CUT) !== 0,
    signature,
  };
  return { entry, links, deltas, body };
}

// What is not here, and why, in three cases that must not be mistaken for each other. History is
// cut off and what is asked lies beyond: REGALIA_HORIZON. A row that must be here is lost:
// REGALIA_CORRUPT. Nothing here promises what the caller asks for: REGALIA_MISSING.

/**
 * Why a parent is not here: REGALIA_HORIZON where its child says that history is cut off, else
 * REGALIA_CORRUPT.
 */
export function absentParent(
  child: LogEntry,
  parent: Address,
): RegaliaError<'REGALIA_HORIZON' | 'REGALIA_CORRUPT'> {
  const text = addressText(parent);
  if (child.cut) return beyondHorizon(text);
  const expected = `commit ${text}, a parent of ${addressText(child.address)}`;
  return corrupt('table commits', expected, 'none');
}

/** REGALIA_MISSING: the caller asks for a commit that is not here. */
export function missingCommit(address: Address): RegaliaError<'REGALIA_MISSING'> {
  return missing('commit', addressText(address));
}
