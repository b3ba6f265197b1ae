/**
 * The door through which heads move, and the only one: where a branch begins, by the first commit
 * of a store, a fork, a clone or a pack that comes in; moves, by commits, a reset or an undo; and
 * ends. Only from where it is expected or was looked at, with all that the new head needs, and with
 * a row of the reflog for each step. An interface, so that heads may lie in another engine than the
 * blocks.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Batch, Durability, Engine, WriteOptions } from '../engine/engine.js';
import { type Branch, HeadRow } from '../log/branches.js';
import { lastMove, type Move, putMove } from '../log/reflog.js';
import { freeShare } from '../log/shares.js';

/** A branch of a bucket, whether there is one or not. */
export interface HeadPlace {
  /** The bucket's id. */
  readonly bucket: Uint8Array;
  readonly branch: string;
}

/** The commit that a branch is expected to name, and those that it shall. */
export interface HeadMove extends HeadPlace {
  readonly expected: Address;
  /** Where it comes to be, one after the other: the last is its head. */
  readonly steps: readonly HeadStep[];
}

/** A step is a row of the reflog. A branch whose last step is a deletion ends. */
export type HeadStep = Omit<Move, 'position'>;

/** Where branches are, in the order of their places; undefined where there is none. */
export type Heads = readonly (Address | undefined)[];

/** The steps of each branch from where it is. */
type Decide = (batch: Batch, heads: Heads) => readonly (readonly HeadStep[])[] | undefined;

export interface Door {
  /**
   * Writes what `writes` puts and moves the head, both or neither: neither where the head is not as
   * expected. It stays also where `writes` returns false. Resolves with whether it moved, once that
   * is as durable as asked.
   */
  compareAndSet(
    move: HeadMove,
    writes: (batch: Batch) => boolean,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean>;

  /**
   * Moves heads together, and begins and ends branches, while no other process can: `decide` is
   * given what they are, in the order of the places, and returns the steps of each from there. It
   * puts what goes with them. Where it throws nothing is written; where it returns undefined the
   * heads stay, and what it put is written. Resolves with whether it returned any.
   */
  set(
    places: readonly HeadPlace[],
    decide: Decide,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean>;
}

/** Heads beside the blocks, in one engine: one write does it all. */
export class EngineDoor implements Door {
  readonly #engine: Engine;
  /** By the bucket's id, as its lines have it, and name. */
  readonly #rows = new WeakMap<Uint8Array, Map<string, HeadRow>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  compareAndSet(
    move: HeadMove,
    writes: (batch: Batch) => boolean,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean> {
    const row = this.#row(move);
    return this.#engine.write(
      (batch) => {
        const there = row.read(batch);
        if (there === undefined || !sameAddress(there.head, move.expected)) return false;
        if (!writes(batch)) return false;
        moveHead(batch, move, row, there, move.steps);
        return true;
      },
      durability,
      options,
    );
  }

  set(
    places: readonly HeadPlace[],
    decide: Decide,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean> {
    const rows = places.map((place) => ({
      place,
      row: new HeadRow(place.bucket, place.branch),
    }));
    return this.#engine.write(
      (batch) => {
        const heads = rows.map(({ row }) => row.read(batch)?.head);
        const steps = decide(batch, heads);
        if (steps === undefined) return false;
        for (const [i, { place, row }] of rows.entries()) {
          // What was put meanwhile may have come to follow it.
          moveHead(batch, place, row, row.read(batch), steps[i] ?? []);
        }
        return true;
      },
      durability,
      options,
    );
  }

  /** That of a branch which commits move is kept. */
  #row({ bucket, branch }: HeadPlace): HeadRow {
    let rows = this.#rows.get(bucket);
    if (rows === undefined) this.#rows.set(bucket, (rows = new Map()));
    let row = rows.get(branch);
    if (row === undefined) rows.set(branch, (row = new HeadRow(bucket, branch)));
    return row;
  }
}

/** Takes a branch from where it was just read to be, which may be nowhere. */
function moveHead(
  batch: Batch,
  { bucket, branch }: HeadPlace,
  row: HeadRow,
  there: Branch | undefined,
  steps: readonly HeadStep[],
): void {
  const last = steps.at(-1);
  if (last === undefined) return;
  // One that was deleted may have had the name.
  let moved = there === undefined ? lastMove(batch, bucket, branch) : there.moved;
  for (const step of steps) moved = putMove(batch, bucket, branch, moved, step);
  if (last.cause !== 'delete') row.put(batch, { head: last.commit, id: there?.id, moved });
  else if (row.del(batch)) freeShare(batch, there?.id);
}
