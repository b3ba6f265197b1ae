/**
 * Stamps against sets of events as the truth of what each commit has seen: random histories of
 * several replicas, with everything that moves heads and shares. Of any two commits of a bucket,
 * anywhere, one stamp is at or above the other exactly if its commit has seen all that the other
 * has.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { addressText } from '../../src/blocks/address.js';
import { encodeEvent } from '../../src/clock/encoding.js';
import { type Event, formatEvent, leqEvents } from '../../src/clock/event.js';
import { hex } from '../../src/ground/bytes.js';
import { type Bucket, isRegaliaError, Regalia } from '../../src/index.js';
import { bucketsIn } from '../../src/reach/table-walk.js';
import { scopeOf } from '../../src/store/bucket.js';
import { runs } from '../runs.js';
import { bytes } from './setup.js';

interface Seen {
  readonly bucket: string;
  readonly stamp: Event;
  /** The commits in its past, itself included, that made an event. */
  readonly events: ReadonlySet<string>;
}

const VERBS = [
  'commit',
  'commit',
  'commit',
  'commit within',
  'commit within',
  'detached',
  'fork',
  'fork',
  'merge',
  'merge',
  'merge',
  'drop',
  'reset',
  'remove',
  'restore',
  'revert',
  'exchange',
  'exchange',
  'grant',
  'clone',
  'reopen',
] as const;

interface Step {
  readonly verb: (typeof VERBS)[number];
  readonly one: number;
  readonly other: number;
  readonly third: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  verb: fc.constantFrom(...VERBS),
  one: fc.nat(1_000),
  other: fc.nat(1_000),
  third: fc.nat(1_000),
});

/** What may be refused where a history makes no sense. */
const REFUSALS = new Set([
  'REGALIA_NOT_FOUND',
  'REGALIA_EXISTS',
  'REGALIA_CONFLICT',
  'REGALIA_OPTION',
  'REGALIA_UNRELATED',
  'REGALIA_RULE',
  'REGALIA_MOVE',
]);

const REPLICAS_MAX = 4;

class World {
  readonly #folder = mkdtempSync(join(tmpdir(), 'regalia-causality-'));
  readonly stores: Regalia[] = [];
  readonly #seen = new Map<string, Seen>();
  #made = 0;
  readonly refused = new Map<string, number>();

  async open(): Promise<void> {
    const options = { durability: 'none', default: { merge: 'newest' } } as const;
    this.stores.push(await Regalia.open(join(this.#folder, '0'), options));
    await this.#first().transact((tx) => {
      tx.createBucket('/in');
      tx.put('/in/a', 's', bytes('a'));
    });
  }

  #first(): Regalia {
    return this.stores[0] as Regalia;
  }

  async close(): Promise<void> {
    for (const store of this.stores) await store.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async apply(step: Step): Promise<void> {
    try {
      await this.#apply(step);
    } catch (error) {
      if (!isRegaliaError(error) || !REFUSALS.has(error.code)) throw error;
      const what = `${step.verb} ${error.code}`;
      this.refused.set(what, (this.refused.get(what) ?? 0) + 1);
    }
  }

  async #apply({ verb, one, other, third }: Step): Promise<void> {
    const store = pick(this.stores, one);
    const branch = store.branch(pick(namesOf(store, false), other));
    const key = `k${third % 3}`;
    const text = bytes(`${++this.#made}`);
    if (verb === 'commit') await branch.transact((tx) => tx.put(`/${key}`, 's', text));
    else if (verb === 'commit within') {
      await branch.transact((tx) => {
        if (tx.entry('/in')?.bucket === undefined) tx.createBucket('/in');
        tx.put(`/in/${key}`, 's', text);
      });
    } else if (verb === 'detached') await this.#detached(branch, third, text);
    else if (verb === 'fork') await branch.fork(`f${third % 4}`);
    else if (verb === 'drop') await store.branches.delete(`f${third % 4}`);
    else if (verb === 'reset') {
      await store.branches.reset(branch.branchName, pick(commitsOf(branch), third));
    } else if (verb === 'remove') await branch.transact((tx) => tx.del('/in'));
    else if (verb === 'restore') await branch.restore(pick(commitsOf(branch), third), '/in');
    else if (verb === 'revert') await branch.revert(pick(commitsOf(branch), third));
    else if (verb === 'merge') {
      const from = pick(namesOf(store, true), third);
      await branch.merge(from, pick([{}, { message: 'ours' }, { policy: 'theirs' }], one + third));
    } else if (verb === 'exchange') await this.#exchange(store, pick(this.stores, third));
    else if (verb === 'grant') await this.#grant(store, pick(this.stores, third));
    else if (verb === 'clone') await this.#clone(branch, third);
    else await this.#reopen(one % this.stores.length);
  }

  /** A branch of the bucket within alone, which comes and goes. */
  async #detached(branch: Bucket, third: number, text: Uint8Array): Promise<void> {
    const bucket = branch.bucket('/in');
    const name = `d${third % 2}`;
    if (bucket.branches.get(name) === undefined) await bucket.fork(name);
    await bucket.branch(name).transact((tx) => tx.put('/detached', 's', text));
    if (third % 3 === 0) await bucket.merge(name);
    if (third % 5 === 0) await bucket.branches.delete(name);
  }

  async #exchange(from: Regalia, to: Regalia): Promise<void> {
    await to.import(from.export({ have: await to.have() }));
  }

  /** A share that may go astray. None is accepted twice, or by whom it is from. */
  async #grant(from: Regalia, to: Regalia): Promise<void> {
    const grant = await from.grant();
    if (this.#made % 3 === 0) return;
    if (from !== to) await to.accept(grant);
    await to.accept(grant).then(
      () => Promise.reject(new Error('accepted')),
      (error) => {
        if (!isRegaliaError(error, 'REGALIA_STAMP')) throw error;
      },
    );
  }

  async #clone(branch: Bucket, third: number): Promise<void> {
    if (this.stores.length >= REPLICAS_MAX) return;
    const folder = join(this.#folder, `${this.stores.length}`);
    if (third % 2 === 0) {
      await branch.clone(folder);
      this.stores.push(await Regalia.open(folder, { durability: 'none' }));
      return;
    }
    const copy = await Regalia.receive(folder, branch.export(), { durability: 'none' });
    await copy.accept(await branch.grant());
    this.stores.push(copy);
  }

  async #reopen(index: number): Promise<void> {
    await this.stores[index]?.close();
    const folder = join(this.#folder, `${index}`);
    this.stores[index] = await Regalia.open(folder, { durability: 'none' });
  }

  /** Takes in what is new in every log; the first pair whose stamps are wrong, if there is one. */
  contradiction(): string | undefined {
    const fresh: string[] = [];
    for (const store of this.stores) fresh.push(...this.#read(store));
    for (const address of fresh) {
      const one = this.#seen.get(address) as Seen;
      for (const [known, other] of this.#seen) {
        if (known === address || one.bucket !== other.bucket) continue;
        if (isRight(one, other) && isRight(other, one)) continue;
        return `${address} ${formatEvent(one.stamp)} and ${known} ${formatEvent(other.stamp)}`;
      }
    }
    return undefined;
  }

  *#read(store: Regalia): Generator<string> {
    const { engine, history } = scopeOf(store).core;
    for (const bucket of bucketsIn(engine, 'log')) {
      for (const { address } of history.log(bucket)) {
        const text = addressText(address);
        if (this.#seen.has(text)) continue;
        const { stamp, parents, replica } = history.commit(address);
        const events = new Set<string>();
        for (const parent of parents) {
          for (const event of this.#seen.get(addressText(parent))?.events ?? []) events.add(event);
        }
        // What anybody makes of its parents is no event.
        if (replica.some((byte) => byte !== 0)) events.add(text);
        this.#seen.set(text, { bucket: hex(bucket), stamp, events });
        yield text;
      }
    }
  }

  async faults(): Promise<string[]> {
    const faults: string[] = [];
    for (const store of this.stores) {
      for await (const row of store.verify()) if (row.kind !== 'summary') faults.push(row.what);
    }
    return faults;
  }

  get commits(): number {
    return this.#seen.size;
  }

  get longestStamp(): number {
    return Math.max(...[...this.#seen.values()].map(({ stamp }) => encodeEvent(stamp).length));
  }
}

function isRight(one: Seen, other: Seen): boolean {
  const isSeen = [...one.events].every((event) => other.events.has(event));
  return leqEvents(one.stamp, other.stamp) === isSeen;
}

function pick<T>(all: readonly T[], at: number): T {
  return all[at % all.length] as T;
}

/** Branches; those that follow other replicas are merged from alone. */
function namesOf(store: Regalia, all: boolean): string[] {
  const names = Array.from(store.branches, ({ name }) => name);
  return all ? names : names.filter((name) => !name.startsWith('replica/'));
}

function commitsOf(bucket: Bucket): string[] {
  return Array.from(bucket.log({ limit: 12 }), ({ commit }) => commit);
}

t.test('stamps say what was seen, in whatever history', async (t) => {
  let [commits, longest] = [0, 0];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 25, maxLength: 60 }), async (steps) => {
      const world = new World();
      await world.open();
      try {
        for (const step of steps) {
          await world.apply(step);
          const found = world.contradiction();
          if (found !== undefined) throw new Error(`after ${step.verb}: ${found}`);
        }
        t.same(await world.faults(), []);
        commits += world.commits;
        longest = Math.max(longest, world.longestStamp);
      } finally {
        await world.close();
      }
    }),
    { numRuns: runs(12) },
  );
  t.comment(`${commits} commits, the longest stamp has ${longest} bytes`);
  t.ok(longest < 60);
});
