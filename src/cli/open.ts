/**
 * What verbs do with a store: open it, find the bucket, the key and the commit that the arguments
 * name, commit what they edit, and close it whatever happens. Verbs that read open it read-only, so
 * that they work on read-only media and beside a writer.
 */
import { isRegaliaError, notFound } from '../ground/errors.js';
import {
  type At,
  type Bucket,
  type Entry,
  Regalia,
  type Snapshot,
  type Transaction,
} from '../index.js';
import { dateOf, looksLikeDate } from './dates.js';
import { printCommit } from './show.js';
import type { BUCKET, COMMIT_OPTIONS, Context, Ended } from './verb.js';

/** Whether there is a store in a folder. */
export async function isStore(folder: string): Promise<boolean> {
  try {
    const store = await Regalia.open(folder, { readOnly: true });
    await store.close();
    return true;
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_NOT_FOUND')) return false;
    throw error;
  }
}

type Opening = Pick<Context, 'opening' | 'reading' | 'writing'>;

/** How a verb with these arguments and options comes to its store. */
export function openingOf(
  [folder]: readonly string[],
  options: Context<typeof BUCKET>['options'],
): Opening {
  const opening: Context['opening'] = async ({ branch = options.branch, ...how }, use) => {
    const { bucket: key } = options;
    const store = await Regalia.open(folder, key === undefined ? { ...how, branch } : how);
    try {
      if (key === undefined) return await use(store, store);
      return await use(bucketOn(store, keyOf(key), branch), store);
    } finally {
      await store.close();
    }
  };
  return {
    opening,
    reading: (use) => opening({ readOnly: true }, use),
    writing: (use) => opening({ create: false }, use),
  };
}

/** The bucket at a key of the store's main, or at that key of a branch where main has none. */
function bucketOn(store: Regalia, key: string, branch: string | undefined): Bucket {
  if (branch === undefined) return store.bucket(key);
  const isHere = store.snapshot().entry(key)?.bucket !== undefined;
  return isHere ? store.bucket(key).branch(branch) : store.branch(branch).bucket(key);
}

/** A key as people type it: the first and the last slash may be missing or be there. */
export function keyOf(text: string | undefined): string {
  const inner = (text ?? '').replace(/^\/|\/$/g, '');
  return `/${inner}`;
}

/** What a text names: a branch, tag or address, or a date where there is none of that name. */
export function atOf(bucket: Bucket, text: string): At {
  if (!looksLikeDate(text)) return text;
  try {
    return { commit: bucket.info(text).commit };
  } catch (error) {
    // A colon, or a space, is in no name of a branch or tag.
    const codes = ['REGALIA_NOT_FOUND', 'REGALIA_OPTION'];
    if (!isRegaliaError(error) || !codes.includes(error.code)) throw error;
  }
  return { date: dateOf(text) };
}

export function snapshotOf(bucket: Bucket, at: string | undefined): Snapshot {
  return bucket.snapshot(at && atOf(bucket, at));
}

/** The entry at a key. REGALIA_NOT_FOUND. */
export function entryAt(tree: Snapshot | Transaction, key: string): Entry {
  const entry = tree.entry(key);
  if (entry === undefined) throw notFound('entry', key);
  return entry;
}

/**
 * One transaction of a verb: `fill` edits it and resolves with what it did, which is the message
 * where none was given. The commit is printed, for programs with the fields of `more`.
 */
export function editing(
  { options, out, signal, writing }: Context<typeof COMMIT_OPTIONS>,
  fill: (tx: Transaction) => Promise<{ readonly did: string; readonly more?: object }>,
): Ended {
  return writing(async (bucket) => {
    using tx = bucket.begin();
    const { did, more } = await fill(tx);
    await printCommit(out, await tx.commit({ message: messageOf(options, did), signal }), more);
  });
}

/** The message of a commit: what was given, else what the verb says of itself. */
export function messageOf({ message }: { readonly message?: string }, did: string): string {
  // Arguments may have what a message may not.
  return message ?? did.toWellFormed();
}
