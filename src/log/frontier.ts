/**
 * The frontier of a walk into the past: commits met and not yet visited, latest corrected date
 * first.
 *
 * Corrected dates rise strictly from parent to child. So when a commit is visited, all
 * its descendants within the walk were visited before, every mark that they pass down has arrived,
 * and it is never met again: no set of visited commits is needed, and memory is the width of
 * history, not its length. A label that breaks the rule is REGALIA_CORRUPT, since on it every
 * answer rests; so is an absent parent of a commit at which history is not cut off. Commits that
 * are not here come last of all.
 *
 * A binary heap, and a map from address to what is in it.
 */
import { type Address, addressKey, addressText, compareAddresses } from '../blocks/address.js';
import { corrupt } from '../ground/errors.js';
import { absentParent, type LogEntry } from './entry.js';

/** What a walk needs of history. */
export interface CommitGraph {
  entry(address: Address): LogEntry | undefined;
  /** The entry at a place of a bucket's log; undefined where none is kept. */
  entryAt(bucket: Uint8Array, sequence: number): LogEntry | undefined;
}

export interface Met {
  readonly address: Address;
  /** Undefined where the commit is not here. */
  readonly entry: LogEntry | undefined;
  /** Bits, joined over all ways by which the commit was met. */
  marks: number;
}

export class Frontier {
  readonly #graph: CommitGraph;
  readonly #closing: number;
  readonly #heap: Met[] = [];
  readonly #met = new Map<string, Met>();
  #open = 0;

  /**
   * A commit whose marks include all bits of `closing` is closed: it is visited for its ancestors'
   * sake alone.
   */
  constructor(graph: CommitGraph, closing = 0) {
    this.#graph = graph;
    this.#closing = closing;
  }

  /** How many commits here are not closed: at 0 the walk can learn nothing more. */
  get open(): number {
    return this.#open;
  }

  #isOpen(marks: number): boolean {
    return this.#closing === 0 || (marks & this.#closing) !== this.#closing;
  }

  /** Meets a commit. `child` is the commit that it was met from. */
  meet(address: Address, marks: number, child?: LogEntry): void {
    const key = addressKey(address);
    const met = this.#met.get(key);
    if (met === undefined) {
      const entry = this.#graph.entry(address);
      if (child !== undefined) checkParent(child, address, entry);
      const added: Met = { address, entry, marks };
      this.#met.set(key, added);
      this.#push(added);
      if (this.#isOpen(marks)) this.#open++;
      return;
    }
    if (child !== undefined) checkParent(child, address, met.entry);
    const joined = met.marks | marks;
    if (this.#isOpen(met.marks) && !this.#isOpen(joined)) this.#open--;
    met.marks = joined;
  }

  /** Meets all parents of a commit. */
  meetParents(entry: LogEntry, marks: number): void {
    for (const parent of entry.parents) this.meet(parent, marks, entry);
  }

  /** Removes the latest commit and returns it; undefined where there is none. */
  pop(): Met | undefined {
    const top = this.#heap[0];
    const last = this.#heap.pop();
    if (top === undefined || last === undefined) return undefined;
    if (last !== top) this.#sink(last);
    this.#met.delete(addressKey(top.address));
    if (this.#isOpen(top.marks)) this.#open--;
    return top;
  }

  #push(met: Met): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(met);
    while (at > 0) {
      const above = (at - 1) >> 1;
      const other = heap[above] as Met;
      if (!before(met, other)) break;
      heap[at] = other;
      at = above;
    }
    heap[at] = met;
  }

  #sink(met: Met): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= heap.length) break;
      const right = below + 1;
      if (right < heap.length && before(heap[right] as Met, heap[below] as Met)) below = right;
      const other = heap[below] as Met;
      if (!before(other, met)) break;
      heap[at] = other;
      at = below;
    }
    heap[at] = met;
  }
}

/**
 * Later dates first; ties, which are never related, by address, so that every walk is repeatable.
 */
function before(a: Met, b: Met): boolean {
  const difference = (a.entry?.correctedMs ?? -1) - (b.entry?.correctedMs ?? -1);
  return difference !== 0 ? difference > 0 : compareAddresses(a.address, b.address) < 0;
}

function checkParent(child: LogEntry, address: Address, parent: LogEntry | undefined): void {
  if (parent !== undefined) checkLabels(child, parent);
  else if (!child.cut) throw absentParent(child, address);
}

/** REGALIA_CORRUPT unless a commit's labels are above those of one before it. */
export function checkLabels(child: LogEntry, parent: LogEntry): void {
  if (parent.correctedMs < child.correctedMs && parent.height < child.height) return;
  throw corrupt(
    `labels of commit ${addressText(child.address)}`,
    `above height ${parent.height}, date ${parent.correctedMs}`,
    `height ${child.height}, date ${child.correctedMs}`,
  );
}
