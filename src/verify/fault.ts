/**
 * Faults: what a scrub finds. A fault is something to mend. What cannot be read because of it is
 * not reported again: mending the one mends all.
 *
 *     corrupt     a block, or a commit's row, whose bytes are not those that were written
 *     missing     a block or a commit that something names, and that is not here
 *     structure   a block that is what its address says, and does not follow its format, or
 *                 contradicts what names it
 *     layout      a stream that lies where the rules of its bucket do not have it
 *     encoding    a stream whose bytes do not follow the encoding of its rule
 *     bucket      a commit with one bucket at two keys, or with heads that its tree does not have
 *     map         a commit's map that cannot be: it contradicts the trees, or is not the one map of
 *                 what it says
 *     link        a block that is here, but not where the local id beside a reference says
 *     index       the index from addresses to blocks lacks a block, or names one that is not there
 *     row         a row outside blocks (heads, shares, logs, numbers) that is damaged, absent or
 *                 contradicts others
 *     count       a table has more or fewer rows than it counts
 *     stamp       a commit's stamp is not what those of its parents make
 *     signature   a commit's signature is not its actor's
 */
import { type Address, addressText } from '../blocks/address.js';
import type { RowKey, Table } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import { isRegaliaError } from '../ground/errors.js';
import { utf8Text } from '../ground/text.js';
import { keyText, type Names } from '../tree/key.js';
import type { Steps } from '../tree/steps.js';

/** What is wrong: see the table in the guide. */
export type FaultKind =
  | 'corrupt'
  | 'missing'
  | 'unreadable'
  | 'structure'
  | 'layout'
  | 'encoding'
  | 'bucket'
  | 'map'
  | 'link'
  | 'index'
  | 'row'
  | 'count'
  | 'stamp'
  | 'signature';

/** One thing that is wrong in a store. */
export interface Fault {
  readonly kind: FaultKind;
  /** The block or commit that is hit. */
  readonly address: string | undefined;
  /** The key whose entry needs the block, in the bucket whose log has `commit`. */
  readonly key: string | undefined;
  readonly stream: string | undefined;
  /** The oldest commit that needs the block. */
  readonly commit: string | undefined;
  /** The table and the key of the row that is hit, as 'log 01ab…'. */
  readonly row: string | undefined;
  /** What is wrong, for people. */
  readonly what: string;
  /** Whether this store has what mends it; otherwise a peer, a backup or an archive may. */
  readonly repairable: boolean;
}

/** What a scrub ends with. */
export interface VerifySummary {
  readonly kind: 'summary';
  /** Blocks that commits reach, each counted once. */
  readonly blocks: number;
  /** Bytes of those, as stored uncompressed and unpatched. */
  readonly bytes: number;
  readonly commits: number;
  readonly faults: number;
}

export interface Place {
  readonly address?: Address | undefined;
  readonly names?: Names | undefined;
  readonly stream?: string | undefined;
  readonly commit?: Address | undefined;
}

/** A step of a scrub: bytes that were read, or a fault. */
export type Step = Fault | number;

/** What a row costs beside its bytes, in bytes read. */
export const ROW_COST = 256;

/** Steps, each at a cost. */
export function* stepsFor<T>(cost: number, steps: Steps<T>): Generator<Step, T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    yield cost;
  }
}

export function blockFault(
  kind: FaultKind,
  what: string,
  { address, names, stream, commit }: Place,
  repairable: boolean,
): Fault {
  return {
    kind,
    address: address && addressText(address),
    key: names && keyText(names),
    stream,
    commit: commit && addressText(commit),
    row: undefined,
    what,
    repairable,
  };
}

export function rowFault<T extends Table>(
  kind: FaultKind,
  what: string,
  table: T,
  key: RowKey<T> | undefined,
  repairable: boolean,
): Fault {
  const row = key === undefined ? table : rowText(table, key);
  return { ...blockFault(kind, what, {}, repairable), row };
}

/** A row's table, and its key: a number, readable text, or hexadecimal digits. */
export function rowText<T extends Table>(table: T, key: RowKey<T>): string {
  if (typeof key === 'number') return `${table} ${key}`;
  const text = table === 'meta' ? utf8Text(key) : undefined;
  return `${table} ${text ?? hex(key)}`;
}

/** What `read` returns, or the message of an error of the world's; bugs of ours are thrown on. */
export function orMessage<T>(read: () => T): T | string {
  try {
    return read();
  } catch (error) {
    if (isRegaliaError(error)) return error.message;
    throw error;
  }
}
