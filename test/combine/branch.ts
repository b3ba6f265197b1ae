/**
 * Small histories, readable at a glance: a store with a main branch and forks of it, on which one
 * commit is one call.
 *
 *     await A.move('/a', '/b');
 *     await B.put('/a/f', 'edited');
 *     await A.merge(B);
 *     await A.contents();   // { '/b/f': 'edited' }
 *
 * Each stream has a text, by default the last name of its key when it was first put: so it is found
 * again wherever it goes. Clock and randomness are fixed: the same history has the same commits.
 */
import {
  type Answer,
  type Bucket,
  type Conflict,
  type MergeOptions,
  type MergeOutcome,
  Regalia,
  type RuleOptions,
  type Snapshot,
  type Take,
  type Transaction,
} from '../../src/index.js';
import { Dice } from '../model/dice.js';
import { bytes } from '../store/setup.js';
import { lineOf, linesOf } from './vocabulary.js';

/** Keys and streams to texts; `'/m/'` is a bucket, by its label, and `'/a t'` stream t of /a. */
export type Contents = Readonly<Record<string, string>>;

const ROUNDS = 6;

export class Branch {
  readonly bucket: Bucket;
  /** What buckets were made as, by id. */
  readonly #labels: Map<string, string>;

  constructor(bucket: Bucket, labels: Map<string, string>) {
    this.bucket = bucket;
    this.#labels = labels;
  }

  get head(): string {
    return this.bucket.info().commit;
  }

  get root(): string {
    return this.bucket.info().root;
  }

  /** The commit of these edits. */
  async transact(body: (tx: Transaction) => unknown): Promise<string> {
    return (await this.bucket.transact(body)).commit.commit;
  }

  put(key: string, text = lastName(key), stream = 's'): Promise<string> {
    return this.transact((tx) => tx.put(key, stream, bytes(text)));
  }

  /** Entries whose texts are their own names, in one commit. */
  putEach(...keys: string[]): Promise<string> {
    return this.transact((tx) => {
      for (const key of keys) tx.put(key, 's', bytes(lastName(key)));
    });
  }

  del(key: string, stream?: string): Promise<string> {
    return this.transact((tx) => tx.del(key, stream));
  }

  move(from: string, to: string): Promise<string> {
    return this.transact((tx) => tx.move(from, to));
  }

  async makeBucket(key: string, label = lastName(key)): Promise<string> {
    return this.transact((tx) => this.#labels.set(tx.createBucket(key), label));
  }

  async fork(name: string): Promise<Branch> {
    return new Branch(await this.bucket.fork(name), this.#labels);
  }

  /** The bucket within at a key, as a branch of its own. */
  within(key: string): Branch {
    return new Branch(this.bucket.bucket(key), this.#labels);
  }

  /** Merges, and expects no conflicts but those that `take` settles. */
  async merge(from: Branch | string, take?: Take): Promise<MergeOutcome> {
    const head = typeof from === 'string' ? from : from.head;
    if (take !== undefined) return settle(this, head, () => take);
    const outcome = await this.bucket.merge(head);
    if (outcome.merged) return outcome;
    throw new Error(`unexpected conflicts: ${linesOf(outcome.conflicts).join(', ')}`);
  }

  /** The same, and whatever comes of it. */
  try(from: Branch | string, how: MergeOptions = {}): Promise<MergeOutcome> {
    return this.bucket.merge(typeof from === 'string' ? from : from.head, how);
  }

  /** What is there, at the head or at a commit. */
  contents(at?: string): Contents {
    const found: Record<string, string> = {};
    const view = this.bucket.snapshot(at);
    for (const { key, streams, bucket } of view.walk()) {
      const place = shownKey(key);
      if (bucket !== undefined && key !== '/') {
        found[`${place}/`] = this.#labels.get(bucket) ?? bucket;
      }
      for (const stream of streams) {
        found[stream === 's' ? place : `${place} ${stream}`] = textOf(view, key, stream);
      }
    }
    return found;
  }
}

function textOf(view: Snapshot, key: string, stream: string): string {
  const { inline, size } = view.get(key, stream) ?? {};
  return inline === undefined ? `${size} bytes` : Buffer.from(inline).toString();
}

function lastName(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}

/** A key with names that were made for the loser of a name as `NAME~`. */
function shownKey(key: string): string {
  return key.replace(/~[0-9a-f]{8,}(?=\/|$)/g, '~');
}

/** A store with a main branch, and forks of it that all begin where `start` ends. */
export interface World {
  readonly store: Regalia;
  readonly main: Branch;
  readonly A: Branch;
  readonly B: Branch;
  readonly C: Branch;
}

export async function world(
  start: (main: Branch) => Promise<unknown> = async () => undefined,
  rules: RuleOptions = {},
): Promise<World> {
  const dice = new Dice(7);
  let now = 1_000;
  const random = (length: number): Uint8Array => dice.bytes(length);
  const store = await Regalia.memory({ ...rules, random, now: () => ++now });
  const main = new Branch(store, new Map());
  await start(main);
  const [A, B, C] = [await main.fork('A'), await main.fork('B'), await main.fork('C')];
  return { store, main, A, B, C };
}

/**
 * Merges until no conflict is left, answering each as `choose` says. Answers may bring up new
 * conflicts, but never the same again.
 */
export async function settle(
  branch: Branch,
  from: Branch | string,
  choose: (conflict: Conflict) => Take,
): Promise<MergeOutcome> {
  const answers: Answer[] = [];
  const asked = new Set<string>();
  for (let round = 0; round < ROUNDS; round++) {
    const outcome = await branch.try(from, { answers });
    if (outcome.merged) return outcome;
    for (const conflict of outcome.conflicts) {
      const line = lineOf(conflict);
      if (asked.has(line)) throw new Error(`answered, and asked again: ${line}`);
      asked.add(line);
      answers.push(answerOf(conflict, choose(conflict)));
    }
  }
  throw new Error(`not settled in ${ROUNDS} rounds: ${[...asked].join(', ')}`);
}

export function answerOf({ key, stream }: Conflict, take: Take): Answer {
  return stream === undefined ? { key, take } : { key, stream, take };
}

/** What is wrong in a store: faults, and buckets that are at more than one key of a branch. */
export async function wrongs(store: Regalia): Promise<string[]> {
  const found: string[] = [];
  for await (const row of store.verify()) {
    if (row.kind !== 'summary') found.push(`${row.kind}: ${row.what}`);
  }
  for (const { name } of store.branches) {
    const ids = new Set<string>();
    for (const { key, bucket } of store.snapshot({ branch: name }).walk()) {
      if (bucket === undefined) continue;
      if (ids.has(bucket)) found.push(`bucket ${bucket} is also at ${key} of ${name}`);
      ids.add(bucket);
    }
  }
  return found;
}
