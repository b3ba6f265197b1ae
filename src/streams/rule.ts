/**
 * Rules: what a bucket promises about its streams, and who decides where two changed the same.
 *
 * A rule says how a stream's contents are checked (encoding), up to which size they stay in
 * metadata (inlineMax), how larger ones are cut (chunking) and what a merge does where both sides
 * changed them (merge). Every stream that has no rule of its own follows the default. Beside these
 * are the policies for entries and places. Rules lie under the bucket's root and are hashed, so
 * their bytes are canonical: one spelling per set of rules. Every field of a rule is spelled out,
 * so that a later release with other defaults reads it unchanged; of the policies, what decides.
 *
 *     rules     varint count | rule × count | policies   the default first, as '', then by name
 *     rule      lengthed name | varint n | (varint tag | varint number) × n   n is 5 or 7
 *     tags      1 encoding | 2 inlineMax | 3 merge | 4 chunking kind | 5 … its sizes
 *     fixed     4 kind = 1 | 5 bytes
 *     content   4 kind = 2 | 5 average | 6 least | 7 most
 *     policies  (varint tag | varint number) × 0 to 2    1 entries | 2 places; never 'conflict'
 */
import type { Chunking } from '../chunks/cutter.js';
import { compareBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { assert, badRule, badStream, unknownVersion } from '../ground/errors.js';
import {
  CHUNK_BYTES_MAX,
  CHUNK_BYTES_MIN,
  INLINE_BYTES_MAX,
  RULES_MAX,
  STREAM_NAME_BYTES_MAX,
} from '../ground/limits.js';
import { fieldsOf, Kind, namesOf, Options, oneOf, whole } from '../ground/options.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';

/** What the contents of a stream are. */
export type Encoding = 'bytes' | 'utf8' | 'cbor';
/** What a merge does where both sides changed a stream. */
export type MergePolicy = 'conflict' | 'ours' | 'theirs' | 'newest';
/** What a merge does with an entry that one side removed and the other changed. */
export type EntryRule = 'conflict' | 'keep' | 'remove' | 'newest';
/** What a merge does with places that contradict each other. */
export type PlaceRule = 'conflict' | 'newest';

/** Who decides in a bucket about entries and places. */
export interface BucketPolicies {
  readonly entries: EntryRule;
  readonly places: PlaceRule;
}

/** What a bucket promises about a stream. */
export interface StreamRule {
  /** What contents must be: any bytes, valid UTF-8, or deterministic CBOR. */
  readonly encoding: Encoding;
  /** Contents of at most so many bytes stay in metadata. */
  readonly inlineMax: number;
  /** What a merge does where both sides changed the stream. */
  readonly merge: MergePolicy;
  readonly chunking: Chunking;
}

/** A bucket's rules. Immutable. */
export class Rules implements BucketPolicies {
  readonly default: StreamRule;
  /** In the order of their names, so that equal rules are iterated alike. */
  readonly streams: ReadonlyMap<string, StreamRule>;
  readonly entries: EntryRule;
  readonly places: PlaceRule;

  constructor(
    fallback: StreamRule,
    streams: ReadonlyMap<string, StreamRule>,
    { entries, places }: BucketPolicies,
  ) {
    this.default = fallback;
    this.streams = new Map(byName(streams).map(({ text, rule }) => [text, rule]));
    this.entries = entries;
    this.places = places;
    Object.freeze(this);
  }

  /** The rule of a stream: its own, else the default. */
  ruleOf(stream: string): StreamRule {
    return this.streams.get(stream) ?? this.default;
  }
}

function byName(streams: ReadonlyMap<string, StreamRule>) {
  const named = [...streams].map(([text, rule]) => ({ text, name: utf8Bytes(text), rule }));
  return named.sort((a, b) => compareBytes(a.name, b.name));
}

/** All rules of a bucket, as programs read them. */
export interface BucketRules extends BucketPolicies {
  readonly default: StreamRule;
  readonly streams: Readonly<Record<string, StreamRule>>;
}

/** The rules of a bucket. */
export interface RuleOptions {
  /** Rules by stream name; what is left out is as in `default`. */
  readonly streams?: Readonly<Record<string, Partial<StreamRule>>> | undefined;
  /** The rule of every other stream; what is left out is as in `DEFAULT_RULE`. */
  readonly default?: Partial<StreamRule> | undefined;
  /** For entries that one side removed and the other changed; default 'conflict'. */
  readonly entries?: EntryRule | undefined;
  /** For places that contradict each other; default 'conflict'. */
  readonly places?: PlaceRule | undefined;
}

export const DEFAULT_RULE: StreamRule = frozenRule({
  encoding: 'bytes',
  inlineMax: 512,
  merge: 'conflict',
  chunking: { kind: 'content', bytesMin: 16_384, bytesAverage: 65_536, bytesMax: 262_144 },
});

/** By persisted number, from 1: never reorder, only append. */
const CHUNKINGS: readonly Chunking['kind'][] = ['fixed', 'content'];

/** How many sizes each has. Persisted: never change. */
const SIZES = { fixed: 1, content: 3 } as const;

/** Field tags, the first of sizes last. Persisted: never renumber. */
const TAG = { encoding: 1, inlineMax: 2, merge: 3, chunkingKind: 4, chunkingSizes: 5 } as const;
const TAG_MAX = TAG.chunkingSizes + SIZES.content - 1;

/** By persisted number, from 1: never reorder, only append. */
const ENCODINGS: readonly Encoding[] = ['bytes', 'utf8', 'cbor'];
const POLICIES: readonly MergePolicy[] = ['conflict', 'ours', 'theirs', 'newest'];
const ENTRY_RULES: readonly EntryRule[] = ['conflict', 'keep', 'remove', 'newest'];
const PLACE_RULES: readonly PlaceRule[] = ['conflict', 'newest'];

/** Tags of policies. Persisted: never renumber. */
const POLICY_TAG = { entries: 1, places: 2 } as const;
const POLICY_TAG_MAX = POLICY_TAG.places;

// What a rule may say.

const size = whole(CHUNK_BYTES_MIN, CHUNK_BYTES_MAX).refusedBy(badRule);
const kind = oneOf(...CHUNKINGS).refusedBy(badRule);

const CUTS = {
  fixed: new Options<Chunking & { kind: 'fixed' }>('chunking', {
    kind: oneOf('fixed'),
    bytes: size,
  }),
  content: new Options<ContentChunking>('chunking', {
    kind: oneOf('content'),
    bytesMin: size,
    bytesAverage: size,
    bytesMax: size,
  }),
};

const chunking = new Kind<Chunking>('an object', (datum) => typeof datum === 'object', {
  closer: (name, datum) => {
    const cuts = CUTS[kind.check(`${name}.kind`, (datum as Partial<Chunking> | null)?.kind)];
    const checked = cuts.checkAll(datum, name);
    if (checked.kind === 'fixed' || isOrdered(checked)) return;
    const { bytesMin, bytesAverage, bytesMax } = checked;
    throw badRule(name, ORDERED, `${bytesMin}, ${bytesAverage}, ${bytesMax}`);
  },
});

const rule = fieldsOf(
  new Options<Partial<StreamRule>>('a rule', {
    encoding: oneOf(...ENCODINGS).refusedBy(badRule),
    inlineMax: whole(0, INLINE_BYTES_MAX).refusedBy(badRule),
    merge: oneOf(...POLICIES).refusedBy(badRule),
    chunking,
  }),
);

const RULES = new Options<RuleOptions>('createBucket', {
  streams: namesOf(rule),
  default: rule,
  entries: oneOf(...ENTRY_RULES).refusedBy(badRule),
  places: oneOf(...PLACE_RULES).refusedBy(badRule),
});

function frozenRule(rule: StreamRule): StreamRule {
  return Object.freeze({ ...rule, chunking: Object.freeze({ ...rule.chunking }) });
}

/**
 * Checked rules.
 *
 * ```ts
 * const rules = defineRules({ streams: { acl: { inlineMax: 4096 } } });
 * rules.ruleOf('acl').inlineMax; // 4096
 * ```
 *
 * @throws REGALIA_STREAM for a name outside the limits, REGALIA_RULE for a field outside its,
 * REGALIA_OPTION for an unknown field or something that is no object.
 */
export function defineRules(options: RuleOptions = {}): Rules {
  const given = RULES.check(options);
  const fallback = completed(given.default ?? {}, DEFAULT_RULE);
  const streams = new Map<string, StreamRule>();
  for (const [name, rule] of Object.entries(given.streams ?? {})) {
    checkStreamName(name);
    // As everywhere, what is undefined counts as not given.
    if (rule === undefined) continue;
    streams.set(name, completed(rule, fallback));
  }
  const { entries = 'conflict', places = 'conflict' } = given;
  return countedRules(fallback, streams, { entries, places });
}

/** REGALIA_RULE for too many. */
function countedRules(
  fallback: StreamRule,
  streams: ReadonlyMap<string, StreamRule>,
  policies: BucketPolicies,
): Rules {
  if (streams.size <= RULES_MAX) return new Rules(fallback, streams, policies);
  throw badRule('streams', `at most ${RULES_MAX} declared streams`, `${streams.size}`);
}

function completed(rule: Partial<StreamRule>, fallback: StreamRule): StreamRule {
  const {
    encoding = fallback.encoding,
    inlineMax = fallback.inlineMax,
    merge = fallback.merge,
    chunking = fallback.chunking,
  } = rule;
  return frozenRule({ encoding, inlineMax, merge, chunking });
}

/**
 * @throws REGALIA_STREAM unless `name` is 1 to 64 bytes of UTF-8 without control characters and
 * '/'.
 */
export function checkStreamName(name: string): void {
  const fault = nameFault(name);
  if (fault === undefined) return;
  const limit = STREAM_NAME_BYTES_MAX;
  const actual = typeof name === 'string' ? Buffer.byteLength(name) : 0;
  throw badStream(String(name), fault, actual > limit ? { limit, actual } : {});
}

function nameFault(name: string): string | undefined {
  if (typeof name !== 'string') return 'a name that is no string';
  if (name === '') return 'an empty name';
  if (!name.isWellFormed()) return 'a name that is not valid Unicode';
  if (/[/\p{Cc}]/u.test(name)) return "a control character or '/'";
  return Buffer.byteLength(name) > STREAM_NAME_BYTES_MAX
    ? `a name of more than ${STREAM_NAME_BYTES_MAX} bytes`
    : undefined;
}

type Perhaps = StreamRule | undefined;

/** Whether both rules are the same in every field, or both are absent. */
export function sameRule(a: Perhaps, b: Perhaps): boolean {
  return a === b || ruleText(a) === ruleText(b);
}

/** Whether contents are laid out alike under both; who decides in merges may differ. */
export function sameLayout(a: Rules, b: Rules): boolean {
  const layout = (rule: StreamRule): StreamRule => ({ ...rule, merge: 'conflict' });
  const same = (x: StreamRule, y: StreamRule): boolean => sameRule(layout(x), layout(y));
  const names = [...a.streams.keys(), ...b.streams.keys()];
  return same(a.default, b.default) && names.every((one) => same(a.ruleOf(one), b.ruleOf(one)));
}

/** The canonical bytes: see the header. */
export function encodeRules(rules: Omit<Rules, 'ruleOf'>): Uint8Array {
  assert(rules.streams.size <= RULES_MAX, 'too many rules to encode');
  const writer = new ByteWriter().varint(rules.streams.size + 1);
  writeRule(writer, EMPTY, rules.default);
  for (const { name, rule } of byName(rules.streams)) writeRule(writer, name, rule);
  writePolicy(writer, POLICY_TAG.entries, ENTRY_RULES.indexOf(rules.entries));
  writePolicy(writer, POLICY_TAG.places, PLACE_RULES.indexOf(rules.places));
  return writer.finish();
}

function writePolicy(writer: ByteWriter, tag: number, index: number): void {
  if (index > 0) writer.varint(tag).varint(index + 1);
}

function writeRule(writer: ByteWriter, name: Uint8Array, rule: StreamRule): void {
  const sizes = sizesOf(rule.chunking);
  writer.lengthed(name).varint(TAG.chunkingKind + sizes.length);
  writer.varint(TAG.encoding).varint(ENCODINGS.indexOf(rule.encoding) + 1);
  writer.varint(TAG.inlineMax).varint(rule.inlineMax);
  writer.varint(TAG.merge).varint(POLICIES.indexOf(rule.merge) + 1);
  writer.varint(TAG.chunkingKind).varint(CHUNKINGS.indexOf(rule.chunking.kind) + 1);
  for (const [index, size] of sizes.entries()) {
    writer.varint(TAG.chunkingSizes + index).varint(size);
  }
}

/**
 * The inverse of `encodeRules`; accepts its output alone.
 *
 * @throws REGALIA_VERSION for a tag, encoding, policy or chunking that this release does not know,
 * REGALIA_FORMAT for anything else that is not canonical.
 */
export function decodeRules(bytes: Uint8Array): Rules {
  const reader = new ByteReader(bytes, 'stream rules');
  const count = reader.varint();
  const most = RULES_MAX + 1;
  if (count < 1 || count > most) reader.fail(`1 to ${most} rules`, `${count}`);
  if (reader.lengthed(0).length !== 0) reader.fail('the default rule', 'a named one');
  const fallback = readRule(reader);
  const streams = new Map<string, StreamRule>();
  let last = EMPTY;
  for (let index = 1; index < count; index++) {
    const name = reader.lengthed(STREAM_NAME_BYTES_MAX);
    if (compareBytes(last, name) >= 0) reader.fail('names in ascending order', 'another order');
    const text = utf8Text(name);
    const fault = text === undefined ? 'bytes that are not UTF-8' : nameFault(text);
    if (fault !== undefined) reader.fail('a stream name', fault);
    streams.set(text as string, readRule(reader));
    last = name;
  }
  const rules = new Rules(fallback, streams, readPolicies(reader));
  if (!equalBytes(encodeRules(rules), bytes)) reader.fail('canonical rules', 'another spelling');
  return rules;
}

function readRule(reader: ByteReader): StreamRule {
  const numbers = readFields(reader);
  const [encoding = 0, inlineMax = 0, merge = 0, kind = 0] = numbers;
  if (inlineMax > INLINE_BYTES_MAX) {
    reader.fail(`an inlineMax up to ${INLINE_BYTES_MAX}`, `${inlineMax}`);
  }
  const sizes = numbers.slice(TAG.chunkingKind);
  return frozenRule({
    encoding: numbered('encoding', encoding, ENCODINGS),
    inlineMax,
    merge: numbered('merge policy', merge, POLICIES),
    chunking: chunkingOf(reader, numbered('chunking', kind, CHUNKINGS), sizes),
  });
}

/** To the end. */
function readPolicies(reader: ByteReader): BucketPolicies {
  let policies: BucketPolicies = { entries: 'conflict', places: 'conflict' };
  while (reader.remaining > 0) {
    const tag = reader.varint();
    if (tag === 0) reader.fail(`a tag of 1 to ${POLICY_TAG_MAX}`, '0');
    if (tag > POLICY_TAG_MAX) throw unknownVersion('policy', `1 to ${POLICY_TAG_MAX}`, tag);
    const number = reader.varint();
    policies =
      tag === POLICY_TAG.entries
        ? { ...policies, entries: numbered('entry policy', number, ENTRY_RULES) }
        : { ...policies, places: numbered('place policy', number, PLACE_RULES) };
  }
  return policies;
}

/** The numbers of a rule by their tags, which ascend from 1 and leave none out. */
function readFields(reader: ByteReader): number[] {
  const count = reader.varint();
  const numbers: number[] = [];
  for (let index = 0; index < count; index++) {
    const tag = reader.varint();
    if (tag > TAG_MAX) throw unknownVersion('stream rule field', `a tag of 1 to ${TAG_MAX}`, tag);
    if (tag !== index + 1) reader.fail(`the tag ${index + 1}`, `${tag}`);
    numbers.push(reader.varint());
  }
  if (count < TAG.chunkingSizes) reader.fail(`${TAG.chunkingSizes} fields or more`, `${count}`);
  return numbers;
}

function numbered<T>(what: string, number: number, members: readonly T[]): T {
  const member = members[number - 1];
  if (member === undefined) throw unknownVersion(what, `1 to ${members.length}`, number);
  return member;
}

/**
 * What both sides made of the rules in `base`: per stream and policy, the side that changed it.
 *
 * @throws REGALIA_RULE where both changed one stream's rule, or one policy, each to another.
 */
export function mergeRules(base: Rules, ours: Rules, theirs: Rules): Rules {
  const fallback = mergeRule('default', base.default, ours.default, theirs.default);
  assert(fallback !== undefined, 'there is always a default rule');
  const streams = new Map<string, StreamRule>();
  const all = [base, ours, theirs].map((rules) => rules.streams);
  for (const name of new Set(all.flatMap((named) => [...named.keys()]))) {
    const [before, our, their] = all.map((named) => named.get(name));
    const merged = mergeRule(name, before, our, their);
    if (merged !== undefined) streams.set(name, merged);
  }
  const policy = <T extends string>(name: string, of: (rules: Rules) => T): T =>
    mergePolicy(name, of(base), of(ours), of(theirs));
  return countedRules(fallback, streams, {
    entries: policy('entries', (rules) => rules.entries),
    places: policy('places', (rules) => rules.places),
  });
}

function mergePolicy<T extends string>(name: string, before: T, our: T, their: T): T {
  if (our === their || before === their) return our;
  if (before === our) return their;
  throw badRule(name, our, their);
}

function mergeRule(name: string, before: Perhaps, our: Perhaps, their: Perhaps): Perhaps {
  if (sameRule(our, their) || sameRule(before, their)) return our;
  if (sameRule(before, our)) return their;
  throw badRule(name, ruleText(our), ruleText(their));
}

/** A declared stream that is stored under another rule. */
interface RuleContradiction {
  readonly stream: string;
  readonly stored: StreamRule;
  readonly declared: StreamRule;
}

/**
 * How the rules given to an open store stand to the ones it has: the first contradiction by name,
 * and the streams that have no stored rule yet. Defaults are not compared.
 */
export function contradiction(
  stored: Rules,
  declared: Rules,
): { first: RuleContradiction | undefined; missing: string[] } {
  const missing: string[] = [];
  let first: RuleContradiction | undefined;
  for (const [stream, rule] of declared.streams) {
    const known = stored.streams.get(stream);
    if (known === undefined) missing.push(stream);
    else if (!sameRule(known, rule)) first ??= { stream, stored: known, declared: rule };
  }
  return { first, missing };
}

/**
 * The stored policies with those that are declared: a declared one takes the place of 'conflict',
 * which decides nothing.
 *
 * @throws REGALIA_RULE where another one is stored.
 */
export function declaredPolicies(
  stored: BucketPolicies,
  declared: Pick<RuleOptions, keyof BucketPolicies>,
): BucketPolicies {
  const { entries = stored.entries, places = stored.places } = declared;
  checkDeclared('entries', stored.entries, entries);
  checkDeclared('places', stored.places, places);
  return { entries, places };
}

function checkDeclared<T extends string>(name: string, stored: T | 'conflict', declared: T): void {
  if (stored !== 'conflict' && stored !== declared) throw badRule(name, stored, declared);
}

/** REGALIA_RULE for a contradiction. */
export function contradictionError({ stream, stored, declared }: RuleContradiction) {
  return badRule(stream, ruleText(stored), ruleText(declared));
}

function ruleText(rule: Perhaps): string {
  if (rule === undefined) return 'no rule';
  const { encoding, inlineMax, merge, chunking } = rule;
  const sizes = chunking.kind === 'fixed' ? `${chunking.bytes}` : sizesText(chunking);
  return `${encoding}, inlineMax ${inlineMax}, merge ${merge}, ${chunking.kind} ${sizes}`;
}

/** The sizes in the order of their tags. */
function sizesOf(chunking: Chunking): readonly number[] {
  if (chunking.kind === 'fixed') return [chunking.bytes];
  return [chunking.bytesAverage, chunking.bytesMin, chunking.bytesMax];
}

const ORDERED = 'bytesMin below bytesAverage, a power of two, below bytesMax';

type ContentChunking = Chunking & { kind: 'content' };

function isOrdered({ bytesMin, bytesAverage, bytesMax }: ContentChunking): boolean {
  const isPower = (bytesAverage & (bytesAverage - 1)) === 0;
  return isPower && bytesMin < bytesAverage && bytesAverage < bytesMax;
}

/** The inverse of `sizesOf`, of anybody's numbers. REGALIA_FORMAT. */
function chunkingOf(
  reader: ByteReader,
  kind: Chunking['kind'],
  sizes: readonly number[],
): Chunking {
  const count = SIZES[kind];
  if (sizes.length !== count) reader.fail(`${count} sizes of chunks`, `${sizes.length}`);
  for (const size of sizes) {
    if (size >= CHUNK_BYTES_MIN && size <= CHUNK_BYTES_MAX) continue;
    reader.fail(`chunks of ${CHUNK_BYTES_MIN} to ${CHUNK_BYTES_MAX} bytes`, `${size}`);
  }
  const [bytes = 0, bytesMin = 0, bytesMax = 0] = sizes;
  if (kind === 'fixed') return { kind, bytes };
  const chunking = { kind, bytesMin, bytesAverage: bytes, bytesMax };
  if (!isOrdered(chunking)) reader.fail(ORDERED, `${bytesMin}, ${bytes}, ${bytesMax}`);
  return chunking;
}

function sizesText({ bytesMin, bytesAverage, bytesMax }: ContentChunking): string {
  return `${bytesMin}/${bytesAverage}/${bytesMax}`;
}
