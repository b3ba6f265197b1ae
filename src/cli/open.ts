/**
 * What verbs do with a store: open it, find the bucket, the key and the commit that the arguments
 * name, and close it whatever happens. Reads open the store for reading alone, so that they work on
 * read-only media and beside a writer.
 */
import {
  type At,
  type Bucket,
  type CommitOptions,
  isRegaliaError,
  Regalia,
  RegaliaError,
  type RegaliaOptions,
  type Snapshot,
} from '../index.js';
import { type ExitCode, UsageError } from './verb.js';

interface Place {
  readonly branch?: string;
  readonly bucket?: string;
}

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
export function reading(
  folder: string,
  place: Place,
  use: (bucket: Bucket, store: Regalia) => Promise<ExitCode>,
): Promise<ExitCode> {
  return placed(folder, place, { readOnly: true }, use);
}

/** The bucket that the options name, for reading and writing. */
export function writing(
  folder: string,
  place: Place,
  use: (bucket: Bucket, store: Regalia) => Promise<ExitCode>,
): Promise<ExitCode> {
  return placed(folder, place, { create: false }, use);
}

function placed(
  folder: string,
  { branch, bucket: key }: Place,
  options: RegaliaOptions,
  use: (bucket: Bucket, store: Regalia) => Promise<ExitCode>,
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
  if (Number.isNaN(date.getTime())) throw new UsageError(`${text} is no date`);
  return { date };
}

export function snapshotOf(bucket: Bucket, at: string | undefined): Snapshot {
  return bucket.snapshot(at === undefined ? undefined : atOf(bucket, at));
}

/** Options of a commit: the message if one is given, else what the verb says of itself. */
export function commitOf(
  message: string | undefined,
  signal: AbortSignal,
  otherwise: string,
): CommitOptions {
  // Arguments may hold what a message may not.
  return { message: message ?? otherwise.toWellFormed(), signal };
}

export function absent(what: string, name: string): RegaliaError {
  return new RegaliaError('REGALIA_NOT_FOUND', `there is no ${what} ${name}`, { what, name });
}

/** A number from an option. */
export function numberOf(name: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`--${name} takes a number, not ${JSON.stringify(text)}`);
}
