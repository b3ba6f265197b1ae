/**
 * The model of combination: a state is a set of facts about hidden identities, and a merge unites
 * what each side did to them. The store never sees an identity; it sees keys.
 *
 *     slot             what it says                             from
 *     'i7'             where i7 is: its parent, and its name    'i2 /cat.jpg'
 *     'i7#title'       what its stream has                      'e12'
 *
 * An identity is what the stream `id` says, or of a bucket its id. Directories that are implied
 * have none: the name of what lies in one says so, 'i2 /album/cat.jpg'.
 *
 * Every slot is merged three ways, by itself. What is left to check is whether the places make a
 * tree: each parent there, one entry at a key, no cycle. What does not come out is a clash.
 */
import { type Place, placesOf } from './truth.js';

/** What is not known of a base whose own merge left it open: it equals nothing. */
export const UNKNOWN: unique symbol = Symbol('unknown');

export type Fact = string | typeof UNKNOWN;
export type Facts = ReadonlyMap<string, Fact>;

/** A state by identities. */
export interface View {
  readonly top: Place;
  readonly facts: Facts;
  /** Every key of each identity; more than one is a fault. */
  readonly keys: ReadonlyMap<string, readonly string[]>;
}

export const ROOT = 'root';
/** What begins the identity of a bucket. */
export const BUCKET = 'bucket:';
/** What begins that of an entry that has streams and no `id`. */
export const NAMELESS = 'nameless:';

export function viewOf(top: Place): View {
  const facts = new Map<string, Fact>();
  const keys = new Map<string, string[]>();
  const owners: { id: string; key: string }[] = [{ id: ROOT, key: '' }];
  for (const [key, place] of placesOf(top)) {
    const id = key === '/' ? undefined : identityOf(place);
    if (id === undefined) continue;
    while (!key.startsWith(`${owners.at(-1)?.key}/`)) owners.pop();
    const parent = owners.at(-1) as { id: string; key: string };
    facts.set(id, `${parent.id} ${key.slice(parent.key.length)}`);
    for (const [stream, token] of place.streams) facts.set(`${id}#${stream}`, token);
    if (place.bucket !== undefined) facts.set(`${id}#bucket`, id);
    keys.set(id, [...(keys.get(id) ?? []), key]);
    owners.push({ id, key });
  }
  return { top, facts, keys };
}

/** Undefined for what is implied by its children alone. */
export function identityOf({ streams, bucket }: Place): string | undefined {
  if (bucket !== undefined) return BUCKET + bucket;
  const [other] = streams.values();
  return streams.get('id') ?? (other === undefined ? undefined : NAMELESS + other);
}

/** The identity that a slot is of. */
export function ownerOf(slot: string): string {
  const end = slot.indexOf('#');
  return end < 0 ? slot : slot.slice(0, end);
}

export function isPlace(slot: string): boolean {
  return !slot.includes('#');
}

export interface Expected {
  /** Unknown where nobody can decide. */
  readonly facts: Facts;
  /** What only a conflict can decide: slots that contradict each other. */
  readonly clashes: readonly (readonly string[])[];
  /** New identities at one key, one by each side: one entry to who knows names alone. */
  readonly twins: readonly (readonly string[])[];
}

/** What both sides did since the base, together. */
export function combine(base: Facts, ours: Facts, theirs: Facts): Expected {
  const facts = new Map<string, Fact>();
  const clashes: string[][] = [];
  for (const slot of new Set([...base.keys(), ...ours.keys(), ...theirs.keys()])) {
    const ofSide = (side: Facts): Fact | undefined => since(base, side, slot);
    const fact = threeWay(base.get(slot), ofSide(ours), ofSide(theirs));
    if (fact === UNKNOWN) clashes.push([slot]);
    if (fact !== undefined) facts.set(slot, fact);
  }
  anchor(facts, impliedIn(base));
  const crowds = crowded(facts);
  const apart = [...headless(facts), ...orphans(facts), ...crowds, ...looped(facts)];
  for (const slot of new Set([...ours.keys(), ...theirs.keys()])) {
    if (apart.some((group) => group.includes(ownerOf(slot)))) facts.set(slot, UNKNOWN);
  }
  const twins = crowds.filter((ids) => ids.every((id) => !base.has(id) && !id.startsWith(BUCKET)));
  return { facts, clashes: [...clashes, ...apart], twins };
}

/** Says where identities are by the nearest one around them, where that is by now. */
function anchor(facts: Map<string, Fact>, implied: ReadonlySet<string>): void {
  const at = new Map([...facts].flatMap(([id, fact]) => (isPlace(id) ? [[fact, id]] : [])));
  for (const [id, fact] of facts) {
    if (!isPlace(id) || fact === UNKNOWN) continue;
    const [parent, name] = splitPlace(fact);
    for (let end = name.lastIndexOf('/'); end > 0; end = name.lastIndexOf('/', end - 1)) {
      const around = at.get(`${parent} ${name.slice(0, end)}`);
      if (around === undefined) continue;
      // A bucket is never one with a plain directory of its name, unless it was made of that.
      if (around.startsWith(BUCKET) && !implied.has(facts.get(around) as string)) continue;
      facts.set(id, `${around} ${name.slice(end)}`);
      break;
    }
  }
}

/**
 * What a side says of a slot: what the base says where they differ only in that a directory, which
 * was implied, has got an identity.
 */
function since(base: Facts, side: Facts, slot: string): Fact | undefined {
  const was = base.get(slot);
  const is = side.get(slot);
  if (!isPlace(slot) || typeof is !== 'string' || is === was) return is;
  let [parent, name] = splitPlace(is);
  while (parent !== ROOT && !base.has(parent)) {
    const above = side.get(parent);
    if (typeof above !== 'string') return is;
    const [next, rest] = splitPlace(above);
    [parent, name] = [next, rest + name];
  }
  return `${parent} ${name}` === was ? was : is;
}

function threeWay(v: Fact | undefined, o: Fact | undefined, t: Fact | undefined): Fact | undefined {
  if (o === t) return o;
  if (v === UNKNOWN) return UNKNOWN;
  if (v === t) return o;
  return v === o ? t : UNKNOWN;
}

/** Directories, by their places, that have no identity. */
export function impliedIn(facts: Facts): Set<string> {
  const found = new Set<string>();
  for (const [id, fact] of facts) {
    if (!isPlace(id) || fact === UNKNOWN) continue;
    const [parent, name] = splitPlace(fact);
    for (let end = name.indexOf('/', 1); end > 0; end = name.indexOf('/', end + 1)) {
      found.add(`${parent} ${name.slice(0, end)}`);
    }
  }
  return found;
}

export function splitPlace(fact: string): [parent: string, name: string] {
  const space = fact.indexOf(' ');
  return [fact.slice(0, space), fact.slice(space + 1)];
}

/** The way up from an identity, itself first, as far as it is known and no further than a loop. */
function lineOf(facts: Facts, id: string): { passed: string[]; end: string; key: string } {
  const passed: string[] = [];
  let [at, key] = [id, ''];
  for (;;) {
    const fact = facts.get(at);
    if (typeof fact !== 'string' || passed.includes(at)) return { passed, end: at, key };
    passed.push(at);
    const [parent, name] = splitPlace(fact);
    [at, key] = [parent, name + key];
  }
}

/** Where an identity is by its facts; undefined where that is not known. */
export function keyOf(facts: Facts, id: string): string | undefined {
  const { end, key } = lineOf(facts, id);
  return end === ROOT && id !== ROOT ? key : undefined;
}

function identitiesOf(facts: Facts): string[] {
  return [...facts.keys()].filter(isPlace);
}

/** Identities that have a stream and no place. */
function headless(facts: Facts): string[][] {
  const owners = new Set([...facts.keys()].map(ownerOf));
  return [...owners].filter((id) => !facts.has(id)).map((id) => [id]);
}

/** Identities in what is gone, with it. */
function orphans(facts: Facts): string[][] {
  return identitiesOf(facts).flatMap((id) => {
    const fact = facts.get(id);
    if (typeof fact !== 'string') return [];
    const [parent] = splitPlace(fact);
    return parent === ROOT || facts.has(parent) ? [] : [[parent, id]];
  });
}

/** Identities that are at one key; also a bucket, and what lies in a plain directory there. */
function crowded(facts: Facts): string[][] {
  const at = new Map<string, string[]>();
  for (const id of identitiesOf(facts)) {
    const { passed, end, key } = lineOf(facts, id);
    if (end !== ROOT) continue;
    at.set(key, [...(at.get(key) ?? []), id]);
    const bucket = bucketAround(facts, key);
    if (bucket !== undefined && !passed.includes(bucket)) at.set(`${id} beside`, [bucket, id]);
  }
  return [...at.values()].filter(({ length }) => length > 1);
}

function bucketAround(facts: Facts, key: string): string | undefined {
  return identitiesOf(facts).find((id) => {
    return id.startsWith(BUCKET) && key.startsWith(`${keyOf(facts, id)}/`);
  });
}

/** Identities that lie in each other. */
function looped(facts: Facts): string[][] {
  return identitiesOf(facts).flatMap((id) => {
    const { passed, end } = lineOf(facts, id);
    return passed.includes(end) ? [passed] : [];
  });
}

/** What must not get lost: the contents of streams, and buckets. */
export function* tokens(facts: Facts): Generator<[slot: string, token: string]> {
  for (const [slot, fact] of facts) {
    if (!isPlace(slot)) yield [slot, String(fact)];
  }
}

export function tokensOf(facts: Facts): Set<string> {
  return new Set([...tokens(facts)].map(([, token]) => token));
}
