/**
 * What is wrong with a merge, by the model. Each finding is one line of text, its kind first, so
 * that a smaller history can be asked whether it still shows the same.
 */
import {
  BUCKET,
  combine,
  type Expected,
  type Facts,
  isPlace,
  keyOf,
  NAMELESS,
  ownerOf,
  ROOT,
  splitPlace,
  tokens,
  tokensOf,
  UNKNOWN,
  type View,
} from './facts.js';
import type { Known, United } from './graph.js';
import { type Place, placeAt } from './truth.js';
import { excusedIn, type Meeting, wentAlong } from './weak.js';

/** Whether a conflict that the store reported is about a slot. */
export type Named = (slot: string) => boolean;

/** Excuses for what is there although a side removed it. */
const KEPT: ReadonlySet<string> = new Set(['returned', 'parted', 'unmade']);

export class Verdict {
  readonly #meeting: Meeting;
  readonly #expected: Expected;
  readonly #excused: ReadonlyMap<string, string>;

  constructor(meeting: Meeting) {
    this.#meeting = meeting;
    const { base, ours, theirs } = meeting;
    this.#expected = combine(base, ours.view.facts, theirs.view.facts);
    this.#excused = excusedIn(meeting);
  }

  /** Whether the model says all of the result. */
  get isExact(): boolean {
    return this.#expected.clashes.length === 0 && this.#excused.size === 0;
  }

  /** The names of the excuses that are made. */
  get excuses(): string[] {
    return [...new Set(this.#excused.values())];
  }

  /** Of a merge that came back with conflicts. */
  *ofConflicts(): Generator<string> {
    if (this.isExact) yield 'needless: conflicts where the sides do not contradict each other';
  }

  /** Of a merge that was made without a conflict. */
  *ofSilence(result: View): Generator<string> {
    const { facts } = this.#meeting.aliases.view(result);
    for (const clash of this.#expected.clashes) {
      const [slot] = clash as [string];
      if (this.#isExcused(clash)) continue;
      const isOpen = clash.length === 1 && this.#meeting.base.get(slot) === UNKNOWN;
      if (isOpen && this.#isLater(slot, facts.get(slot))) continue;
      yield `silent: no conflict about ${clash.join(' and ')}`;
    }
  }

  /** Slots that both changed alike. */
  get #agreed(): string[] {
    const { base, ours, theirs } = this.#meeting;
    return [...new Set([...base.keys(), ...ours.view.facts.keys()])].filter((slot) => {
      const fact = ours.view.facts.get(slot);
      return fact === theirs.view.facts.get(slot) && fact !== base.get(slot);
    });
  }

  get isAgreed(): boolean {
    return this.#agreed.length > 0;
  }

  /** Of a commit beside another that did the same: neither saw the other, so both can't count. */
  *ofAgreement(): Generator<string> {
    for (const slot of this.#agreed) {
      if (isPlace(slot) && this.isExact) yield `silent: both did the same to ${slot}`;
    }
  }

  #isExcused(clash: readonly string[]): boolean {
    const { ours, theirs } = this.#meeting;
    const [slot] = clash as [string];
    const isThere = [ours, theirs].map(({ view }) => view.facts.has(slot));
    return clash.some((one) => {
      const why = this.#excused.get(ownerOf(one));
      // Removed and moved: that is so whatever it lies in, unless it only went along.
      if (why === 'implied' && isPlace(one) && clash.length === 1 && isThere.includes(false)) {
        const mover = isThere[0] === true ? ours : theirs;
        return wentAlong(this.#meeting.base, mover.view.facts, one);
      }
      return why !== undefined;
    });
  }

  /** Whether a value is one side's, and that side has seen the other's. */
  #isLater(slot: string, value: unknown): boolean {
    const { graph, aliases, ours, theirs } = this.#meeting;
    const sides = [
      [ours, theirs],
      [theirs, ours],
    ] as const;
    return sides.some(([winner, loser]) => {
      if (value !== winner.view.facts.get(slot)) return false;
      const beaten = loser.view.facts.get(slot);
      if (beaten === undefined) return false;
      if (!isPlace(slot)) return winner.seen.has(String(beaten));
      return graph.hasSaid(winner, slot, beaten, aliases);
    });
  }

  /** Of what any merge made, with the conflicts that were answered for it. */
  *ofResult(raw: View, named: Named): Generator<string> {
    const result = this.#meeting.aliases.view(raw);
    const { ours, theirs } = this.#meeting;
    for (const [side, other] of [
      [ours, theirs],
      [theirs, ours],
    ] as const) {
      yield* this.#lost(result, named, side, other);
      yield* this.#undone(result, named, side, other);
    }
    yield* this.#others(result, named);
  }

  /** What one side has, and the other has not seen to be there, must be there. */
  *#lost(result: View, named: Named, side: Known, other: Known): Generator<string> {
    const there = tokensOf(result.facts);
    const others = tokensOf(other.view.facts);
    const known = new Set(this.#meeting.bases.flatMap(({ view }) => [...tokensOf(view.facts)]));
    for (const [slot, token] of tokens(side.view.facts)) {
      if (there.has(token) || named(slot)) continue;
      if (!others.has(token) && (other.seen.has(token) || known.has(token))) continue;
      yield `lost: ${token} of ${slot}`;
    }
  }

  /** What one side removed, and the other left as it was in every base, must be gone. */
  *#undone(result: View, named: Named, side: Known, other: Known): Generator<string> {
    const { bases } = this.#meeting;
    const there = tokensOf(result.facts);
    const others = tokensOf(other.view.facts);
    for (const [slot, token] of tokens(side.view.facts)) {
      if (!there.has(token) || others.has(token) || named(slot)) continue;
      if (!bases.every(({ view }) => view.facts.get(slot) === token)) continue;
      if (KEPT.has(this.#excused.get(ownerOf(slot)) ?? '')) continue;
      // Of one entry both may have made a bucket, each with its streams.
      if (isElsewhere(side.view.facts, result.facts, slot)) continue;
      // A bucket beside another one that was made under its name is another entry.
      const isMade = slot.startsWith(BUCKET) && !this.#meeting.base.has(`${ownerOf(slot)}#bucket`);
      if (isMade && this.#excused.get(ownerOf(slot)) === 'recreated') continue;
      yield `undone: ${token} of ${slot} was removed`;
    }
  }

  /** The identities that become one by a result: of those of one name one is left. */
  united(raw: View): United {
    const { facts } = this.#meeting.aliases.view(raw);
    const known = this.#expected.twins.filter((ids) => !ids.some((id) => this.#excused.has(id)));
    const { base, ours, theirs } = this.#meeting;
    const alike = namedAlike(base, ours.view.facts, theirs.view.facts);
    return [...known, ...alike].filter((ids) => ids.filter((id) => facts.has(id)).length === 1);
  }

  /** All else is what the sides make of it together. */
  *#others(result: View, named: Named): Generator<string> {
    const { facts } = this.#expected;
    for (const slot of new Set([...facts.keys(), ...result.facts.keys()])) {
      const expected = facts.get(slot);
      const found = result.facts.get(slot);
      if (expected === UNKNOWN || expected === found || isNameless(slot)) continue;
      const owner = ownerOf(slot);
      if (named(slot) || named(`${owner}#id`) || this.#excused.has(owner)) continue;
      // A bucket no more, and without a stream: nothing shows where it is.
      if (isPlace(slot) && !found && !hasStreams(facts, slot)) continue;
      if (isPlace(slot) && expected && found && sameKey(facts, result, slot)) continue;
      yield `wrong: ${slot} is ${show(found)}, not ${show(expected)}`;
    }
  }
}

/**
 * The identities that both sides gave to a directory which the base has without: what was in it is
 * in them by the same name, and one side may have moved it.
 */
function* namedAlike(base: Facts, ours: Facts, theirs: Facts): Generator<[string, string]> {
  for (const [id, was] of base) {
    if (!isPlace(id) || was === UNKNOWN) continue;
    const others = new Map(newAround(base, theirs, id, splitPlace(was)[1]));
    for (const [name, one] of newAround(base, ours, id, splitPlace(was)[1])) {
      const other = others.get(name);
      if (other !== undefined && other !== one) yield [one, other];
    }
  }
}

/** The new identities around one, as far as it went along, and the names that it has from them. */
function* newAround(
  base: Facts,
  side: Facts,
  id: string,
  was: string,
): Generator<[string, string]> {
  let name = '';
  for (let at = side.get(id); typeof at === 'string'; ) {
    const [parent, rest] = splitPlace(at);
    name = rest + name;
    if (parent === ROOT || base.has(parent) || !was.endsWith(name) || was === name) return;
    yield [name, parent];
    at = side.get(parent);
  }
}

function sameKey(expected: Facts, result: View, id: string): boolean {
  const key = keyOf(expected, id);
  // Where its parent's is open it goes along.
  return key === undefined || result.keys.get(id)?.[0] === key;
}

/** Whether a state has what is in a stream in another one too, which has it still. */
function isElsewhere(before: Facts, after: Facts, slot: string): boolean {
  const token = before.get(slot);
  const others = [...before].filter(([other, one]) => one === token && other !== slot);
  return others.some(([other]) => !isPlace(other) && after.get(other) === token);
}

function hasStreams(facts: Facts, id: string): boolean {
  return [...facts.keys()].some((slot) => !isPlace(slot) && ownerOf(slot) === id);
}

/** What is left of an entry whose identity went. */
function isNameless(slot: string): boolean {
  return slot.startsWith(NAMELESS);
}

function show(fact: unknown): string {
  return fact === undefined ? 'absent' : String(fact);
}

/** Identities at several keys. Copies may be in different buckets, as far as it is known why. */
export function* doubled({ keys, top }: View, copies: ReadonlySet<string>): Generator<string> {
  for (const [id, at] of keys) {
    const around = new Set(at.map((key) => bucketAround(top, key)));
    if (copies.has(id) && around.size === at.length) continue;
    if (at.length > 1) yield `doubled: ${id} at ${at.join(' and ')}`;
  }
}

/** The key of the innermost bucket that holds one, or is at it. */
function bucketAround(top: Place, key: string): string {
  let at = key;
  while (at !== '' && placeAt(top, at)?.bucket === undefined) at = at.slice(0, at.lastIndexOf('/'));
  return at;
}
