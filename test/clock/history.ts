/**
 * The obvious model of causality: each stamp carries the set of events that it knows of, by number.
 * Steps are drawn from a finite list, so fast-check can shrink a failing history.
 */
import fc from 'fast-check';
import { event, fork, join, peek, type Stamp, seed } from './stamps.js';

export interface Witness {
  readonly stamp: Stamp;
  readonly known: ReadonlySet<number>;
}

/** What happens to the replicas at (modulo their number) `first` and `second`. */
export interface Step {
  readonly verb: 'event' | 'fork' | 'join' | 'message' | 'lose';
  readonly first: number;
  readonly second: number;
}

export const someSteps = (maxLength = 120): fc.Arbitrary<Step[]> =>
  fc.array(
    fc.record({
      verb: fc.constantFrom(
        'event',
        'event',
        'event',
        'fork',
        'fork',
        'join',
        'message',
        'message',
        'lose',
      ),
      first: fc.nat(1000),
      second: fc.nat(1000),
    }),
    { maxLength, size: 'max' },
  );

/** The living replicas after each step, anonymous messages included in `sent`. */
export class History {
  living: Witness[] = [{ stamp: seed(), known: new Set() }];
  readonly sent: Witness[] = [];
  #events = 0;

  apply(step: Step): void {
    const at = step.first % this.living.length;
    const to = step.second % this.living.length;
    const one = this.living[at] as Witness;
    const other = this.living[to] as Witness;
    if (step.verb === 'event') this.living[at] = this.#counted(one);
    else if (step.verb === 'fork') this.#fork(at, one);
    else if (step.verb === 'message') this.#message(to, one, other);
    else if (at !== to) this.#remove(at, to, step.verb === 'join');
  }

  #counted(witness: Witness): Witness {
    const known = new Set(witness.known).add(this.#events++);
    return { stamp: event(witness.stamp), known };
  }

  #fork(at: number, one: Witness): void {
    if (this.living.length >= 24) return;
    const [first, second] = fork(one.stamp);
    this.living[at] = { stamp: first, known: one.known };
    this.living.push({ stamp: second, known: one.known });
  }

  #message(to: number, from: Witness, receiver: Witness): void {
    const message = { stamp: peek(from.stamp), known: from.known };
    this.sent.push(message);
    this.living[to] = together(receiver, message);
  }

  #remove(at: number, to: number, joined: boolean): void {
    if (joined) this.living[to] = together(this.living[to] as Witness, this.living[at] as Witness);
    this.living.splice(at, 1);
  }

  everyone(): Witness[] {
    return [...this.living, ...this.sent.slice(-8)];
  }
}

function together(a: Witness, b: Witness): Witness {
  return { stamp: join(a.stamp, b.stamp), known: new Set([...a.known, ...b.known]) };
}

/** How one set of events relates to another. */
export function compareSets(a: ReadonlySet<number>, b: ReadonlySet<number>): string {
  const below = [...a].every((event) => b.has(event));
  const above = [...b].every((event) => a.has(event));
  if (below) return above ? 'equal' : 'before';
  return above ? 'after' : 'concurrent';
}
