/**
 * The items of a node that is being made, as runs: neighbours that come from one old node, or one
 * fresh item. What a run has of a section of the node is copied at once.
 */
import type { Fresh, Items } from './items.js';
import type { Node } from './node.js';
import { type FreshRecord, measure } from './record.js';
import { addTotals, NO_TOTALS, subtractTotals, type Totals } from './totals.js';

/** The entries `[from, until)` of a node, or a fresh item. */
export interface Run {
  node: Node | undefined;
  fresh: Fresh | undefined;
  from: number;
  until: number;
}

export class ItemRuns {
  /** The first `length` count: the others are used again. */
  readonly #runs: Run[] = [];
  length = 0;

  at(index: number): Run {
    return this.#runs[index];
  }

  /** Those of the items `[from, until)`. */
  read({ nodes, indexes, fresh }: Items, from: number, until: number): void {
    this.length = 0;
    let i = from;
    while (i < until) {
      const node = nodes[i];
      if (node === undefined) {
        this.#add(undefined, fresh[i++], 0, 1);
        continue;
      }
      const index = indexes[i];
      let j = i + 1;
      while (j < until && nodes[j] === node && indexes[j] === index + j - i) j++;
      this.#add(node, undefined, index, index + j - i);
      i = j;
    }
  }

  #add(node: Node | undefined, fresh: Fresh | undefined, from: number, until: number): void {
    const run = this.#runs[this.length++];
    if (run === undefined) this.#runs.push({ node, fresh, from, until });
    else {
      run.node = node;
      run.fresh = fresh;
      run.from = from;
      run.until = until;
    }
  }

  /** Lets go of nodes and items. */
  release(): void {
    for (let i = 0; i < this.length; i++) {
      this.#runs[i].node = undefined;
      this.#runs[i].fresh = undefined;
    }
    this.length = 0;
  }

  /** Whether no item is known to have a link, or may have one. */
  get linkless(): boolean {
    for (let i = 0; i < this.length; i++) {
      const { node, fresh } = this.#runs[i];
      const isLinkless = node?.linkless ?? (fresh as FreshRecord).links.length === 0;
      if (!isLinkless) return false;
    }
    return true;
  }

  /** The sums of all items. */
  totals(): Totals {
    const sum = { ...NO_TOTALS };
    for (let i = 0; i < this.length; i++) {
      const { node, fresh } = this.#runs[i];
      if (fresh !== undefined) addTotals(sum, fresh);
      // All runs of a node are summed up with the first of them.
      else if (node !== undefined && this.#isFirstOf(node, i)) this.#addNode(sum, node, i);
    }
    return sum;
  }

  #isFirstOf(node: Node, index: number): boolean {
    for (let i = index - 1; i >= 0; i--) {
      const before = this.#runs[i].node;
      if (before !== undefined) return before !== node;
    }
    return true;
  }

  /** Adds what is of a node, from its run at `first` on: or takes away what is not, if less. */
  #addNode(sum: Totals, node: Node, first: number): void {
    const taken = this.#countOf(node, first);
    const isMost = taken * 2 > node.count && (node.totals !== undefined || taken === node.count);
    if (isMost) addTotals(sum, totalsOf(node));
    let at = 0;
    for (let i = first; i < this.length; i++) {
      const run = this.#runs[i];
      if (run.node !== node) {
        if (run.node !== undefined) break;
        continue;
      }
      if (isMost) for (; at < run.from; at++) subtractTotals(sum, totalsAt(node, at));
      else for (at = run.from; at < run.until; at++) addTotals(sum, totalsAt(node, at));
      at = run.until;
    }
    if (isMost) for (; at < node.count; at++) subtractTotals(sum, totalsAt(node, at));
  }

  #countOf(node: Node, first: number): number {
    let count = 0;
    for (let i = first; i < this.length; i++) {
      const run = this.#runs[i];
      if (run.node === node) count += run.until - run.from;
      else if (run.node !== undefined) break;
    }
    return count;
  }
}

export function totalsAt(node: Node, index: number): Readonly<Totals> {
  return node.level === 0 ? measure(node, index) : node.childTotals(index);
}

/** The sums of a node's entries. */
export function totalsOf(node: Node): Readonly<Totals> {
  if (node.totals === undefined) {
    const totals = { ...NO_TOTALS };
    for (let i = 0; i < node.count; i++) addTotals(totals, totalsAt(node, i));
    node.totals = totals;
  }
  return node.totals;
}
