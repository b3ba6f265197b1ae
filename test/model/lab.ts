/**
 * A store under test beside its truth: steps that do the same to both, and checks that compare
 * them.
 *
 * Every branch has a truth of its own, with the contents of each of its commits. All labs of a run
 * share one register of roots: the same contents must have the same root wherever they are made,
 * and others another.
 */
import assert from 'node:assert/strict';
import {
  type Bucket,
  isRegaliaError,
  Regalia,
  type Snapshot,
  type Transaction,
} from '../../src/index.js';
import type { Dice } from './dice.js';
import {
  contentsOf,
  copyOf,
  delPlace,
  delStream,
  holdsBucket,
  lengthOf,
  makeBucket,
  newPlace,
  type Place,
  placeAt,
  placesOf,
  putStream,
  setPlace,
  spelled,
} from './truth.js';

export const RULES = { streams: { acl: { inlineMax: 8_192 }, note: { inlineMax: 0 } } } as const;

/** Contents to roots and back, over all stores of a run. */
export class Roots {
  readonly #rootOf = new Map<string, string>();
  readonly #contentsOf = new Map<string, string>();

  check(contents: string, root: string): void {
    assert.equal(this.#rootOf.get(contents) ?? root, root, 'equal contents have equal roots');
    assert.equal(this.#contentsOf.get(root) ?? contents, contents, 'equal roots, equal contents');
    this.#rootOf.set(contents, root);
    this.#contentsOf.set(root, contents);
  }
}

/** What a branch is known to have. */
export interface Line {
  readonly bucket: Bucket;
  top: Place;
  /** All commits, the oldest first, with the contents at each. */
  readonly commits: { commit: string; top: Place }[];
  /** Commits in the log of each bucket within. */
  readonly logs: Map<string, number>;
}

const NAMES = ['a', 'b', 'c', 'd', 'e', 'zoë', '\udc80x', 'n'.repeat(200), 'aa'];
const STREAMS = ['acl', 'content', 'stat', 'note'];
const LENGTHS = [0, 1, 5, 20, 60, 200, 512, 513, 700, 3_000, 9_000, 70_000];

export class Lab {
  readonly store: Regalia;
  readonly lines = new Map<string, Line>();
  readonly dice: Dice;
  readonly roots: Roots;

  private constructor(store: Regalia, dice: Dice, roots: Roots) {
    this.store = store;
    this.dice = dice;
    this.roots = roots;
    const first = { commit: store.info().commit, top: newPlace() };
    const line = { bucket: store, top: newPlace(), commits: [first], logs: new Map() };
    this.lines.set('main', line);
  }

  static async start(dice: Dice, roots: Roots): Promise<Lab> {
    const store = await Regalia.memory({ ...RULES, random: (length) => dice.bytes(length) });
    return new Lab(store, dice, roots);
  }

  line(name = 'main'): Line {
    return this.lines.get(name) as Line;
  }

  anyLine(): Line {
    return this.dice.pick([...this.lines.values()]);
  }

  // Choices.

  key(depth = 1 + this.dice.below(4)): string {
    return Array.from({ length: depth }, () => `/${this.dice.pick(NAMES)}`).join('');
  }

  /** A key that is there, mostly. */
  likely(top: Place): string {
    const keys = [...placesOf(top)].map(([key]) => key).filter((key) => key !== '/');
    return keys.length === 0 || this.dice.chance(0.15) ? this.key() : this.dice.pick(keys);
  }

  contents(): string {
    const most = this.dice.chance(0.8) ? 7 : LENGTHS.length;
    const length = LENGTHS[this.dice.below(most)] as number;
    return `${length}x${length === 0 ? 0 : this.dice.below(200)}`;
  }

  // Steps.

  /** A transaction of some edits. Returns whether anything was committed. */
  async edit(line: Line, count = 1 + this.dice.below(8)): Promise<void> {
    const tx = line.bucket.begin();
    const top = copyOf(line.top);
    for (let i = 0; i < count; i++) await this.#one(tx, top, '');
    if (this.dice.chance(0.2)) checkView(tx, top);
    await this.commit(line, tx, top);
  }

  /** The same within a nested bucket, by its own handle and keys. */
  async editWithin(line: Line): Promise<void> {
    const buckets = [...placesOf(line.top)].filter(([, place]) => place.bucket !== undefined);
    if (buckets.length === 0) return;
    const [key] = this.dice.pick(buckets);
    const bucket = line.bucket.bucket(key);
    const tx = bucket.begin();
    const top = copyOf(line.top);
    for (let i = 0; i < 1 + this.dice.below(4); i++) await this.#one(tx, top, key);
    await this.commit(line, tx, top);
  }

  /** Many entries of one directory, so that its map takes several nodes. */
  async bulk(line: Line): Promise<void> {
    const tx = line.bucket.begin();
    const top = copyOf(line.top);
    const directory = this.key(1 + this.dice.below(2));
    const removes = this.dice.chance(0.4);
    for (let i = 0; i < 200; i++) {
      const key = `${directory}/m${this.dice.below(400)}`;
      if (removes && this.dice.chance(0.8)) {
        tx.del(key);
        delPlace(top, key);
      } else {
        const contents = `${1 + this.dice.below(120)}x${i}`;
        tx.put(key, 'stat', contentsOf(contents));
        putStream(top, key, 'stat', contents);
      }
    }
    await this.commit(line, tx, top);
  }

  /** Brings a key back to what it was at an earlier commit. */
  async restore(line: Line): Promise<void> {
    const then = this.dice.pick(line.commits);
    // What moved since comes back from where it is, which is not known here.
    const rows = [...line.bucket.diff(then.commit, line.bucket.info().commit)];
    const isMoved = rows.some(({ kind }) => kind === 'moved');
    const key = isMoved || this.dice.chance(0.5) ? '/' : this.likely(then.top);
    const top = copyOf(line.top);
    const place = placeAt(then.top, key);
    if (key === '/') top.children.clear();
    if (key === '/' && place !== undefined) {
      top.streams.clear();
      for (const [stream, contents] of place.streams) top.streams.set(stream, contents);
      for (const [name, inner] of place.children) top.children.set(name, copyOf(inner));
    } else if (place === undefined) delPlace(top, key);
    else setPlace(top, key, copyOf(place));
    const { changed, commit, root } = await line.bucket.restore(then.commit, key);
    this.#committed(line, top, { changed, commit, root });
  }

  async fork(line: Line): Promise<void> {
    const name = `branch-${this.lines.size}`;
    const at = this.dice.below(line.commits.length);
    const { commit, top } = line.commits[at] as Line['commits'][number];
    const bucket = await line.bucket.fork(name, { at: commit });
    const logs = at === line.commits.length - 1 ? new Map(line.logs) : new Map<string, number>();
    const commits = line.commits.slice(0, at + 1);
    this.lines.set(name, { bucket, top: copyOf(top), commits, logs });
  }

  /**
   * One random edit of a transaction, and of the truth. `prefix` is the key of the transaction's
   * bucket.
   */
  async #one(tx: Transaction, top: Place, prefix: string): Promise<void> {
    const { dice } = this;
    const inside = placeAt(top, prefix === '' ? '/' : prefix) ?? newPlace();
    const stream = dice.pick(STREAMS);
    const choice = dice.below(20);
    const there = this.likely(inside);
    if (choice < 7) this.#put(tx, top, prefix, dice.chance(0.5) ? there : this.key(), stream);
    else if (choice < 9) {
      const contents = this.contents();
      await tx.write(there, stream, contentsOf(contents));
      putStream(top, prefix + there, stream, contents);
    } else if (choice < 11) {
      tx.del(there, stream);
      delStream(top, prefix + there, stream);
    } else if (choice < 13) {
      tx.del(there);
      delPlace(top, prefix + there);
    } else if (choice < 18) {
      const target = dice.chance(0.7) ? this.key() : `${there}/${dice.pick(NAMES)}`;
      transfer(tx, top, prefix, there, target, choice < 16 ? 'move' : 'copy');
    } else if (choice < 19) bucketAt(tx, top, prefix, there);
    else this.#put(tx, top, prefix, '/', stream);
  }

  #put(tx: Transaction, top: Place, prefix: string, key: string, stream: string): void {
    const contents = this.contents();
    tx.put(key, stream, contentsOf(contents));
    putStream(top, key === '/' ? prefix || '/' : prefix + key, stream, contents);
  }

  /** Commits, and checks what became of it. */
  async commit(line: Line, tx: Transaction, top: Place): Promise<void> {
    this.#committed(line, top, await tx.commit({ message: `commit ${line.commits.length}` }));
  }

  #committed(
    line: Line,
    top: Place,
    result: { changed: boolean; commit: string; root: string },
  ): void {
    const changed = spelled(line.top) !== spelled(top);
    assert.equal(result.changed, changed, 'a commit is made where something changed');
    if (changed) {
      line.commits.push({ commit: result.commit, top: copyOf(top) });
      countChanges(line, line.top, top);
    }
    line.top = top;
    const snapshot = line.bucket.snapshot();
    assert.equal(snapshot.base, line.commits.at(-1)?.commit);
    this.checkState(snapshot, top);
    this.checkLogs(line);
  }

  // Checks.

  checkState(snapshot: Snapshot, top: Place): void {
    checkView(snapshot, top);
    this.roots.check(spelled(top), snapshot.root);
  }

  checkLogs(line: Line): void {
    const log = [...line.bucket.log()].map(({ commit }) => commit);
    assert.deepEqual(
      log.reverse(),
      line.commits.map(({ commit }) => commit),
    );
    for (const [key, place] of placesOf(line.top)) {
      if (place.bucket === undefined) continue;
      const bucket = line.bucket.bucket(key);
      assert.equal(bucket.id, place.bucket);
      assert.equal(bucket.key, key);
      const expected = line.logs.get(place.bucket);
      const found = [...bucket.log()];
      if (expected !== undefined) assert.equal(found.length, expected, `the log of ${key}`);
      const snapshot = bucket.snapshot();
      this.roots.check(spelled(place, false), snapshot.root);
      checkView(snapshot, place);
    }
  }

  /** Nothing that any commit reaches is missing or damaged, heads of buckets included. */
  async checkFaultless(): Promise<void> {
    for await (const finding of this.store.verify()) {
      assert.equal(finding.kind, 'summary', JSON.stringify(finding));
    }
  }

  /** Every commit reads as it was, and the log of a key names the commits that changed it. */
  async checkPast(line: Line): Promise<void> {
    for (const { commit, top } of line.commits) this.checkState(line.bucket.snapshot(commit), top);
    const { top } = this.dice.pick(line.commits);
    const key = this.likely(top);
    const states = line.commits.map((each) => {
      const place = placeAt(each.top, key);
      return { commit: each.commit, text: place === undefined ? '' : spelled(place, false) };
    });
    const changes = states.filter(({ text }, i) => text !== (states[i - 1]?.text ?? ''));
    const found = [...line.bucket.log({ key })].map(({ commit }) => commit).reverse();
    assert.deepEqual(
      found,
      changes.map(({ commit }) => commit),
      `the log of ${key}`,
    );
    for (const [at, place] of [...placesOf(line.top)].slice(0, 60)) {
      for (const [stream, contents] of place.streams) {
        const bytes = await line.bucket.snapshot().get(at, stream)?.bytes();
        assert.ok(Buffer.from(contentsOf(contents)).equals(bytes as Uint8Array), `${at} ${stream}`);
      }
    }
  }
}

/** A commit more for each bucket whose contents changed, and for each that is new. */
function countChanges(line: Line, before: Place, after: Place): void {
  const old = new Map<string, string>();
  for (const [, place] of placesOf(before)) {
    if (place.bucket !== undefined) old.set(place.bucket, spelled(place, false));
  }
  for (const [, place] of placesOf(after)) {
    if (place.bucket === undefined) continue;
    const was = old.get(place.bucket);
    const count = line.logs.get(place.bucket);
    // One that came back from the past, or from before a fork: its log is not foretold here.
    if (was === undefined && count !== undefined) line.logs.delete(place.bucket);
    else if (was === undefined && !line.commits.some((each) => knows(each.top, place))) {
      line.logs.set(place.bucket, 1);
    } else if (count !== undefined && was !== spelled(place, false)) {
      line.logs.set(place.bucket, count + 1);
    }
  }
}

function knows(top: Place, { bucket }: Place): boolean {
  return [...placesOf(top)].some(
    ([, place]) => place.bucket === bucket && place.bucket !== undefined,
  );
}

function codeOf(run: () => void): string {
  try {
    run();
    return 'done';
  } catch (error) {
    if (isRegaliaError(error)) return error.code;
    throw error;
  }
}

function transfer(
  tx: Transaction,
  top: Place,
  prefix: string,
  from: string,
  to: string,
  kind: 'move' | 'copy',
): void {
  const place = placeAt(top, prefix + from);
  let expected = 'done';
  if (place === undefined || `${to}/`.startsWith(`${from}/`)) expected = 'REGALIA_MOVE';
  else if (placeAt(top, prefix + to) !== undefined) expected = 'REGALIA_EXISTS';
  else if (kind === 'copy' && holdsBucket(place)) expected = 'REGALIA_MOVE';
  const found = codeOf(() => (kind === 'move' ? tx.move(from, to) : tx.copy(from, to)));
  assert.equal(found, expected, `${kind} ${from} to ${to}`);
  if (expected !== 'done' || place === undefined) return;
  const copy = copyOf(place);
  if (kind === 'move') delPlace(top, prefix + from);
  setPlace(top, prefix + to, copy);
}

function bucketAt(tx: Transaction, top: Place, prefix: string, key: string): void {
  const place = placeAt(top, prefix + key);
  const expected = place?.bucket === undefined ? 'done' : 'REGALIA_EXISTS';
  let id = '';
  const found = codeOf(() => {
    id = tx.createBucket(key);
  });
  assert.equal(found, expected, `bucket at ${key}`);
  if (expected === 'done') makeBucket(top, prefix + key, id);
}

/**
 * A whole state, entry by entry: keys, streams, sizes, bytes in metadata, buckets, totals, and
 * lookups one by one.
 */
export function checkView(view: Snapshot | Transaction, top: Place): void {
  const expected = [...placesOf(top)];
  const found = [...view.walk('/')];
  assert.deepEqual(
    found.map(({ key }) => key),
    expected.map(([key]) => key),
    'the keys of a walk',
  );
  for (const [i, [key, place]] of expected.entries()) {
    const entry = found[i];
    assert.ok(entry);
    assert.deepEqual([...entry.streams], [...place.streams.keys()].sort(), key);
    if (i > 0) assert.equal(entry.bucket, place.bucket, `bucket of ${key}`);
    assert.deepEqual(entry.totals, totalsOf(place), `totals of ${key}`);
    const again = view.entry(key);
    assert.deepEqual([...(again?.streams ?? [])], [...entry.streams], `lookup of ${key}`);
    for (const [stream, contents] of place.streams) {
      const got = entry.get(stream);
      assert.equal(got?.size, lengthOf(contents), `${key} ${stream}`);
      const max = stream === 'acl' ? 8_192 : stream === 'note' ? 0 : 512;
      const { inline } = got;
      assert.equal(inline !== undefined, lengthOf(contents) <= max, `${key} ${stream} in metadata`);
      if (inline === undefined) continue;
      assert.ok(Buffer.from(contentsOf(contents)).equals(inline), `bytes of ${key} ${stream}`);
    }
  }
}

function totalsOf(place: Place): { entries: number; buckets: number; bytes: number } {
  let [entries, buckets, bytes] = [-1, 0, 0];
  for (const [, inner] of placesOf(place)) {
    entries++;
    if (inner !== place && inner.bucket !== undefined) buckets++;
    for (const contents of inner.streams.values()) bytes += lengthOf(contents);
  }
  return { entries, buckets, bytes };
}
