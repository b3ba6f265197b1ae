/**
 * Storage rules: how this store keeps the contents of a stream. They concern this store alone: they
 * are never hashed nor sent, and may change; what was kept before stays as it is until upkeep
 * brings it to the rule.
 *
 *     compression  'none', or a level of zstd, 1 to 19; what does not get shorter is kept as it is
 *     redundancy   none: a content on one volume | mirrored on so many | striped over all, by chunk
 *                  | coded: large contents that rest as shards, see group-format.ts
 *
 *     row 'storage' of meta   checksum u32 | version u8 | count varint | rule × count
 *     rule                    name text, of the first one '' | level u8, 0 none | kind u8 | numbers
 *     numbers                 by kind:
 *                             0 none | 1 mirrored: copies u8 | 2 striped
 *                             | 3 coded: data u8, parity u8, from varint
 */
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Reads } from '../engine/engine.js';
import { badRule } from '../ground/errors.js';
import { COMPRESSION_LEVEL_MAX, COPIES_MAX, STORAGE_RULES_MAX } from '../ground/limits.js';
import { Kind, Options, oneOf, whole } from '../ground/options.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import { shardsFault } from '../kernels/reed-solomon.js';

/** None, or a level of zstd. */
export type Compression = 'none' | number;

/**
 * On how many volumes contents are kept, and how. `coded`: contents of at least `from` bytes, once
 * they have rested, as so many shards of data and so many of parity; shorter ones, and those that
 * have not rested, in one copy more than parity has shards.
 */
export type Redundancy =
  | { readonly kind: 'none' }
  | { readonly kind: 'mirrored'; readonly copies: number }
  | { readonly kind: 'striped' }
  | {
      readonly kind: 'coded';
      readonly data: number;
      readonly parity: number;
      readonly from: number;
    };

/** How the contents of a stream are kept. */
export interface StorageRule {
  readonly compression: Compression;
  readonly redundancy: Redundancy;
}

export interface StorageRules {
  readonly default: StorageRule;
  readonly streams: ReadonlyMap<string, StorageRule>;
}

/** Redundancy as users give it. */
export type RedundancyOption =
  | Redundancy
  | {
      readonly kind: 'coded';
      /** Default 4. */
      readonly data?: number;
      /** Default 2. */
      readonly parity?: number;
      /** The least bytes of a content that is coded; default 64 MiB. */
      readonly from?: number;
    };

/** The same, where what is left out stays as it is. */
export interface StorageRuleOptions {
  readonly compression?: Compression | undefined;
  readonly redundancy?: RedundancyOption | undefined;
}

export interface StorageOptions {
  readonly streams?: Readonly<Record<string, StorageRuleOptions>>;
  readonly default?: StorageRuleOptions;
}

/** How contents are kept where no rule says otherwise. */
export const DEFAULT_STORAGE: StorageRule = { compression: 3, redundancy: { kind: 'none' } };

const VERSION = 1;
const KEY = utf8Bytes('storage');
/** Persisted: never renumber. */
const KINDS = ['none', 'mirrored', 'striped', 'coded'] as const;
const CODED = { data: 4, parity: 2, from: 64 * 1_048_576 } as const;

export function storageRuleOf(rules: StorageRules, stream: string): StorageRule {
  return rules.streams.get(stream) ?? rules.default;
}

// What a rule may say.

const level = whole(1, COMPRESSION_LEVEL_MAX);

const compressionKind = new Kind<Compression>(
  `'none', or a level of 1 to ${COMPRESSION_LEVEL_MAX}`,
  (datum) => datum === 'none' || level.accepts(datum),
  { refusal: badRule },
);

const kind = oneOf(...KINDS).refusedBy(badRule);
const anyCount = whole().refusedBy(badRule);

const REDUNDANCIES = {
  none: new Options<Redundancy & { kind: 'none' }>('redundancy', { kind: oneOf('none') }),
  mirrored: new Options<Redundancy & { kind: 'mirrored' }>('redundancy', {
    kind: oneOf('mirrored'),
    copies: whole(1, COPIES_MAX).refusedBy(badRule),
  }),
  striped: new Options<Redundancy & { kind: 'striped' }>('redundancy', { kind: oneOf('striped') }),
  coded: new Options<Redundancy & { kind: 'coded' }>('redundancy', {
    kind: oneOf('coded'),
    data: anyCount,
    parity: anyCount,
    from: anyCount,
  }),
};

function checkedRedundancy(name: string, given: RedundancyOption): Redundancy {
  const known = kind.check(`${name}.kind`, given?.kind);
  const checked = REDUNDANCIES[known].checkAll(completed(given), name);
  if (checked.kind !== 'coded') return { ...checked };
  const fault = shardsFault(checked.data, checked.parity);
  if (fault !== undefined) throw badRule(name, `coded with ${fault.expected}`, fault.actual);
  return checked;
}

function completed(given: RedundancyOption): Redundancy {
  if (given.kind !== 'coded') return given;
  const { data = CODED.data, parity = CODED.parity, from = CODED.from } = given;
  return { ...given, data, parity, from };
}

/** The stored rules, with what the options say in their place. REGALIA_RULE, REGALIA_OPTION. */
export function mergedStorage(stored: StorageRules, options: StorageOptions): StorageRules {
  const fallback = merged('default', stored.default, options.default ?? {});
  const streams = new Map(stored.streams);
  for (const [name, part] of Object.entries(options.streams ?? {})) {
    if (part.compression === undefined && part.redundancy === undefined) continue;
    streams.set(name, merged(`streams.${name}`, streams.get(name) ?? fallback, part));
  }
  if (streams.size > STORAGE_RULES_MAX) {
    throw badRule('streams', `at most ${STORAGE_RULES_MAX}`, `${streams.size}`);
  }
  return { default: fallback, streams };
}

function merged(name: string, rule: StorageRule, part: StorageRuleOptions): StorageRule {
  const { compression = rule.compression, redundancy = rule.redundancy } = part;
  return {
    compression: compressionKind.check(`${name}.compression`, compression),
    redundancy: checkedRedundancy(`${name}.redundancy`, redundancy),
  };
}

export function sameStorage(a: StorageRules, b: StorageRules): boolean {
  return Buffer.compare(encode(a), encode(b)) === 0;
}

export function putStorage(batch: Batch, rules: StorageRules): void {
  batch.put('meta', KEY, sealRow('meta', KEY, encode(rules)));
}

function encode(rules: StorageRules): Uint8Array {
  const writer = new ByteWriter(64).u8(VERSION).varint(rules.streams.size + 1);
  const named = [...rules.streams].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, { compression, redundancy }] of [['', rules.default] as const, ...named]) {
    writer.text(name).u8(compression === 'none' ? 0 : compression);
    writer.u8(KINDS.indexOf(redundancy.kind));
    if (redundancy.kind === 'mirrored') writer.u8(redundancy.copies);
    if (redundancy.kind === 'coded') {
      writer.u8(redundancy.data).u8(redundancy.parity).varint(redundancy.from);
    }
  }
  return writer.finish();
}

/** The stored rules, or the defaults. REGALIA_CORRUPT, REGALIA_FORMAT, REGALIA_RULE. */
export function storedStorage(reads: Reads): StorageRules {
  const row = reads.get('meta', KEY);
  if (row === undefined) return { default: DEFAULT_STORAGE, streams: new Map() };
  const reader = new ByteReader(openRow('meta', KEY, row), 'storage rules');
  reader.version(VERSION);
  const count = reader.varint();
  if (count < 1 || count > STORAGE_RULES_MAX + 1) reader.fail('1 to 257 rules', `${count}`);
  if (reader.text() !== '') reader.fail('the default rule', 'a named one');
  const fallback = readRule(reader);
  const streams = new Map<string, StorageRule>();
  for (let i = 1; i < count; i++) streams.set(reader.text(), readRule(reader));
  reader.end();
  return { default: fallback, streams };
}

function readRule(reader: ByteReader): StorageRule {
  const level = reader.u8();
  const code = reader.u8();
  const kind = KINDS[code] ?? reader.fail(`a kind below ${KINDS.length}`, `${code}`);
  return {
    compression: compressionKind.check('stored.compression', level === 0 ? 'none' : level),
    redundancy: checkedRedundancy('stored.redundancy', readRedundancy(reader, kind)),
  };
}

function readRedundancy(reader: ByteReader, kind: (typeof KINDS)[number]): RedundancyOption {
  if (kind === 'mirrored') return { kind, copies: reader.u8() };
  if (kind !== 'coded') return { kind };
  return { kind, data: reader.u8(), parity: reader.u8(), from: reader.varint() };
}
