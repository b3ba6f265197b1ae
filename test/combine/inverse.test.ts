/**
 * Rows of a difference, done to the first state, give the second: for states of random histories,
 * in which few names are shared by puts, removals, moves, copies and buckets on branches that
 * merge.
 */
import t from 'tap';
import { isRegaliaError, type Transaction } from '../../src/index.js';
import { Dice } from '../model/dice.js';
import { bytes } from '../store/setup.js';
import { applied, contentsOf, spelled, within } from './applied.js';
import { type Branch, type Contents, world } from './branch.js';

const SEED = Number(process.env['SEED'] ?? 1);
const HISTORIES = Number(process.env['HISTORIES'] ?? 25);
const STEPS = 14;
const PAIRS = 12;
type Two = [Contents, Contents];

const NAMES = ['a', 'b', 'c'];

class History {
  readonly #dice: Dice;
  readonly states: string[] = [];
  /** Whether an entry is one as long as its text is: none is copied, or becomes a bucket. */
  readonly #isTraced: boolean;
  #texts = 0;

  constructor(seed: number, isTraced = false) {
    this.#isTraced = isTraced;
    this.#dice = new Dice(seed);
  }

  key(): string {
    const depth = 1 + this.#dice.below(3);
    return Array.from({ length: depth }, () => `/${this.#dice.pick(NAMES)}`).join('');
  }

  /** Three branches, or one alone. */
  async run(branches: number): Promise<Branch> {
    const { main, A, B } = await world((main) => main.transact((tx) => this.#edits(tx, 6)));
    const lines = [main, A, B].slice(0, branches);
    for (let step = 0; step < STEPS; step++) {
      const line = this.#dice.pick(lines);
      const other = this.#dice.pick(lines);
      if (line !== other && this.#dice.chance(0.3)) await this.#merge(line, other);
      else await line.transact((tx) => this.#edits(tx, 1 + this.#dice.below(4)));
      this.states.push(line.head);
    }
    return main;
  }

  async #merge(line: Branch, other: Branch): Promise<void> {
    const from = this.#dice.chance(0.7) ? other.head : this.#dice.pick(this.states);
    const policy = this.#dice.pick(['ours', 'theirs'] as const);
    if (from !== undefined) await line.try(from, { policy });
  }

  #edits(tx: Transaction, count: number): void {
    for (let i = 0; i < count; i++) {
      try {
        this.#edit(tx);
      } catch (error) {
        // A move of what is not there, or into itself.
        if (!isRegaliaError(error)) throw error;
      }
    }
  }

  #edit(tx: Transaction): void {
    const roll = this.#dice.next();
    const [key, other] = [this.key(), this.key()];
    if (roll < 0.3) tx.put(key, this.#dice.chance(0.8) ? 's' : 't', bytes(`${this.#texts++}`));
    else if (roll < 0.4) tx.del(key);
    else if (roll < 0.5) this.#swap(tx, key, other);
    else if (roll < 0.55 && !this.#isTraced) tx.copy(key, other);
    else if (roll < 0.62 && this.#mayBecome(tx, key)) tx.createBucket(key);
    else tx.move(key, other);
  }

  #mayBecome(tx: Transaction, key: string): boolean {
    return !this.#isTraced || tx.entry(key) === undefined;
  }

  #swap(tx: Transaction, a: string, b: string): void {
    tx.move(a, '/swap');
    tx.move(b, a);
    tx.move('/swap', b);
  }

  /** Two states, and a key. */
  question(): { from: string; to: string; key: string } {
    const { states } = this;
    const [from, to] = [this.#dice.pick(states), this.#dice.pick(states)];
    return { from, to, key: this.#dice.chance(0.5) ? '/' : this.key() };
  }
}

t.test('rows done to one state give another, in random histories', async (t) => {
  const wrong: string[] = [];
  let moved = 0;
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    const history = new History(seed);
    const { bucket } = await history.run(3);
    for (let i = 0; i < PAIRS; i++) {
      const { from, to, key } = history.question();
      const [a, b] = [from, to].map((at) => within(contentsOf(bucket, at), key)) as Two;
      const rows = [...bucket.diff(from, to, { key })];
      moved += rows.filter(({ kind }) => kind === 'moved').length;
      if (spelled(applied(rows, a, b)) === spelled(b)) continue;
      wrong.push(`seed ${seed}, in ${key}: ${JSON.stringify(rows)}, ${spelled(a)}, ${spelled(b)}`);
    }
  }
  t.comment(`${HISTORIES * PAIRS} differences from seed ${SEED}, ${moved} moves`);
  t.strictSame(wrong.slice(0, 3), []);
});

t.test('what moved along one line is neither removed nor added', async (t) => {
  const wrong: string[] = [];
  for (let seed = SEED; seed < SEED + HISTORIES; seed++) {
    const history = new History(seed, true);
    const { bucket } = await history.run(1);
    for (let i = 0; i < PAIRS; i++) {
      const { from, to } = history.question();
      const [a, b] = [from, to].map((at) => contentsOf(bucket, at)) as Two;
      const added = new Set<string>();
      const rows = [...bucket.diff(from, to)];
      applied(rows, a, b, added);
      const lost = [...added].filter((line) => isKept(b[line] ?? '', a, b));
      if (lost.length === 0) continue;
      wrong.push(`seed ${seed}: ${lost} in ${JSON.stringify(rows)}, ${spelled(a)}`);
    }
  }
  t.comment(`${wrong.length} of ${HISTORIES * PAIRS}`);
  // What went through buckets that were moved into one another may be missed.
  t.strictSame(wrong.slice(Math.floor((HISTORIES * PAIRS) / 1_000)), []);
});

/**
 * Whether a text is that of one stream in each of two states, and so of the same; within buckets,
 * if both states have those.
 */
function isKept(text: string, a: Contents, b: Contents): boolean {
  return [a, b].every((state) => {
    const [line, another] = Object.keys(state).filter((line) => state[line] === text);
    if (line === undefined || another !== undefined) return false;
    const around = Object.keys(state).filter((one) => one.endsWith('/') && line.startsWith(one));
    return around.every((one) => [a, b].every((other) => hasBucket(other, state[one])));
  });
}

function hasBucket(state: Contents, bucket: string | undefined): boolean {
  return Object.values(state).some((text) => text === bucket);
}

t.test('in reverse, with a limit and deep, the rows are the same ones', async (t) => {
  for (let seed = SEED; seed < SEED + HISTORIES / 4; seed++) {
    const history = new History(seed);
    const { bucket } = await history.run(3);
    for (let i = 0; i < PAIRS; i++) {
      const { from, to, key } = history.question();
      for (const deep of [false, true]) {
        const rows = [...bucket.diff(from, to, { key, deep })];
        const back = [...bucket.diff(from, to, { key, deep, reverse: true })];
        t.strictSame(back.reverse(), rows);
        const some = [...bucket.diff(from, to, { key, deep, limit: 2 })];
        t.strictSame(some, rows.slice(0, 2));
      }
    }
  }
});
