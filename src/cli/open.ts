/**
 * What verbs do with a store: open it, find the bucket, the key and the commit that the arguments
 * name, commit what they edit, and close it whatever happens. Verbs that read open the store
 * read-only, so that they work on read-only media and beside a writer.
 */
import { isRegaliaError, notFound } from '../ground/errors.js';
import {
  type At,
  type Bucket,
  type CommitOptions,
  type Entry,
  Regalia,
  type RegaliaOptions,
  type Snapshot,
  type Transaction,
} from '../index.js';
import { printCommit } from './show.js';
import {
  COMMIT_OPTIONS,
  type Context,
  defineVerb,
  type ExitCode,
  UsageError,
  type Verb,
} from './verb.js';

interface Place {
  readonly branch?: string;
  readonly bucket?: string;
}

type Use = (bucket: Bucket, store: Regalia) => Promise<ExitCode>;

/** Opens a store, lends it, and closes it. */
export async function withStore(
  folder: string,
  options: RegaliaOptions,
  use: (store: Regalia) => Promise<ExitCode>,
): Promise<ExitCode> {
  const store = await Regalia.open(folder, options);
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

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

/** The bucket that the options name, for reading. */
export function reading(folder: string, place: Place, use: Use): Promise<ExitCode> {
  return placed(folder, place, { readOnly: true }, use);
}

/** The bucket that the options name, for reading and writing. */
export function writing(folder: string, place: Place, use: Use): Promise<ExitCode> {
  return placed(folder, place, { create: false }, use);
}

function placed(
  folder: string,
  { branch, bucket: key }: Place,
  options: RegaliaOptions,
  use: Use,
): Promise<ExitCode> {
  if (key === undefined) {
    const open = branch === undefined ? options : { ...options, branch };
    return withStore(folder, open, (store) => use(store, store));
  }
  return withStore(folder, options, async (store) => {
    const bucket = store.bucket(keyOf(key));
    return use(branch === undefined ? bucket : bucket.branch(branch), store);
  });
}

/** A key as people type it: the first and the last slash may be missing or be there. */
export function keyOf(text: string | undefined): string {
  const inner = (text ?? '').replace(/^\/|\/$/g, '');
  return `/${inner}`;
}

/** '2026-11-21', with a time of day if one is wanted: 'T12:30', seconds, a zone. */
const DATE = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}.*)?$/;

/**
 * The commit that a text names: a branch, tag or address first, a date where there is none of that
 * name.
 */
export function atOf(bucket: Bucket, text: string): At {
  if (!DATE.test(text)) return text;
  try {
    return { commit: bucket.info(text).commit };
  } catch (error) {
    // A colon is in no name of a branch or tag.
    const codes = ['REGALIA_NOT_FOUND', 'REGALIA_OPTION'];
    if (!isRegaliaError(error) || !codes.includes(error.code)) throw error;
  }
  const date = new Date(text.replace(' ', 'T'));
  if (Number.isNaN(date.getTime())) throw new UsageError(`${text} is not a date`);
  return { date };
}

export function snapshotOf(bucket: Bucket, at: string | undefined): Snapshot {
  return bucket.snapshot(at === undefined ? undefined : atOf(bucket, at));
}

/** The entry at a key. REGALIA_NOT_FOUND. */
export function entryAt(tree: Snapshot | Transaction, key: string): Entry {
  const entry = tree.entry(key);
  if (entry === undefined) throw notFound('entry', key);
  return entry;
}

/** Options of a commit: the message if one is given, else what the verb says of itself. */
export function commitOf(
  message: string | undefined,
  signal: AbortSignal,
  otherwise: string,
): CommitOptions {
  // Arguments may have what a message may not.
  return { message: message ?? otherwise.toWellFormed(), signal };
}

/**
 * One transaction of a verb: `fill` edits it and resolves with what it did, which is the message
 * where none was given. The commit is printed, for programs with the fields of `more`.
 */
export function editing(
  { args, options, out, signal }: Context<typeof COMMIT_OPTIONS>,
  fill: (tx: Transaction) => Promise<{ readonly did: string; readonly more?: object }>,
): Promise<ExitCode> {
  return writing(args[0] as string, options, async (bucket) => {
    using tx = bucket.begin();
    const { did, more } = await fill(tx);
    await printCommit(out, await tx.commit(commitOf(options.message, signal, did)), more);
    return 0;
  });
}

/** `cp` and `mv`, which differ in one word. */
export function transferVerb(name: 'cp' | 'mv', does: 'copy' | 'move'): Verb {
  return defineVerb({
    name,
    summary: `${does} an entry with everything below it`,
    usage: 'STORE FROM TO',
    details:
      'TO is the new key itself, and must be free. A large subtree is as fast as a small one.',
    options: COMMIT_OPTIONS,
    run: (context) =>
      editing(context, async (tx) => {
        const [, from, to] = context.args.map(keyOf) as [string, string, string];
        tx[does](from, to);
        return { did: `${does} ${from} to ${to}` };
      }),
  });
}
