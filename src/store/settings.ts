/**
 * What a store runs with: the options of `open`, which were checked, with defaults for those that
 * were not given. A rule's options are of two kinds: what is hashed with its bucket, and how this
 * store keeps the contents, which is its own affair.
 */
import { randomBytes } from 'node:crypto';
import type { Settings } from '../commit/core.js';
import { algorithmNumber } from '../ground/block-header.js';
import {
  checkStreamName,
  defineRules,
  type RuleOptions,
  type StreamRule,
} from '../streams/rule.js';
import { DEFAULT_STORAGE, mergedStorage, type StorageOptions } from '../volumes/storage-rules.js';
import type { OpenOptions, RegaliaOptions, StreamOptions } from './options.js';

const CACHE_BYTES = 64 * 1024 * 1024;
const CONTENT_CACHE_BYTES = 32 * 1024 * 1024;
const TRANSACTION_BYTES = 160 * 1024 * 1024;
/** Who signs may have to confirm it by hand. */
const SIGN_TIMEOUT_MS = 60_000;

/** REGALIA_RULE, REGALIA_STREAM: also for what only counts beside stored rules. */
export function settingsOf(options: RegaliaOptions): Settings {
  const storage = storageRules(options);
  const { entries, places } = options;
  const ruled = [options.streams, options.default, entries, places];
  mergedStorage({ default: DEFAULT_STORAGE, streams: new Map() }, storage);
  return {
    actor: options.actor,
    readOnly: options.readOnly ?? false,
    algorithm: algorithmNumber(options.hash ?? 'sha256'),
    durability: options.durability ?? 'group',
    cacheBytes: options.cacheBytes ?? CACHE_BYTES,
    contentCacheBytes: options.contentCacheBytes ?? CONTENT_CACHE_BYTES,
    workers: options.workers,
    onFault: options.onFault,
    transactionBytes: options.transactionBytes ?? TRANSACTION_BYTES,
    signTimeoutMs: options.signTimeoutMs ?? SIGN_TIMEOUT_MS,
    snapshotMaxAgeMs: options.snapshotMaxAgeMs ?? Number.POSITIVE_INFINITY,
    now: options.now ?? (() => Date.now()),
    random: options.random ?? ((length) => new Uint8Array(randomBytes(length))),
    rules: defineRules(hashedRules(options)),
    declaresRules: ruled.some((one) => one !== undefined),
    declaresDefault: Object.keys(hashedPart(options.default ?? {})).length > 0,
    policies: { ...(entries && { entries }), ...(places && { places }) },
    storage,
  };
}

function hashedRules({
  streams,
  default: fallback = {},
  entries,
  places,
}: OpenOptions): RuleOptions {
  const hashed: Record<string, Partial<StreamRule>> = {};
  for (const [name, rule] of namedRules(streams)) {
    const rest = hashedPart(rule);
    // A rule of storage alone declares nothing that is hashed; an empty one that it is the default.
    if (Object.keys(rule).length === 0 || Object.keys(rest).length > 0) hashed[name] = rest;
  }
  return { streams: hashed, default: hashedPart(fallback), entries, places };
}

/** A rule that is undefined counts as not given. */
function namedRules(streams: OpenOptions['streams'] = {}): [string, StreamOptions][] {
  return Object.entries(streams).filter(([, rule]) => rule !== undefined);
}

function hashedPart(rule: StreamOptions): Partial<StreamRule> {
  const { compression: _, redundancy: __, ...rest } = rule;
  return rest;
}

function storageRules({ streams, default: fallback = {} }: OpenOptions): StorageOptions {
  const named = namedRules(streams);
  for (const [name] of named) checkStreamName(name);
  return { streams: Object.fromEntries(named), default: fallback };
}
