/**
 * What every call of the public surface may be given, in one place: its options as a type, and at
 * the end the table that checks them. What only the store knows (whether a branch is there, whether
 * a rule is the stored one) is checked where it is known.
 */
import type { Source } from '../chunks/source.js';
import type { CommitOptions, CommitResult } from '../commit/committer.js';
import type { Durability } from '../engine/engine.js';
import type { CollectOptions } from '../gc/collect.js';
import { badOption, badRange } from '../ground/errors.js';
import {
  CACHE_BYTES_MIN,
  MESSAGE_BYTES_MAX,
  TIME_MS_MAX,
  TRANSACTION_BYTES_MIN,
  VOLUME_WEIGHT_MAX,
  WORKERS_MAX,
} from '../ground/limits.js';
import {
  bytes,
  callback,
  count,
  fieldsOf,
  flag,
  folder,
  Kind,
  limit,
  listener,
  listOf,
  namesOf,
  number,
  Options,
  offset,
  oneOf,
  signal,
  text,
  whole,
} from '../ground/options.js';
import { ACTOR_LENGTH } from '../log/commit.js';
import type { Actor } from '../log/signature.js';
import type { Answer } from '../merge/resolve.js';
import type { DrainOptions } from '../repair/drain.js';
import type { RepairOptions } from '../repair/repair.js';
import type { RescanOptions } from '../repair/rescan.js';
import type { EntryRule, PlaceRule, StreamRule } from '../streams/rule.js';
import type { PackBytes, PackIndexOptions } from '../sync/pack-index.js';
import type { Key } from '../tree/key.js';
import { FIND_KINDS, type FindOptions } from '../tree/key-pattern.js';
import type { VerifyOptions } from '../verify/verify.js';
import type { ContentFault } from '../volumes/chunk-store.js';
import type { StorageRuleOptions } from '../volumes/storage-rules.js';
import { answers, commitPolicy, type MergeJudgement, mergePolicy } from './policies.js';

// Arguments that several calls have.

/** Parts are looked at as they come. */
function isSource(datum: unknown): boolean {
  if (typeof datum !== 'object' || datum === null) return false;
  const isWhole = datum instanceof ArrayBuffer || datum instanceof Blob;
  return (
    isWhole || 'getReader' in datum || Symbol.asyncIterator in datum || Symbol.iterator in datum
  );
}

export const SOURCE = new Kind<Source>(
  'bytes, text, a Blob, a ReadableStream, or an iterable of bytes or text',
  (datum) => typeof datum === 'string' || isSource(datum),
);

/** The name of a branch, a tag, a volume. */
export const NAME: Kind<string> = text();

/** A function that the caller gives work to. */
export const BODY = listener<(...given: never[]) => unknown>();

/**
 * A commit: its address or at least 8 of its first digits, a branch, a tag; or the last one not
 * later than a date, which is a Date or milliseconds since the epoch.
 */
export type At =
  | string
  | { readonly commit: string }
  | { readonly branch: string }
  | { readonly tag: string }
  | { readonly date: Date | number };

/** The same, as what was given may leave fields undefined. */
export type AtFields = Partial<
  Record<'commit' | 'branch' | 'tag', string> & { date: Date | number }
>;

const date = new Kind<Date | number>('a Date, or milliseconds since the epoch', (datum) => {
  const ms = datum instanceof Date ? datum.getTime() : datum;
  return typeof ms === 'number' && Math.abs(ms) <= TIME_MS_MAX;
});

const AT_FIELDS = new Options<AtFields>('at', { commit: NAME, branch: NAME, tag: NAME, date });

/** See `At`. */
export const AT = new Kind<At>(
  'the name of a commit, branch or tag, or one of { commit, branch, tag, date }',
  (datum) => typeof datum === 'string' || (typeof datum === 'object' && datum !== null),
  {
    closer: (name, datum) => {
      if (typeof datum === 'string') return;
      const given = Object.values(AT_FIELDS.check(datum)).filter((one) => one !== undefined);
      if (given.length === 1) return;
      throw badOption(name, 'one of commit, branch, tag and date', `${given.length} of them`);
    },
  },
);

// Opening.

/** A stream's rule: what is hashed with its bucket, and how this store keeps its contents. */
export type StreamOptions = Partial<StreamRule> & StorageRuleOptions;

/** How a store is opened or made. */
export interface OpenOptions {
  /** Rules by stream name; what is left out is taken from `default`. */
  readonly streams?: Readonly<Record<string, StreamOptions>> | undefined;
  /** The rule of every other stream. */
  readonly default?: StreamOptions | undefined;
  /** For entries that one side of a merge removed and the other changed; default 'conflict'. */
  readonly entries?: EntryRule | undefined;
  /** For places that contradict each other; default 'conflict'. */
  readonly places?: PlaceRule | undefined;
  /** Who signs the commits made through this handle. */
  readonly actor?: Actor | undefined;
  /** The branch to work on; default `main`. */
  readonly branch?: string | undefined;
  /** The hash of a new store's blocks; default 'sha256'. */
  readonly hash?: 'sha256' | 'blake3' | undefined;
  /** When a commit counts as done; default 'group'. */
  readonly durability?: Durability | undefined;
  /** How much memory decoded nodes may take, in bytes; default 64 MiB. */
  readonly cacheBytes?: number | undefined;
  /** How much memory chunks of contents that were read may take, in bytes; default 32 MiB. */
  readonly contentCacheBytes?: number | undefined;
  /**
   * Threads that compress and decode chunks, 0 to 64; default as many as there are processors, up
   * to 4.
   */
  readonly workers?: number | undefined;
  /**
   * Called with what reads of contents went around: copies and shards that are not sound, volumes
   * that are away.
   */
  readonly onFault?: ((fault: ContentFault) => void) | undefined;
  /** How much memory a transaction's pending edits may take, in bytes; default 160 MiB. */
  readonly transactionBytes?: number | undefined;
  /**
   * How long an actor elsewhere may take for a signature, in milliseconds; default a minute. Others
   * who commit to the branch wait meanwhile. REGALIA_ABORTED for a commit whose actor takes longer.
   */
  readonly signTimeoutMs?: number | undefined;
  /** Snapshots older than this throw REGALIA_EXPIRED, in milliseconds; default none do. */
  readonly snapshotMaxAgeMs?: number | undefined;
  /** Milliseconds since the epoch; default `Date.now`. */
  readonly now?: (() => number) | undefined;
  /** Unpredictable bytes; default those of `node:crypto`. */
  readonly random?: ((length: number) => Uint8Array) | undefined;
}

/** How a store in a folder is opened or made. */
export interface RegaliaOptions extends OpenOptions {
  /** For reading only: works on read-only media. */
  readonly readOnly?: boolean | undefined;
  /** Whether to make the store where there is none; default true. False: REGALIA_NOT_FOUND. */
  readonly create?: boolean | undefined;
  /** Write to a folder that was copied, since its original is gone. */
  readonly adopt?: boolean | undefined;
}

// Reading.

/**
 * Which children, by name: at most one lower and one upper bound, which need not be names that are
 * there.
 *
 * ```ts
 * snapshot.children('/photos', { prefix: '2024-', gt: '2024-05', limit: 10 });
 * ```
 */
export interface ChildRange {
  readonly gt?: string | Uint8Array | undefined;
  readonly gte?: string | Uint8Array | undefined;
  readonly lt?: string | Uint8Array | undefined;
  readonly lte?: string | Uint8Array | undefined;
  /** Only names that begin so. */
  readonly prefix?: string | Uint8Array | undefined;
  /** From the last name to the first. */
  readonly reverse?: boolean | undefined;
  /** How many at most; default all. */
  readonly limit?: number | undefined;
}

/** Which commits. */
export interface LogOptions {
  /** Where to begin; default the head. */
  readonly from?: At | undefined;
  /** Commits that this one has seen are left out. */
  readonly until?: At | undefined;
  /** Only commits that changed anything at or below this key. */
  readonly key?: Key | undefined;
  /** Oldest first. */
  readonly reverse?: boolean | undefined;
  /** How many at most; default all. */
  readonly limit?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Which rows of a reflog. */
export interface ReflogOptions {
  /** Oldest first. */
  readonly reverse?: boolean | undefined;
  /** How many at most; default all. */
  readonly limit?: number | undefined;
}

/** Which differences. */
export interface DiffOptions {
  /** Only what lies at or below this key. */
  readonly key?: Key | undefined;
  /** A row per stream below added and removed entries, instead of one for the whole. */
  readonly deep?: boolean | undefined;
  /** From the last key to the first. */
  readonly reverse?: boolean | undefined;
  /** How many rows at most; default all. */
  readonly limit?: number | undefined;
}

/** What to watch. */
export interface WatchOptions {
  /** Only commits that change anything at or below this key. */
  readonly key?: Key | undefined;
  /** Ends the watch: the iteration is done, without an error. */
  readonly signal?: AbortSignal | undefined;
}

// Writing.

/** How a transaction sees what others do. */
export interface TransactionOptions {
  /**
   * 'snapshot' (the default) checks what was written against others' writes; 'serializable' also
   * what was read.
   */
  readonly isolation?: 'snapshot' | 'serializable' | undefined;
}

/**
 * How a commit is taken back: by a merge whose `ours` is the head, and `theirs` what was before the
 * commit.
 */
export interface RevertOptions extends MergeJudgement, Omit<CommitOptions, 'policy'> {
  /** Of a merge: the parent whose state it leads back to. */
  readonly parent?: At | undefined;
}

/** What a revert did. */
export interface RevertOutcome extends CommitResult {
  /** Answers that met no conflict. */
  readonly unused: readonly Answer[];
}

/** How a transaction is run and committed. */
export interface TransactOptions extends TransactionOptions, CommitOptions {
  /** How often to begin again after a conflict; default 16. */
  readonly retries?: number | undefined;
}

/** How a part of a stream is changed. */
export interface ChangeOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a stream is written. */
export interface WriteOptions extends ChangeOptions {
  /**
   * Where to write, in bytes from the stream's beginning. Not given: the source is the whole
   * stream.
   */
  readonly at?: number | undefined;
}

// Branches, merges and exchange.

/** Where a branch begins. */
export interface ForkOptions {
  /** Default the head. */
  readonly at?: At | undefined;
}

/** How a merge is made. */
export interface MergeOptions extends MergeJudgement, Omit<CommitOptions, 'policy'> {
  /** The branch to merge into; default the one at hand. */
  readonly into?: string | undefined;
  /** Given, the merge is an ordinary commit of this replica, not the canonical one. */
  readonly message?: string | undefined;
}

/** What a pack has in it. */
export interface ExportOptions {
  /** What the receiver has, as its `have` says; default nothing. */
  readonly have?: string | undefined;
  /**
   * The branches to send; default all local ones, of a nested bucket the one at hand and those that
   * are detached.
   */
  readonly branches?: readonly string[] | undefined;
  /** Whether contents outside metadata travel along; default true. */
  readonly contents?: boolean | undefined;
  /**
   * Whether an index of keys is written; default where there is no `have`, and there are at most
   * 8,388,608 entries, as there must be.
   */
  readonly index?: boolean | undefined;
  /** The byte to begin at, to go on with a transfer that broke; default 0. */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A pack, as it comes: from `export`, a file, the body of a response. */
export type PackSource =
  | Uint8Array
  | ArrayBuffer
  | Blob
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array>
  | Iterable<Uint8Array>;

export const PACK = new Kind<PackSource>(
  'bytes, a Blob, a ReadableStream, or an iterable of bytes',
  isSource,
);

/** What a pack may lack. What is missing can come later, in another pack. */
export interface PackLacks {
  /** Default true: a pack without contents outside metadata is refused. False accepts it. */
  readonly contents?: boolean | undefined;
  /** Default true: a pack without the commits of nested buckets is refused. False accepts it. */
  readonly nested?: boolean | undefined;
  /** Whether commits may come without what came before them; default false. */
  readonly shallow?: boolean | undefined;
}

/** How a store is made from a pack. */
export interface ReceiveOptions extends RegaliaOptions, PackLacks {}

/** How a pack is read. */
export interface ImportOptions extends PackLacks {
  readonly signal?: AbortSignal | undefined;
  /** Called with the bytes read so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /**
   * Whether commits that name an actor must be signed ('required'), those that came here before and
   * that no branch of this store's own has seen as well; or only right if they are ('checked', the
   * default).
   */
  readonly signatures?: 'checked' | 'required' | undefined;
  /**
   * Whether tracking branches go to the pack's commits also where these do not come after those
   * that they name, as after a reset at the sender's; default false.
   */
  readonly reset?: boolean | undefined;
}

/** A pack whose index is opened. */
export const INDEXED_PACK = new Kind<string | PackBytes>(
  'the path of a file, or a size and a function that reads',
  (datum) => {
    if (folder.accepts(datum)) return true;
    if (typeof datum !== 'object' || datum === null) return false;
    const { size, read } = datum as Partial<PackBytes>;
    return Number.isSafeInteger(size) && Number(size) >= 0 && typeof read === 'function';
  },
);

// Upkeep.

/** How the contents of a store are counted. */
export interface ContentStatsOptions {
  readonly signal?: AbortSignal | undefined;
}

/** How a volume is added. */
export interface AddVolumeOptions {
  /** How much of new contents it is given, beside the others: a whole number; default 1. */
  readonly weight?: number | undefined;
}

/** What changes of a volume. */
export interface VolumeChange {
  /** How much of new contents it is given, beside the others: a whole number, 0 for nothing. */
  readonly weight?: number | undefined;
  /** Whether anything is written to it. */
  readonly state?: 'online' | 'read-only' | undefined;
}

/** How a volume is removed. */
export interface RemoveVolumeOptions {
  /** Give up what lies on it: it is lost, or will be. */
  readonly lost?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

// What the options of each call must be.

const durability = oneOf<Durability>('sync', 'group', 'none');

const actor = new Kind<Actor>(
  `an actor: a public key of ${ACTOR_LENGTH} bytes and a function that signs`,
  (datum) => {
    if (typeof datum !== 'object' || datum === null) return false;
    const { publicKey, sign } = datum as Partial<Actor>;
    return bytes.accepts(publicKey) && publicKey?.length === ACTOR_LENGTH && BODY.accepts(sign);
  },
);

/** What is in a rule is REGALIA_RULE, and checked where rules are made. */
const inRule = new Kind<never>('what a rule allows', () => true);

const rule = fieldsOf(
  new Options<StreamOptions>('a rule', {
    encoding: inRule,
    inlineMax: inRule,
    merge: inRule,
    chunking: inRule,
    compression: inRule,
    redundancy: inRule,
  }),
);

const OPEN = {
  streams: namesOf(rule),
  default: rule,
  entries: inRule,
  places: inRule,
  actor,
  branch: NAME,
  hash: oneOf('sha256', 'blake3'),
  durability,
  cacheBytes: number(CACHE_BYTES_MIN),
  contentCacheBytes: number(CACHE_BYTES_MIN),
  workers: whole(0, WORKERS_MAX),
  onFault: listener<(fault: ContentFault) => void>(),
  transactionBytes: number(TRANSACTION_BYTES_MIN),
  signTimeoutMs: number(0),
  snapshotMaxAgeMs: number(0),
  now: callback<() => number>(),
  random: callback<(length: number) => Uint8Array>(),
};
const OPEN_FOLDER = { ...OPEN, readOnly: flag, create: flag, adopt: flag };

/** Keys have an error of their own: they are parsed where they are used. */
const key = new Kind<Key>('a key', () => true);

const bound = new Kind<string | Uint8Array>(
  'a name, as text or bytes',
  (datum) => typeof datum === 'string' || bytes.accepts(datum),
  { refusal: badRange },
);
const RANGE = { gt: bound, gte: bound, lt: bound, lte: bound, prefix: bound, reverse: flag, limit };

const isolation = oneOf('snapshot', 'serializable');
const message = text(MESSAGE_BYTES_MAX);
const COMMIT = { message, durability, policy: commitPolicy, actor, signal };
const POLICIES = { policy: mergePolicy, answers };
const signatures = oneOf('checked', 'required');
const weight = whole(0, VOLUME_WEIGHT_MAX);
const work = { signal, onProgress: listener<never>() };
const LACKS = { contents: flag, nested: flag, shallow: flag };

/** The options of each call, by its name. */
export const CALLS = {
  memory: new Options<OpenOptions>('memory', OPEN),
  open: new Options<RegaliaOptions>('open', OPEN_FOLDER),
  receive: new Options<ReceiveOptions>('receive', { ...OPEN_FOLDER, ...LACKS }),
  children: new Options<ChildRange>('children', RANGE),
  find: new Options<FindOptions>('find', FIND_KINDS),
  log: new Options<LogOptions>('log', { from: AT, until: AT, key, reverse: flag, limit, signal }),
  reflog: new Options<ReflogOptions>('reflog', { reverse: flag, limit }),
  diff: new Options<DiffOptions>('diff', { key, deep: flag, reverse: flag, limit }),
  watch: new Options<WatchOptions>('watch', { key, signal }),
  begin: new Options<TransactionOptions>('begin', { isolation }),
  transact: new Options<TransactOptions>('transact', { ...COMMIT, isolation, retries: count }),
  commit: new Options<CommitOptions>('commit', COMMIT),
  revert: new Options<RevertOptions>('revert', { ...COMMIT, ...POLICIES, parent: AT }),
  restore: new Options<CommitOptions>('restore', COMMIT),
  write: new Options<WriteOptions>('write', { at: offset, signal }),
  append: new Options<ChangeOptions>('append', { signal }),
  truncate: new Options<ChangeOptions>('truncate', { signal }),
  fork: new Options<ForkOptions>('fork', { at: AT }),
  merge: new Options<MergeOptions>('merge', { ...COMMIT, ...POLICIES, into: NAME }),
  export: new Options<ExportOptions>('export', {
    have: text(),
    branches: listOf(NAME),
    contents: flag,
    index: flag,
    from: offset,
    signal,
  }),
  import: new Options<ImportOptions>('import', { ...work, ...LACKS, signatures, reset: flag }),
  openPackIndex: new Options<PackIndexOptions>('openPackIndex', { bytesMax: number(0), signal }),
  verify: new Options<VerifyOptions>('verify', { ...work, contents: flag, chunks: flag }),
  gc: new Options<CollectOptions>('gc', { ...work, graceMs: number(0), deadShare: number(0, 1) }),
  repair: new Options<RepairOptions>('repair', { ...work, restedMs: number(0) }),
  rescan: new Options<RescanOptions>('rescan', work),
  contentStats: new Options<ContentStatsOptions>('contentStats', { signal }),
  addVolume: new Options<AddVolumeOptions>('addVolume', { weight }),
  setVolume: new Options<VolumeChange>('setVolume', {
    weight,
    state: oneOf('online', 'read-only'),
  }),
  drainVolume: new Options<DrainOptions>('drainVolume', work),
  removeVolume: new Options<RemoveVolumeOptions>('removeVolume', { lost: flag, signal }),
};
