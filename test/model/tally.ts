/** What was tried, over one history or many. */
import type { Judged } from './merging.js';

export class Tally {
  merges = 0;
  /** Merges of which the model says all. */
  exact = 0;
  conflicts = 0;
  /** Merges by the excuses that were made for them. */
  readonly excused = new Map<string, number>();

  count({ isExact, excuses, asked }: Judged): void {
    this.merges++;
    if (isExact) this.exact++;
    this.conflicts += asked.length;
    for (const name of excuses) this.#excuse(name, 1);
  }

  add(other: Tally): void {
    this.merges += other.merges;
    this.exact += other.exact;
    this.conflicts += other.conflicts;
    for (const [name, count] of other.excused) this.#excuse(name, count);
  }

  #excuse(name: string, count: number): void {
    this.excused.set(name, (this.excused.get(name) ?? 0) + count);
  }

  toString(): string {
    const excused = [...this.excused].map(([name, count]) => `${name} ${count}`).join(', ');
    const { merges, exact, conflicts } = this;
    return `${merges} merges, ${exact} foretold, ${conflicts} conflicts; excused: ${excused}`;
  }
}
