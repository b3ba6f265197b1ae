/**
 * Replicas of one store against a model of merging: streams as a flat map, three ways, from the
 * commits that both have in common. Every commit is known by its address, on whatever replica:
 * equal addresses must be equal contents.
 *
 * Directories have a stream of their own that is never removed, so that what conflicts is a stream,
 * never a subtree.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import { type Bucket, Regalia } from '../../src/index.js';
import type { Dice } from './dice.js';
import { RULES } from './lab.js';
import { contentsOf } from './truth.js';

/** Key to contents' descriptor. */
type Flat = ReadonlyMap<string, string>;

interface Known {
  readonly parents: readonly string[];
  readonly flat: Flat;
}

export class Flock {
  readonly stores: Regalia[];
  readonly #known = new Map<string, Known>();
  readonly #dice: Dice;
  merges = 0;
  conflicts = 0;

  private constructor(stores: Regalia[], dice: Dice) {
    this.stores = stores;
    this.#dice = dice;
  }

  static async start(folder: string, count: number, dice: Dice): Promise<Flock> {
    const first = await Regalia.memory({ ...RULES, random: (length) => dice.bytes(length) });
    const flock = new Flock([first], dice);
    flock.#known.set(first.info().commit, { parents: [], flat: new Map() });
    const tx = first.begin();
    const flat = new Map<string, string>();
    for (const key of ['/a', '/b', '/a/c', '/d']) put(tx, flat, key, '3x1');
    flock.#learn(first, (await tx.commit()).commit, flat);
    for (let i = 1; i < count; i++) {
      const place = path.join(folder, `replica-${i}`);
      await first.clone(place);
      const random = (length: number): Uint8Array => dice.bytes(length);
      flock.stores.push(await Regalia.open(place, { ...RULES, random }));
    }
    return flock;
  }

  /** A commit of some puts and removals on a branch. */
  async edit(store: Regalia, branch: Bucket = store): Promise<void> {
    const dice = this.#dice;
    const { commit } = branch.info();
    const flat = new Map(this.#at(commit).flat);
    const tx = branch.begin();
    for (let i = 0; i < 1 + dice.below(6); i++) {
      const key = `${dice.pick(['/a', '/b', '/a/c', '/d'])}/k${dice.below(25)}`;
      if (dice.chance(0.2)) {
        tx.del(key);
        flat.delete(key);
      } else put(tx, flat, key, `${dice.pick([2, 30, 600])}x${dice.below(200)}`);
    }
    const result = await tx.commit({ message: 'edit' });
    if (result.changed) this.#learn(branch, result.commit, flat);
  }

  /** Forks, edits apart, and merges again. */
  async detour(store: Regalia): Promise<void> {
    const name = `detour-${this.#known.size}`;
    const branch = await store.fork(name);
    await this.edit(store, branch);
    await this.edit(store);
    await this.#merge(store, name);
    await store.branches.delete(name);
  }

  /** What one has goes to the other, who merges it. Returns whether anything was new. */
  async send(from: Regalia, to: Regalia): Promise<boolean> {
    const before = to.info().commit;
    const pack = from.export({ have: await to.have(), branches: ['main'] });
    const { branches } = await to.import(pack as unknown as AsyncIterable<Uint8Array>);
    for (const { name, commit } of branches) {
      assert.equal(commit, from.info().commit, 'the tracking branch is where the other is');
      await this.#merge(to, name);
    }
    return to.info().commit !== before;
  }

  async #merge(store: Regalia, from: string): Promise<void> {
    const ours = store.info().commit;
    const theirs = store.branches.get(from)?.commit as string;
    const { merged, commit, conflicts } = await store.merge(from, { policy: 'newest' });
    assert.deepEqual([merged, conflicts.length], [true, 0]);
    if (this.#known.has(commit.commit)) {
      const seen = [...this.#ancestors(commit.commit)];
      assert.ok(seen.includes(ours) && seen.includes(theirs), 'the head has seen both');
      this.#check(store, commit.commit);
      return;
    }
    this.merges++;
    assert.deepEqual([...commit.parents].sort(), [ours, theirs].sort());
    const found = flatOf(store);
    this.#judge(ours, theirs, found);
    this.#learn(store, commit.commit, found);
  }

  /** Whether a merge's contents are what both sides make of their base. */
  #judge(ours: string, theirs: string, found: Flat): void {
    const [a, b] = [this.#at(ours).flat, this.#at(theirs).flat];
    const bases = this.#bases(ours, theirs);
    const base = bases.length === 1 ? this.#at(bases[0] as string).flat : undefined;
    for (const key of new Set([...a.keys(), ...b.keys(), ...found.keys()])) {
      const [p, q, r] = [a.get(key), b.get(key), found.get(key)];
      const o = base?.get(key);
      if (p === q) assert.equal(r, p, `${key}: both sides agree`);
      else if (base !== undefined && p === o) assert.equal(r, q, `${key}: theirs changed`);
      else if (base !== undefined && q === o) assert.equal(r, p, `${key}: ours changed`);
      else {
        this.conflicts++;
        assert.ok(r === p || r === q, `${key}: one side's`);
      }
    }
  }

  #ancestors(commit: string): Set<string> {
    const seen = new Set<string>();
    const queue = [commit];
    for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
      if (seen.has(one)) continue;
      seen.add(one);
      queue.push(...this.#at(one).parents);
    }
    return seen;
  }

  /** The common ancestors that no other common ancestor has seen. */
  #bases(a: string, b: string): string[] {
    const theirs = this.#ancestors(b);
    const common = [...this.#ancestors(a)].filter((one) => theirs.has(one));
    return common.filter(
      (one) => !common.some((other) => other !== one && this.#ancestors(other).has(one)),
    );
  }

  #at(commit: string): Known {
    const known = this.#known.get(commit);
    assert.ok(known, `commit ${commit} is one that was seen to be made`);
    return known;
  }

  #learn(bucket: Bucket, commit: string, flat: Flat): void {
    const info = bucket.info(commit);
    this.#known.set(commit, { parents: info.parents, flat });
    this.#check(bucket, commit);
  }

  #check(bucket: Bucket, commit: string): void {
    const found = flatOf(bucket);
    assert.equal(bucket.info().commit, commit);
    assert.deepEqual([...found].sort(), [...this.#at(commit).flat].sort());
  }

  /** Sends until nobody learns anything new, then compares all. */
  async converge(): Promise<void> {
    for (let round = 0; ; round++) {
      assert.ok(round < 8, 'exchange ends');
      let news = false;
      for (const from of this.stores) {
        for (const to of this.stores) if (from !== to && (await this.send(from, to))) news = true;
      }
      if (!news) break;
    }
    const heads = this.stores.map((store) => store.info().commit);
    assert.equal(new Set(heads).size, 1, 'all heads are equal');
    for (const store of this.stores) {
      const logs = [...store.log()].map(({ commit }) => commit).sort();
      const all = [...this.#ancestors(heads[0] as string)].sort();
      assert.deepEqual(logs, all, 'the log is all that the head has seen');
      const findings = [];
      for await (const finding of store.verify()) findings.push(finding);
      assert.equal(findings.length, 1, JSON.stringify(findings[0]));
      assert.equal((findings[0] as { faults?: number }).faults, 0);
    }
  }

  async close(): Promise<void> {
    for (const store of this.stores) await store.close();
  }
}

function put(
  tx: ReturnType<Bucket['begin']>,
  flat: Map<string, string>,
  key: string,
  contents: string,
): void {
  tx.put(key, 'stat', contentsOf(contents));
  flat.set(key, contents);
}

/**
 * A head's streams by key, as descriptors. Contents outside metadata are shown by their length and
 * stay with it.
 */
function flatOf(bucket: Bucket): Map<string, string> {
  const flat = new Map<string, string>();
  for (const entry of bucket.snapshot().walk()) {
    const stream = entry.get('stat');
    if (stream === undefined) continue;
    const bytes = stream.decoded() as Uint8Array;
    const seed = bytes.length === 0 ? 0 : (bytes[0] as number);
    const descriptor = `${bytes.length}x${seed}`;
    assert.ok(Buffer.from(contentsOf(descriptor)).equals(bytes), entry.key);
    flat.set(entry.key, descriptor);
  }
  return flat;
}
