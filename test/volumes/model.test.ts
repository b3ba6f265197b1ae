/**
 * Contents on volumes that come and go, against plain bytes: whole writes, parts, appends,
 * truncations, ranges, forks and merges, on three volumes and two copies of each chunk, of which
 * one volume at the most is away at any time.
 */

import { renameSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { type Bucket, Regalia, type RegaliaOptions, type Transaction } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { runs } from '../runs.js';
import { scrub } from '../verify/setup.js';
import { folderOf, MIRRORED } from './setup.js';

t.setTimeout(300_000);
const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

const OPTIONS: RegaliaOptions = {
  ...MIRRORED,
  default: { ...MIRRORED.default, chunking: { kind: 'fixed', bytes: 4_096 } },
};
const MAIN = 'main';
const KEYS = ['/a', '/d/b', '/d/c'] as const;

type Contents = Map<string, Uint8Array>;

/** A branch: what its entries hold, and held where it began. */
interface Branch {
  readonly base: Contents;
  readonly now: Contents;
}

interface Edit {
  readonly kind: 'whole' | 'write' | 'append' | 'truncate';
  readonly key: string;
  readonly at: number;
  readonly length: number;
  /** Few, so that the same bytes come again. */
  readonly seed: number;
}

type Step =
  | { readonly kind: 'edit'; readonly branch: number; readonly edits: readonly Edit[] }
  | { readonly kind: 'fork' | 'merge' | 'read'; readonly branch: number; readonly at: number }
  | { readonly kind: 'away'; readonly volume: number }
  | { readonly kind: 'back' | 'reopen' | 'look' };

const edit: fc.Arbitrary<Edit> = fc.record({
  kind: fc.constantFrom('whole', 'write', 'append', 'truncate'),
  key: fc.constantFrom(...KEYS),
  at: fc.nat(40_000),
  length: fc.oneof(fc.nat(40_000), fc.nat(100)),
  seed: fc.integer({ min: 1, max: 4 }),
});
const number = fc.nat(100);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      branch: number,
      edits: fc.array(edit, { minLength: 1, maxLength: 4 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom('fork' as const, 'merge' as const, 'read' as const),
      branch: number,
      at: fc.nat(40_000),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('away' as const), volume: number }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('back' as const, 'reopen' as const, 'look' as const),
    }),
  },
);

function edited(before: Uint8Array, { kind, at, length, seed }: Edit): Uint8Array {
  const bytes = noise(length, seed);
  if (kind === 'whole') return bytes;
  if (kind !== 'truncate' && length === 0) return before;
  const from = kind === 'append' ? before.length : at;
  const size = kind === 'truncate' ? at : Math.max(before.length, from + length);
  const after = new Uint8Array(size);
  after.set(before.subarray(0, size));
  if (kind !== 'truncate') after.set(bytes, from);
  return after;
}

async function apply(tx: Transaction, { kind, key, at, length, seed }: Edit): Promise<number> {
  const bytes = noise(length, seed);
  if (kind === 'truncate') return tx.truncate(key, 'content', at);
  if (kind === 'append') return tx.append(key, 'content', bytes);
  return tx.write(key, 'content', bytes, kind === 'write' ? { at } : {});
}

function same(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : Buffer.compare(a, b) === 0;
}

/** What main holds after it took in a branch, where its own side wins. */
function merged(main: Contents, { base, now }: Branch): Contents {
  const result = new Map(main);
  for (const [key, theirs] of now) {
    const unchangedHere = same(main.get(key), base.get(key));
    if (unchangedHere && !same(theirs, base.get(key))) result.set(key, theirs);
  }
  return result;
}

/** A store and its model, of which steps are taken side by side. */
class Lab {
  readonly #place: string;
  readonly #volumes: readonly string[];
  readonly #branches = new Map<string, Branch>([[MAIN, { base: new Map(), now: new Map() }]]);
  #store: Regalia;
  #away: string | undefined;
  #forks = 0;

  private constructor(place: string, volumes: readonly string[], store: Regalia) {
    this.#place = place;
    this.#volumes = volumes;
    this.#store = store;
  }

  static async begin(folder: string): Promise<Lab> {
    const place = path.join(folder, 'store');
    const store = await Regalia.open(place, OPTIONS);
    const others = [path.join(folder, 'v2'), path.join(folder, 'v3')];
    for (const volume of others) await store.addVolume(volume);
    return new Lab(place, [path.join(place, 'volumes', '1'), ...others], store);
  }

  async take(step: Step): Promise<void> {
    if (step.kind === 'edit') await this.#edit(this.#pick(step.branch), step.edits);
    else if (step.kind === 'read') await this.#readRange(this.#pick(step.branch), step.at);
    else if (step.kind === 'fork') await this.#fork(this.#pick(step.branch));
    else if (step.kind === 'merge') await this.#merge(this.#pick(step.branch));
    else if (step.kind === 'away') this.#goAway(this.#volumes[step.volume % 3] as string);
    else if (step.kind === 'back') this.#comeBack();
    else if (step.kind === 'reopen') await this.#reopen();
    else await this.#store.volumes();
  }

  #pick(number: number): string {
    const names = [...this.#branches.keys()];
    return names[number % names.length] as string;
  }

  #bucket(branch: string): Bucket {
    return branch === MAIN ? this.#store : this.#store.branch(branch);
  }

  #model(branch: string): Branch {
    return this.#branches.get(branch) as Branch;
  }

  async #edit(branch: string, edits: readonly Edit[]): Promise<void> {
    const { now } = this.#model(branch);
    await this.#bucket(branch).transact(async (tx) => {
      for (const one of edits) {
        const size = await apply(tx, one);
        const after = edited(now.get(one.key) ?? new Uint8Array(0), one);
        now.set(one.key, after);
        if (size !== after.length) throw new Error(`${size} bytes, not ${after.length}`);
        const found = await tx.get(one.key, 'content')?.bytes();
        if (!same(found, after)) throw new Error(`${one.key} differs within the transaction`);
      }
    });
  }

  async #readRange(branch: string, at: number): Promise<void> {
    for (const [key, bytes] of this.#model(branch).now) {
      const start = Math.min(at, bytes.length);
      const end = Math.min(start + 10_000, bytes.length);
      const found = await this.#bucket(branch)
        .snapshot()
        .get(key, 'content')
        ?.bytes({ start, end });
      if (!same(found, bytes.subarray(start, end))) throw new Error(`${key} differs from ${at}`);
    }
  }

  async #fork(branch: string): Promise<void> {
    // A fork of a fork would be merged over two bases: that is for the tests of merges.
    if (branch !== MAIN || this.#branches.size > 3) return;
    const name = `fork-${this.#forks++}`;
    await this.#store.fork(name);
    const { now } = this.#model(MAIN);
    this.#branches.set(name, { base: new Map(now), now: new Map(now) });
  }

  async #merge(branch: string): Promise<void> {
    if (branch === MAIN) return;
    const { conflicts } = await this.#store.merge(branch, { policy: 'ours' });
    if (conflicts.length > 0) throw new Error(`${conflicts.length} conflicts that ours settles`);
    const main = this.#model(MAIN);
    const now = merged(main.now, this.#model(branch));
    this.#branches.set(MAIN, { base: main.base, now });
    this.#branches.delete(branch);
  }

  #goAway(volume: string): void {
    this.#comeBack();
    renameSync(volume, `${volume}.away`);
    this.#away = volume;
  }

  #comeBack(): void {
    if (this.#away !== undefined) renameSync(`${this.#away}.away`, this.#away);
    this.#away = undefined;
  }

  async #reopen(): Promise<void> {
    await this.#store.close();
    this.#store = await Regalia.open(this.#place, OPTIONS);
  }

  /**
   * Whether all that branches hold is read, entry by entry; while a volume is away also past what
   * is remembered.
   */
  async check(): Promise<void> {
    await this.#checkThrough(this.#store);
    if (this.#away === undefined) return;
    const anew = await Regalia.open(this.#place, OPTIONS);
    try {
      await this.#checkThrough(anew);
    } finally {
      await anew.close();
    }
  }

  async #checkThrough(store: Regalia): Promise<void> {
    for (const [branch, { now }] of this.#branches) {
      const snapshot = (branch === MAIN ? store : store.branch(branch)).snapshot();
      for (const key of KEYS) {
        const found = await snapshot.get(key, 'content')?.bytes();
        if (!same(found, now.get(key))) throw new Error(`${key} of ${branch} differs`);
      }
    }
  }

  /** All volumes are here again: nothing is missing, on none of them. */
  async end(): Promise<void> {
    this.#comeBack();
    await this.#reopen();
    await this.check();
    const { faults } = await scrub(this.#store);
    if (faults.length > 0) throw new Error(`${faults.length} faults, first ${faults[0]?.what}`);
    await this.#store.close();
  }

  async close(): Promise<void> {
    await this.#store.close();
  }
}

t.test('whatever is written while volumes come and go is read as plain bytes are', async (t) => {
  const folder = folderOf(t);
  let count = 0;
  const property = fc.asyncProperty(
    fc.array(step, { minLength: 4, maxLength: 16 }),
    async (steps) => {
      const lab = await Lab.begin(path.join(folder, `${count++}`));
      try {
        for (const one of steps) {
          await lab.take(one);
          await lab.check();
        }
        await lab.end();
      } finally {
        await lab.close();
      }
    },
  );
  await fc.assert(property, { numRuns: runs(24), seed });
});
