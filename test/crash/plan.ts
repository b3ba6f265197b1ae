/**
 * What the writing process does, and what must be found afterwards: a list of commits that follows
 * from a seed alone, so that writer, reader and model agree without a word.
 *
 * A commit puts small streams, now and then contents of two chunks, removes, moves, and edits a
 * nested bucket.
 */
import type { Regalia, Transaction } from '../../src/index.js';
import { Dice } from '../model/dice.js';
import {
  contentsOf,
  copyOf,
  delPlace,
  makeBucket,
  newPlace,
  type Place,
  placeAt,
  putStream,
  setPlace,
} from '../model/truth.js';

export const BUCKET = '/bucket';
export const SEED = 7;

interface Edit {
  readonly kind: 'put' | 'write' | 'del' | 'move';
  readonly key: string;
  readonly contents: string;
  readonly to: string;
}

function* editsOf(number: number): Generator<Edit> {
  const dice = new Dice(SEED * 1_000 + number);
  const count = 2 + dice.below(6);
  // So that no commit of the plan comes to nothing.
  yield { kind: 'put', key: '/number', contents: `8x${number % 256}`, to: '' };
  for (let i = 0; i < count; i++) {
    const within = dice.chance(0.25) ? BUCKET : `/d${dice.below(4)}`;
    const key = `${within}/k${dice.below(30)}`;
    const contents = `${1 + dice.below(400)}x${dice.below(200)}`;
    yield { kind: dice.chance(0.15) ? 'del' : 'put', key, contents, to: '' };
  }
  if (number % 3 === 0) {
    const contents = `${66_000 + dice.below(9_000)}x${dice.below(200)}`;
    yield { kind: 'write', key: `/large/l${dice.below(3)}`, contents, to: '' };
  }
  if (number % 4 === 1) {
    yield { kind: 'move', key: `/d${dice.below(4)}`, contents: '', to: `/moved${number}/d` };
  }
}

/** The contents after each commit, from the first, which makes the bucket. */
export function truthOf(count: number, bucket: string): Place[] {
  let top = newPlace();
  makeBucket(top, BUCKET, bucket);
  const truth = [top];
  for (let number = 1; number <= count; number++) {
    top = copyOf(top);
    for (const edit of editsOf(number)) {
      const { kind, key, contents, to } = edit;
      const place = placeAt(top, key);
      if (kind === 'del') delPlace(top, key);
      else if (kind !== 'move') putStream(top, key, 'stat', contents);
      else if (place !== undefined) {
        delPlace(top, key);
        setPlace(top, to, place);
      }
    }
    truth.push(top);
  }
  return truth;
}

/** Makes the store that all runs begin with. */
export async function prepare(store: Regalia): Promise<void> {
  const tx = store.begin();
  tx.createBucket(BUCKET);
  await tx.commit({ message: 'commit 0', durability: 'sync' });
}

/** Does in a transaction what belongs to a commit. */
export async function edit(tx: Transaction, number: number): Promise<void> {
  for (const { kind, key, contents, to } of editsOf(number)) {
    if (kind === 'put') tx.put(key, 'stat', contentsOf(contents));
    else if (kind === 'write') await tx.write(key, 'stat', contentsOf(contents));
    else if (kind === 'del') tx.del(key);
    else if (tx.entry(key) !== undefined) tx.move(key, to);
  }
}
