/**
 * Options of a store, their defaults, and every limit that is not a format's.
 */
import type { CommitOptions } from '../commit/committer.js';
import type { Settings } from '../commit/core.js';
import type { Durability } from '../engine/engine.js';
import { algorithmNumber } from '../ground/block-header.js';
import { RegaliaError } from '../ground/errors.js';
import {
  CACHE_BYTES_MIN,
  MESSAGE_BYTES_MAX,
  TRANSACTION_BYTES_MIN,
  WORKERS_MAX,
} from '../ground/limits.js';
import { utf8Bytes } from '../ground/text.js';
import type { Actor } from '../log/signature.js';
import {
  checkStreamName,
  defineRules,
  type RuleOptions,
  type StreamRule,
} from '../streams/rule.js';
import type { ContentFault } from '../volumes/chunk-store.js';
import type { StorageOptions, StorageRuleOptions } from '../volumes/storage-rules.js';

/** A stream's rule: what is hashed with its bucket, and how this store keeps its contents. */
export type StreamOptions = Partial<StreamRule> & StorageRuleOptions;

export interface OpenOptions {
  /** Rules by stream name; what is left out is taken from `default`. */
  readonly streams?: Readonly<Record<string, StreamOptions>>;
  /** The rule of every other stream. */
  readonly default?: StreamOptions;
  /** Who signs the commits made through this handle. */
  readonly actor?: Actor;
  /** For reading alone: works on read-only media. */
  readonly readOnly?: boolean;
  /** Make the store where there is none (the default); false: REGALIA_NOT_FOUND. */
  readonly create?: boolean;
  /** The hash of a new store's blocks. */
  readonly hash?: 'sha256' | 'blake3';
  /** When a commit counts as done, unless it says otherwise. */
  readonly durability?: Durability;
  /** How much memory decoded nodes may take, in bytes. */
  readonly cacheBytes?: number;
  /** How much memory chunks of contents that were read may take, in bytes. */
  readonly contentCacheBytes?: number;
  /**
   * Threads that compress and decode chunks, 0 to 64: as many as there are processors, up to 4,
   * unless told.
   */
  readonly workers?: number;
  /**
   * Told of what reads of contents went around: copies and shards that are not sound, volumes that
   * are away.
   */
  readonly onFault?: (fault: ContentFault) => void;
  /** How much memory a transaction's pending edits may take, in bytes. */
  readonly transactionBytes?: number;
  /** Snapshots older than this throw REGALIA_EXPIRED, in milliseconds. None by default. */
  readonly snapshotMaxAgeMs?: number;
  /** Milliseconds since the epoch. */
  readonly now?: () => number;
  /** Unpredictable bytes. */
  readonly random?: (length: number) => Uint8Array;
}

const CACHE_BYTES = 64 * 1024 * 1024;
const CONTENT_CACHE_BYTES = 32 * 1024 * 1024;
const TRANSACTION_BYTES = 160 * 1024 * 1024;

const DURABILITIES: readonly Durability[] = ['sync', 'group', 'none'];

/** Checks the options. REGALIA_OPTION, REGALIA_RULE, REGALIA_STREAM. */
export function settingsOf(
  options: OpenOptions,
  runtime: { now: () => number; random: (length: number) => Uint8Array },
): Settings {
  const { hash = 'sha256', durability = 'group' } = options;
  if (hash !== 'sha256' && hash !== 'blake3') throw badOption('hash', 'sha256 or blake3', hash);
  checkDurability(durability);
  return {
    actor: options.actor,
    readOnly: options.readOnly ?? false,
    algorithm: algorithmNumber(hash),
    durability,
    cacheBytes: atLeast('cacheBytes', options.cacheBytes ?? CACHE_BYTES, CACHE_BYTES_MIN),
    contentCacheBytes: atLeast(
      'contentCacheBytes',
      options.contentCacheBytes ?? CONTENT_CACHE_BYTES,
      CACHE_BYTES_MIN,
    ),
    workers: checkedWorkers(options.workers),
    onFault: options.onFault,
    transactionBytes: atLeast(
      'transactionBytes',
      options.transactionBytes ?? TRANSACTION_BYTES,
      TRANSACTION_BYTES_MIN,
    ),
    snapshotMaxAgeMs: atLeast(
      'snapshotMaxAgeMs',
      options.snapshotMaxAgeMs ?? Number.POSITIVE_INFINITY,
      0,
    ),
    now: options.now ?? runtime.now,
    random: options.random ?? runtime.random,
    rules: defineRules(hashedRules(options)),
    declaresRules: options.streams !== undefined || options.default !== undefined,
    declaresDefault: Object.keys(hashedPart(options.default ?? {})).length > 0,
    storage: storageRules(options),
  };
}

/**
 * The rules without what is this store's own affair. What is no object is left for its check to
 * refuse.
 */
function hashedRules({ streams, default: fallback }: OpenOptions): RuleOptions {
  const hashed: Record<string, Partial<StreamRule>> = {};
  for (const [name, rule] of Object.entries(streams ?? {})) {
    const rest = hashedPart(rule);
    // A rule of storage alone declares nothing that is hashed.
    if (rest === rule || Object.keys(rest).length > 0) hashed[name] = rest;
  }
  return {
    ...(streams === undefined ? {} : { streams: hashed }),
    ...(fallback === undefined ? {} : { default: hashedPart(fallback) }),
  };
}

function hashedPart(rule: StreamOptions): Partial<StreamRule> {
  if (typeof rule !== 'object' || rule === null) return rule;
  if (rule.compression === undefined && rule.redundancy === undefined) return rule;
  const { compression: _, redundancy: __, ...rest } = rule;
  return rest;
}

function storageRules(options: OpenOptions): StorageOptions {
  const kept = ({ compression, redundancy }: StreamOptions): StorageRuleOptions => ({
    ...(compression === undefined ? {} : { compression }),
    ...(redundancy === undefined ? {} : { redundancy }),
  });
  const { streams = {}, default: fallback = {} } = options;
  const named = Object.entries(streams).map(([name, rule]) => {
    checkStreamName(name);
    return [name, kept(rule)] as const;
  });
  return { streams: Object.fromEntries(named), default: kept(fallback) };
}

/** REGALIA_OPTION unless a commit may have this message and durability. */
export function checkCommitOptions(options: Pick<CommitOptions, 'message' | 'durability'>): void {
  const { message = '', durability } = options;
  if (durability !== undefined) checkDurability(durability);
  const bytes = typeof message === 'string' ? utf8Bytes(message).length : Number.NaN;
  if (bytes <= MESSAGE_BYTES_MAX) return;
  const actual = typeof message === 'string' ? `${bytes} bytes` : typeof message;
  throw badOption('message', `text of at most ${MESSAGE_BYTES_MAX} bytes`, actual);
}

/** REGALIA_OPTION unless it is one of the durabilities. */
export function checkDurability(durability: Durability): void {
  if (DURABILITIES.includes(durability)) return;
  throw badOption('durability', 'sync, group or none', String(durability));
}

function checkedWorkers(workers: number | undefined): number | undefined {
  if (workers === undefined) return undefined;
  if (Number.isInteger(workers) && workers >= 0 && workers <= WORKERS_MAX) return workers;
  throw badOption('workers', `a whole number up to ${WORKERS_MAX}`, String(workers));
}

function atLeast(option: string, number: number, least: number): number {
  if (typeof number === 'number' && number >= least) return number;
  throw badOption(option, `a number of at least ${least}`, String(number));
}

export function badOption(option: string, expected: string, actual: string): RegaliaError {
  return new RegaliaError('REGALIA_OPTION', `${option} must be ${expected}, not ${actual}`, {
    option,
    expected,
    actual,
  });
}
