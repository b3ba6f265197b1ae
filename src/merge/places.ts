/**
 * Where moved entries shall be, by the moves of both sides.
 *
 *     base /a, /b    ours /a -> /b/a    theirs /b -> /c      both stand: /c, /c/a
 *     base /a, /b    ours /a -> /b/a    theirs /b -> /a/b    a cycle: the first mover's stands,
 *                                                            the other is undone
 *
 * A place is given by the entry that it is within and the way from there, so that moves of parents
 * and children combine. Contradictions are found in rounds, each of which undoes a move or forgets
 * an entry, until none is left: so this ends, and no subtree is lost or within itself.
 *
 *     cycle       following the entries that entries are within leads round and round
 *     collision   two entries come to one key
 *     occupied    an entry comes to a key where a side has something else, which the base had not
 *                 or had otherwise
 *
 * Each is a conflict with one outcome on all replicas: the first mover's place stands, and the
 * other entry stays where the base has it; where it can't, its move is forgotten: it was removed
 * and added. An entry that one side moved and the other removed stays at its new place, as if it
 * had been added there.
 */
import { equalBytes, hex } from '../ground/bytes.js';
import { KEY_BYTES_MAX } from '../ground/limits.js';
import { sameEntry } from '../tree/equal.js';
import { keyText, parseKey } from '../tree/key.js';
import { childMap, findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { CHILD_BUCKET, readRecord } from '../tree/record.js';
import { bucketChanges } from './buckets.js';
import type { Choice, ConflictSide, Side } from './conflict.js';
import { composeMoves, type Moved, prefixes, presentKey, type SideMoves } from './moves.js';
import type { Judging } from './policy.js';
import type { Relocation } from './relocate.js';
import { conflictAt } from './three-way.js';

export interface PlacesOptions {
  readonly cache: NodeCache;
  readonly base: Tree | undefined;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly moves: SideMoves | undefined;
  readonly judge: Judging;
  readonly firstMover: Side;
}

/** What to bring elsewhere in each tree, so that all three have each moved entry at one key. */
export interface Places {
  readonly base: readonly Relocation[];
  readonly ours: readonly Relocation[];
  readonly theirs: readonly Relocation[];
  /** Where a side has a key of the merged tree. */
  keyIn(side: Side, key: string): string;
}

const NO_PLACES: Places = { base: [], ours: [], theirs: [], keyIn: (_, key) => key };

/** Brings the moves of both sides together. Contradictions are reported to `judge`. */
export function placesOf(options: PlacesOptions): Places {
  const { base, ours, theirs, moves } = options;
  if (base === undefined) return NO_PLACES;
  const moved = {
    ours: composeMoves(moves?.ours ?? []),
    theirs: composeMoves(moves?.theirs ?? []),
  };
  addBucketMoves(options, base, ours, moved.ours);
  addBucketMoves(options, base, theirs, moved.theirs);
  if (moved.ours.size === 0 && moved.theirs.size === 0) return NO_PLACES;
  const { cache, judge, firstMover } = options;
  return new PlaceResolver({ cache, base, ours, theirs, judge, firstMover, moved }).run();
}

/** Buckets are found again by their ids, whether their moves were recorded or not. */
function addBucketMoves({ cache }: PlacesOptions, base: Tree, side: Tree, moved: Moved): void {
  if (equalBytes(base.root.address, side.root.address)) return;
  const from = new Map<string, string>();
  const to = new Map<string, string>();
  for (const { names, before, after } of bucketChanges(cache, [], base.top, side.top)) {
    const key = keyText(names);
    if (before !== undefined) from.set(hex(before.bucket), key);
    if (after !== undefined) to.set(hex(after.bucket), key);
  }
  const targets = new Set(moved.values());
  for (const [id, key] of from) {
    const target = to.get(id);
    if (target === undefined || presentKey(moved, key) === target || targets.has(target)) continue;
    moved.set(key, target);
  }
}

interface ResolverOptions {
  readonly cache: NodeCache;
  readonly base: Tree;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly judge: Judging;
  readonly firstMover: Side;
  readonly moved: { readonly ours: Moved; readonly theirs: Moved };
}

/** An entry that a side moved, and that all three trees have. */
interface Entry {
  /** Its keys in the three trees. */
  readonly at: Readonly<Record<Choice, string>>;
  readonly movedBy: Readonly<Record<Side, boolean>>;
  /** Whose place it has. */
  choice: Choice;
  /** Whether the caller chose it. */
  pinned: boolean;
}

/** A place: an entry to be within, if any, and the way from there. */
interface Place {
  readonly within: Entry | undefined;
  readonly way: string;
}

function isSpot(found: Spot | 'behind' | undefined): found is Spot {
  return found !== undefined && found !== 'behind';
}

const CHOICES: readonly Choice[] = ['base', 'ours', 'theirs'];

class PlaceResolver {
  readonly #options: ResolverOptions;
  /** By their keys in each tree. */
  readonly #entries: Readonly<Record<Choice, Map<string, Entry>>>;
  readonly #reported = new Set<Entry>();
  /** Where each shall be, by the choices of this round. */
  #finals = new Map<Entry, string>();

  constructor(options: ResolverOptions) {
    this.#options = options;
    this.#entries = { base: new Map(), ours: new Map(), theirs: new Map() };
    const { ours, theirs } = options.moved;
    for (const key of [...new Set([...ours.keys(), ...theirs.keys()])].sort()) this.#add(key);
  }

  #add(base: string): void {
    const { ours, theirs } = this.#options.moved;
    const [o, t] = [presentKey(ours, base), presentKey(theirs, base)];
    if (o === undefined || t === undefined) return;
    const at = { base, ours: o, theirs: t };
    if (!CHOICES.every((choice) => isSpot(this.#look(choice, at[choice])))) return;
    const movedBy = { ours: ours.has(base), theirs: theirs.has(base) };
    const both = movedBy.ours && movedBy.theirs;
    const choice = both ? this.#options.firstMover : movedBy.ours ? 'ours' : 'theirs';
    const entry: Entry = { at, movedBy, choice, pinned: false };
    for (const each of CHOICES) this.#entries[each].set(at[each], entry);
  }

  run(): Places {
    for (const entry of this.#all()) this.#chooseSide(entry);
    while (this.#undoCycles() || this.#undoCollisions() || this.#undoOccupied());
    return this.#places();
  }

  #all(): IterableIterator<Entry> {
    return this.#entries.base.values();
  }

  /** One entry moved to two places. */
  #chooseSide(entry: Entry): void {
    if (!entry.movedBy.ours || !entry.movedBy.theirs) return;
    const ours = this.#place(entry, 'ours');
    const theirs = this.#place(entry, 'theirs');
    if (ours.within === theirs.within && ours.way === theirs.way) return;
    if (!this.#answered(entry)) this.#report(entry);
  }

  /** Follows the caller's answer, if there is one that was not followed yet. */
  #answered(entry: Entry): boolean {
    const answer = entry.pinned ? undefined : this.#options.judge.place(entry.at.base);
    if (answer === undefined) return false;
    entry.choice = answer;
    entry.pinned = true;
    return true;
  }

  #report(entry: Entry): void {
    if (this.#reported.has(entry)) return;
    this.#reported.add(entry);
    const side = (choice: Choice): ConflictSide => ({ key: entry.at[choice] });
    const sides = { base: side('base'), ours: side('ours'), theirs: side('theirs') };
    this.#options.judge.report(conflictAt(parseKey(entry.at.base), 'moved', sides));
  }

  /** Undoes its move or, if there is none to undo, forgets it. */
  #undo(entry: Entry): void {
    if (this.#answered(entry)) return;
    this.#report(entry);
    if (entry.choice !== 'base') entry.choice = 'base';
    else this.#forget(entry);
  }

  #forget(entry: Entry): void {
    for (const choice of CHOICES) this.#entries[choice].delete(entry.at[choice]);
  }

  /** Where an entry is in one tree. A side that did not move it has it where the base has it. */
  #place(entry: Entry, choice: Choice): Place {
    const from = choice === 'base' || !entry.movedBy[choice] ? 'base' : choice;
    const key = entry.at[from];
    const within = this.#nearest(from, key, true);
    return { within, way: within === undefined ? key : key.slice(within.at[from].length) };
  }

  /** The lowest entry that a key of a tree lies within: above the key, or at it too. */
  #nearest(choice: Choice, key: string, above: boolean): Entry | undefined {
    for (const prefix of prefixes(key)) {
      if (above && prefix === key) continue;
      const found = this.#entries[choice].get(prefix);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Who yields first: a move that nobody asked for by an answer, and the second mover's. */
  #yieldRank(entry: Entry): number {
    const { choice, pinned, movedBy } = entry;
    if (choice === 'base') return 3;
    const first = this.#options.firstMover;
    const isFirst = movedBy[first] && choice === first;
    return pinned ? 2 : isFirst ? 1 : 0;
  }

  #firstToYield(entries: readonly Entry[]): readonly Entry[] {
    const lowest = Math.min(...entries.map((entry) => this.#yieldRank(entry)));
    return entries.filter((entry) => this.#yieldRank(entry) === lowest);
  }

  #undoCycles(): boolean {
    const cycles = this.#cycles();
    for (const cycle of cycles) for (const entry of this.#firstToYield(cycle)) this.#undo(entry);
    return cycles.length > 0;
  }

  /** The cycles of entries within entries; where there are none, all finals are known. */
  #cycles(): Entry[][] {
    const cycles: Entry[][] = [];
    const finals = new Map<Entry, string>();
    const seen = new Set<Entry>();
    for (const start of this.#all()) {
      const path: Entry[] = [];
      let at: Entry | undefined = start;
      while (at !== undefined && !seen.has(at)) {
        seen.add(at);
        path.push(at);
        at = this.#place(at, at.choice).within;
      }
      const closes = at === undefined ? -1 : path.indexOf(at);
      if (closes >= 0) cycles.push(path.slice(closes));
      for (const entry of path.reverse()) {
        const { within, way } = this.#place(entry, entry.choice);
        finals.set(entry, within === undefined ? way : `${finals.get(within) ?? ''}${way}`);
      }
    }
    this.#finals = finals;
    return cycles;
  }

  #undoCollisions(): boolean {
    const byKey = new Map<string, Entry[]>();
    for (const [entry, key] of this.#finals) {
      const group = byKey.get(key);
      if (group === undefined) byKey.set(key, [entry]);
      else group.push(entry);
    }
    const groups = [...byKey.values()].filter((group) => group.length > 1);
    for (const group of groups) {
      const yields = this.#firstToYield(group);
      // Where all are alike, one of them keeps the name: the first by its key in the base.
      for (const entry of yields.length < group.length ? yields : yields.slice(1)) {
        this.#undo(entry);
      }
    }
    return groups.length > 0;
  }

  #undoOccupied(): boolean {
    const targets = this.#targets();
    const occupied = [...this.#finals].filter(([entry, key]) => {
      return (
        this.#occupied(targets, entry, key, 'ours') || this.#occupied(targets, entry, key, 'theirs')
      );
    });
    for (const [entry] of occupied) this.#undo(entry);
    return occupied.length > 0;
  }

  /** Whether a side has something else at an entry's final key that must not be covered. */
  #occupied(targets: ReadonlyMap<string, Entry>, entry: Entry, final: string, side: Side): boolean {
    if (Buffer.byteLength(final) > KEY_BYTES_MAX) return true;
    const key = this.#sourceOf(targets, final, side);
    if (key === undefined || key === entry.at[side]) return false;
    const found = this.#look(side, key);
    if (found === undefined) return false;
    if (found === 'behind') return true;
    const baseKey = this.#sourceOf(targets, final, 'base');
    const before = baseKey === undefined ? undefined : this.#look('base', baseKey);
    if (!isSpot(before)) return true;
    return !sameEntry(this.#options.cache, found, before);
  }

  /**
   * The key of a tree whose contents would stand at `final` if this entry did not; undefined if
   * nothing would.
   */
  #sourceOf(
    targets: ReadonlyMap<string, Entry>,
    final: string,
    choice: Choice,
  ): string | undefined {
    let within: Entry | undefined;
    let way = final;
    for (const prefix of prefixes(final)) {
      within = prefix === final ? undefined : targets.get(prefix);
      if (within === undefined) continue;
      way = final.slice(prefix.length);
      break;
    }
    const key = within === undefined ? way : within.at[choice] + way;
    const nearest = this.#nearest(choice, key, false);
    // What is within another moved entry goes elsewhere with it; what is that entry is this one, or
    // goes too.
    if (nearest === within) return key;
    return nearest !== undefined &&
      nearest.at[choice] === key &&
      this.#finals.get(nearest) === final
      ? key
      : undefined;
  }

  /** The record at a key; 'behind' where a bucket's border lies on the way to it. */
  #look(choice: Choice, key: string): Spot | 'behind' | undefined {
    const { cache } = this.#options;
    let spot = this.#options[choice].top;
    for (const name of parseKey(key)) {
      const { child } = readRecord(spot.node, spot.index);
      if (child.form === CHILD_BUCKET) return 'behind';
      const map = childMap(cache, spot, child);
      const found = map && findInMap(cache, map, name, 0, name.length);
      if (found === undefined) return undefined;
      spot = found;
    }
    return spot;
  }

  #targets(): ReadonlyMap<string, Entry> {
    return new Map([...this.#finals].map(([entry, key]) => [key, entry]));
  }

  /** What to bring elsewhere, and where a side has a final key. */
  #places(): Places {
    const [base, ours, theirs] = CHOICES.map((choice) => this.#relocations(choice));
    const targets = this.#targets();
    const keyIn = (side: Side, key: string): string => {
      for (const prefix of prefixes(key)) {
        const entry = targets.get(prefix);
        if (entry !== undefined) return entry.at[side] + key.slice(prefix.length);
      }
      return key;
    };
    return { base: base ?? [], ours: ours ?? [], theirs: theirs ?? [], keyIn };
  }

  #relocations(choice: Choice): Relocation[] {
    const list: Relocation[] = [];
    for (const entry of this.#all()) {
      const from = entry.at[choice];
      const to = this.#finals.get(entry) as string;
      const above = this.#nearest(choice, from, true);
      const stays =
        above === undefined
          ? from
          : `${this.#finals.get(above)}${from.slice(above.at[choice].length)}`;
      const spot = this.#look(choice, from);
      if (to === stays || !isSpot(spot)) continue;
      list.push({ from, to, parts: readRecord(spot.node, spot.index) });
    }
    return list;
  }
}
