/**
 * The door through which heads move: where a branch begins by a fork, moves by commits, a reset or
 * an undo, and ends; only from where it is expected or was looked at, with all that the new head
 * needs, and with a row of the reflog for each step. An interface, so that heads may lie in another
 * engine than the blocks. What an import brings, and the first branch of a store, are written with
 * the rest of it, by `moveBranch` (log/reflog).
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Batch, Durability, Engine, WriteOptions } from '../engine/engine.js';
import { BranchRow, branch, delBranch } from '../log/branches.js';
import { type Moving, moveBranch, putMove } from '../log/reflog.js';
import { freeShare } from '../log/shares.js';

/** A branch of a bucket, the commit that it is expected to name, and the one that it shall. */
export interface HeadMove {
  readonly bucket: Uint8Array;
  readonly branch: string;
  readonly expected: Address;
  /** Where it comes to be, one after the other: the last is its head. */
  readonly steps: readonly HeadStep[];
}

export interface HeadStep extends Moving {
  readonly commit: Address;
}

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

  /** Begins a branch. Resolves with whether there was none of that name, once that is on disk. */
  begin(
    branch: Pick<HeadMove, 'bucket' | 'branch'>,
    step: HeadStep,
    writes: (batch: Batch) => void,
  ): Promise<boolean>;

  /** Ends a branch. Resolves with whether there was one, once that is as durable as asked. */
  end(
    branch: Pick<HeadMove, 'bucket' | 'branch'>,
    timeMs: number,
    durability: Durability,
  ): Promise<boolean>;

  /**
   * Moves the head while no other process can: `writes` is given what it is, and returns the steps
   * from there, or undefined where it stays.
   */
  set(
    branch: Pick<HeadMove, 'bucket' | 'branch'>,
    writes: (batch: Batch, head: Address) => readonly HeadStep[] | undefined,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean>;
}

/** Heads beside the blocks, in one engine: one write does it all. */
export class EngineDoor implements Door {
  readonly #engine: Engine;
  /** By the bucket's id, as its lines have it, and name. */
  readonly #rows = new WeakMap<Uint8Array, Map<string, BranchRow>>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  compareAndSet(
    move: HeadMove,
    writes: (batch: Batch) => boolean,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean> {
    const steps = (batch: Batch, head: Address): readonly HeadStep[] | undefined => {
      return sameAddress(head, move.expected) && writes(batch) ? move.steps : undefined;
    };
    return this.set(move, steps, durability, options);
  }

  set(
    { bucket, branch: name }: Pick<HeadMove, 'bucket' | 'branch'>,
    writes: (batch: Batch, head: Address) => readonly HeadStep[] | undefined,
    durability: Durability,
    options?: WriteOptions,
  ): Promise<boolean> {
    const row = this.#row(bucket, name);
    return this.#engine.write(
      (batch) => {
        const there = row.read(batch);
        if (there === undefined) return false;
        const steps = writes(batch, there.head);
        let { head, moved } = there;
        for (const step of steps ?? []) {
          moved = putMove(batch, bucket, name, moved, step);
          head = step.commit;
        }
        if (moved !== there.moved) row.put(batch, { head, id: there.id, moved });
        return steps !== undefined;
      },
      durability,
      options,
    );
  }

  begin(
    { bucket, branch: name }: Pick<HeadMove, 'bucket' | 'branch'>,
    step: HeadStep,
    writes: (batch: Batch) => void,
  ): Promise<boolean> {
    return this.#engine.write((batch) => {
      writes(batch);
      if (branch(batch, bucket, name) !== undefined) return false;
      moveBranch(batch, bucket, name, { head: step.commit, id: undefined }, step);
      return true;
    }, 'sync');
  }

  end(
    { bucket, branch: name }: Pick<HeadMove, 'bucket' | 'branch'>,
    timeMs: number,
    durability: Durability,
  ): Promise<boolean> {
    return this.#engine.write((batch) => {
      const gone = branch(batch, bucket, name);
      if (gone === undefined) return false;
      freeShare(batch, gone.id);
      delBranch(batch, bucket, name);
      putMove(batch, bucket, name, gone.moved, { cause: 'delete', commit: gone.head, timeMs });
      return true;
    }, durability);
  }

  #row(bucket: Uint8Array, name: string): BranchRow {
    let rows = this.#rows.get(bucket);
    if (rows === undefined) this.#rows.set(bucket, (rows = new Map()));
    let row = rows.get(name);
    if (row === undefined) rows.set(name, (row = new BranchRow(bucket, name)));
    return row;
  }
}
