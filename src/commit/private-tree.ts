/**
 * A transaction's private tree: where it began, with the edits that were applied so far. Edits are
 * applied at once, or in steps while others run; who needs the tree meanwhile finishes the steps
 * first.
 */

import { type EntryEdit, type MovedPart, TreeEdit } from '../tree/apply.js';
import type { Tree } from '../tree/lookup.js';
import type { RootRef } from '../tree/root.js';
import { finishSteps } from '../tree/steps.js';
import { TouchedBuckets } from './buckets.js';
import type { Core } from './core.js';
import { runSteps, Writers } from './writers.js';

export class PrivateTree {
  readonly core: Core;
  readonly writers: Writers;
  readonly touched = new TouchedBuckets();
  readonly removed: MovedPart[] = [];
  readonly added: MovedPart[] = [];
  #root: RootRef | undefined;
  #tree: Tree;
  #flight: { readonly treeEdit: TreeEdit; readonly steps: SharedSteps<RootRef> } | undefined;
  readonly #changed: () => void;

  /** `changed` is called whenever the tree is another one. */
  constructor(core: Core, tree: Tree, changed: () => void) {
    this.core = core;
    this.writers = new Writers(core.cache, core.blocks);
    this.#tree = tree;
    this.#changed = changed;
  }

  /** The tree with all applied edits in it. */
  get tree(): Tree {
    this.#finish();
    return this.#tree;
  }

  /** Its root, if any edit was applied. */
  get root(): RootRef | undefined {
    this.#finish();
    return this.#root;
  }

  /** Applies an edit of the top entry at once. */
  apply(edit: EntryEdit): void {
    this.#finish();
    this.#begin(edit);
    this.#finish();
    this.core.blocks.replenish();
  }

  /** Applies an edit of the top entry while others run. */
  async applyInSteps(edit: EntryEdit, signal?: AbortSignal): Promise<void> {
    this.#finish();
    const flight = this.#begin(edit);
    await runSteps('commit', flight.steps, this.core, this.writers, signal);
    if (this.#flight === flight) this.#finish();
  }

  #begin(edit: EntryEdit) {
    const treeEdit = new TreeEdit(this.core.cache, this.writers.for);
    const steps = new SharedSteps(treeEdit.rootSteps(this.#tree.root, edit));
    this.#flight = { treeEdit, steps };
    return this.#flight;
  }

  #finish(): void {
    const flight = this.#flight;
    if (flight === undefined) return;
    this.#flight = undefined;
    const root = finishSteps(flight.steps);
    this.#root = root;
    this.#tree = this.core.tree(root.id, root.address);
    this.touched.add(flight.treeEdit.touched);
    this.removed.push(...flight.treeEdit.removed);
    this.added.push(...flight.treeEdit.added);
    this.#changed();
  }

  /** Forgets what it has staged. */
  discard(): void {
    this.#flight = undefined;
    this.writers.blocks.discard();
  }
}

/** Steps that two may drive in turn: once they are done, they stay done. */
class SharedSteps<T> implements Iterator<void, T> {
  readonly #steps: Iterator<void, T>;
  #result: IteratorReturnResult<T> | undefined;

  constructor(steps: Iterator<void, T>) {
    this.#steps = steps;
  }

  next(): IteratorResult<void, T> {
    if (this.#result !== undefined) return this.#result;
    const step = this.#steps.next();
    if (step.done === true) this.#result = step;
    return step;
  }
}
