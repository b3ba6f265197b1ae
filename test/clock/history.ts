/**
 * The obvious model of causality: each stamp carries the set of events that it knows of, by number.
 * Replicas count on shares of one pool; a free share is leased to one that has its last count.
 * Steps are drawn from a finite list, so fast-check can shrink a failing history.
 */
import fc from 'fast-check';
import { countsOn } from '../../src/clock/event.js';
import { type Id, shareOf, WHOLE } from '../../src/clock/id.js';
import { event, join, type Stamp } from './stamps.js';

export interface Witness {
  readonly stamp: Stamp;
  readonly known: ReadonlySet<number>;
}

/** What happens to the replicas at (modulo their number) `first` and `second`. */
export interface Step {
  readonly verb: 'event' | 'fork' | 'message' | 'drop';
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
        'message',
        'message',
        'drop',
      ),
      first: fc.nat(1000),
      second: fc.nat(1000),
    }),
    { maxLength, size: 'max' },
  );

/** The living replicas after each step, messages included in `sent`. */
export class History {
  living: Witness[] = [{ stamp: { id: shareOf(WHOLE, 1), event: 0 }, known: new Set() }];
  readonly sent: Witness[] = [];
  /** Shares of replicas that are gone, and what was last counted on them. */
  readonly #free = new Map<Id, number>();
  #given = 1;
  #events = 0;

  apply(step: Step): void {
    const at = step.first % this.living.length;
    const to = step.second % this.living.length;
    const one = this.living[at] as Witness;
    if (step.verb === 'event') this.living[at] = this.#counted(one);
    else if (step.verb === 'fork') this.#fork(one);
    else if (step.verb === 'message') this.#message(to, one);
    else if (at !== to) this.#drop(at, one);
  }

  #counted(witness: Witness): Witness {
    const known = new Set(witness.known).add(this.#events++);
    return { stamp: event(witness.stamp), known };
  }

  #fork({ stamp, known }: Witness): void {
    if (this.living.length >= 24) return;
    const seen = ([id, last]: [Id, number]): boolean => {
      const { least, most } = countsOn(stamp.event, id);
      return least === last && most === last;
    };
    const id = [...this.#free].find(seen)?.[0] ?? shareOf(WHOLE, ++this.#given);
    this.#free.delete(id);
    this.living.push({ stamp: { id, event: stamp.event }, known });
  }

  #message(to: number, message: Witness): void {
    this.sent.push(message);
    this.living[to] = together(this.living[to] as Witness, message);
  }

  #drop(at: number, { stamp: { id, event } }: Witness): void {
    this.#free.set(id, countsOn(event, id).most);
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
