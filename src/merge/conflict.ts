/**
 * Conflicts as data, for merges, commits and reverts alike.
 *
 * A conflict stands at a key and, where one stream is meant, at a stream. Its key is the one that
 * the entry has in the base or, where the base has none, the one at which both sides meet; keys
 * count from the bucket that was asked. It is reported once, with what each side has and with the
 * answers that it takes; a second run of the same merge with answers finds the same conflicts and
 * resolves them.
 */
import { addressText } from '../blocks/address.js';
import { copyBytes, hex } from '../ground/bytes.js';
import { INLINE, type StreamPart } from '../tree/record.js';

/** What stands against each other. */
export type ConflictKind =
  /** A stream that both sides changed, or added, differently. */
  | 'both-changed'
  | 'both-added'
  /**
   * Removed by ours and changed by theirs, and the other way round: a stream, or an entry with all
   * below it.
   */
  | 'removed/changed'
  | 'changed/removed'
  /** Places that contradict each other: see `MoveConflict`. */
  | 'moved'
  /** What a transaction had read, copied or guarded, and others changed. */
  | 'read/changed';

/** Why two places contradict each other. */
export type MoveConflict =
  /** One entry was moved to two places. */
  | 'two-places'
  /** Two entries came to one name. */
  | 'one-name'
  /** Together the moves bring an entry below itself. */
  | 'cycle'
  /** Earlier merges made one entry of two, or two of one, and not in the same way. */
  | 'tangled';

/** One of the two that are merged. */
export type Side = 'ours' | 'theirs';

/** What resolves a conflict: a side's state, the base's, or both beside each other. */
export type Take = Side | 'base' | 'both';

/** What one side has, as programs see it. */
export interface ConflictSide {
  /** Where that side has the entry. */
  readonly key: string;
  /** Of a stream: its logical bytes. */
  readonly size?: number;
  /** Of a stream in metadata: its bytes. */
  readonly inline?: Uint8Array;
  /** Of a stream that is a content: its address. */
  readonly address?: string;
  /** Of a bucket: its id, 32 hexadecimal digits. */
  readonly bucket?: string;
}

/** A change that no policy resolved, with what each side has. */
export interface Conflict {
  /** The entry's key in the base or, where the base has none, the one at which both sides meet. */
  readonly key: string;
  readonly stream?: string;
  readonly kind: ConflictKind;
  /** Of moves. */
  readonly why?: MoveConflict;
  /** Undefined where that side has nothing there. */
  readonly base?: ConflictSide;
  readonly ours?: ConflictSide;
  readonly theirs?: ConflictSide;
  /** The answers that it takes. */
  readonly answers: readonly Take[];
}

/** What one side of a conflict has, as merging sees it. */
export interface TreeSide {
  /** Where that side has the entry. */
  readonly key: string;
  /** Of a stream: its contents. */
  readonly part?: StreamPart | undefined;
  /** Of a bucket: its id. */
  readonly bucket?: Uint8Array | undefined;
}

/** A conflict as merging sees it. */
export interface TreeConflict {
  readonly key: string;
  readonly stream?: string | undefined;
  readonly kind: ConflictKind;
  /** Of moves. */
  readonly why?: MoveConflict | undefined;
  /** Undefined where that side has nothing there. */
  readonly base: TreeSide | undefined;
  readonly ours: TreeSide | undefined;
  readonly theirs: TreeSide | undefined;
  /** The answers that it takes. */
  readonly answers: readonly Take[];
}

export function publicConflict(conflict: TreeConflict): Conflict {
  const { key, stream, kind, why, base, ours, theirs, answers } = conflict;
  return {
    key,
    ...(stream === undefined ? {} : { stream }),
    kind,
    ...(why === undefined ? {} : { why }),
    ...(base === undefined ? {} : { base: publicSide(base) }),
    ...(ours === undefined ? {} : { ours: publicSide(ours) }),
    ...(theirs === undefined ? {} : { theirs: publicSide(theirs) }),
    answers,
  };
}

function publicSide({ key, part, bucket }: TreeSide): ConflictSide {
  return {
    key,
    ...(part === undefined ? {} : { size: part.length }),
    ...(part?.form === INLINE ? { inline: copyBytes(part.bytes) } : {}),
    ...(part === undefined || part.form === INLINE ? {} : { address: addressText(part.address) }),
    ...(bucket === undefined ? {} : { bucket: hex(bucket) }),
  };
}
