/**
 * Differences as users see them: rows of one simultaneous change, so that they can be done to the
 * first state, and give the second.
 *
 *     removed, moved    take out what is at a key of the first state, but for what other rows take
 *     added, moved      put in what is at a key of the second, but for what other rows put
 *     streams           then change, by keys of the second
 *
 * What goes along with what holds it has no row. Rows come by keys of the second state: what was
 * removed comes where it would be if it had gone along. Where nothing moved, the walk through the
 * trees makes the rows.
 */

import { kinshipSteps } from '../commit/kinship.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { compareBytes } from '../ground/bytes.js';
import { nameBytes, nameText } from '../ground/text.js';
import { bucketAt, holdsBuckets } from '../merge/buckets.js';
import { type End, Pairs } from '../merge/pairs.js';
import {
  checkDepth,
  type Difference,
  diffEntries,
  diffStreams,
  diffTrees,
  type EntryPair,
  sameBucket,
} from '../tree/diff.js';
import { diffMaps, type MapDifference } from '../tree/diff-map.js';
import { keyText, type Names, parseKey } from '../tree/key.js';
import { childMapAt, crossBorder, findInMap, type Spot, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import { type RecordParts, readRecord } from '../tree/record.js';
import { totalsOf } from '../tree/root.js';
import { finishSteps } from '../tree/steps.js';
import type { DiffOptions } from './options.js';

/** One difference between two states. */
export interface DiffRow {
  /** A key of the second state; of the first where an entry was removed. */
  readonly key: string;
  /** Undefined for an entry that was added, removed or moved with all below it. */
  readonly stream?: string;
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /**
   * Where a moved entry was in the first state. It is the key itself where the entry stayed while
   * what held it went elsewhere.
   */
  readonly from?: string;
}

type Order = Pick<DiffOptions, 'deep' | 'reverse'>;

/** The rows from one state to another, at or below a key. */
export function diffRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  key: Names,
  { limit, ...order }: Omit<DiffOptions, 'key'>,
): Generator<DiffRow, void, undefined> {
  const rows = allRows(line, before, after, key, order);
  return limit === undefined ? rows : firstOf(rows, limit);
}

function* firstOf<T>(rows: Generator<T, void, undefined>, limit: number): Generator<T, void> {
  for (let left = limit; left > 0; left--) {
    const { done, value } = rows.next();
    if (done === true) return;
    yield value;
  }
}

function* allRows(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
  key: Names,
  order: Order,
): Generator<DiffRow, void, undefined> {
  const [was, is] = [line.treeOf(before), line.treeOf(after)];
  // Rows come at once: who asks for them has no turn in between.
  const ways = finishSteps(kinshipSteps(line, before, after));
  if (ways.length > 0 || hasBuckets(was) || hasBuckets(is)) {
    const pairs = finishSteps(Pairs.of(was, is, ways, textOf(key)));
    yield* new Walk(line.core.cache, pairs, order).rows(key);
  } else {
    for (const difference of diffTrees(was, is, { key, ...order })) yield rowOf(difference);
  }
}

function hasBuckets({ root }: Tree): boolean {
  return totalsOf(root).buckets > 0;
}

/** An entry of one of the trees. */
interface Entry {
  readonly end: End;
  readonly names: Names;
  /** '/a/b'; '' is the top. */
  readonly key: string;
  /** Its record, as it stands in its parent. */
  readonly spot: Spot;
}

/** What is at one place: one entry, or two that are different ones. */
interface Place {
  /** Its key; that of what left it may be another, if what holds it moved. */
  readonly names: Names;
  readonly was: Entry | undefined;
  readonly is: Entry | undefined;
}

/** Rows, and what makes more of them in their place. */
type Part = DiffRow | Generator<Part, void>;

class Walk {
  readonly #cache: NodeCache;
  readonly #pairs: Pairs;
  readonly #deep: boolean;
  readonly #reverse: boolean;

  constructor(cache: NodeCache, pairs: Pairs, { deep = false, reverse = false }: Order) {
    this.#cache = cache;
    this.#pairs = pairs;
    this.#deep = deep;
    this.#reverse = reverse;
  }

  *rows(scope: Names): Generator<DiffRow, void> {
    const stack = [this.#start(scope)];
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const { value, done } = top.next();
      if (done === true) stack.pop();
      else if ('kind' in value) yield value;
      else stack.push(value);
    }
  }

  #start(names: Names): Generator<Part, void> {
    const [was, is] = [this.#entry('before', names), this.#entry('after', names)];
    const stays = names.length === 0 || this.#pairs.partnerOf('before', textOf(names)) === is?.key;
    if (was !== undefined && is !== undefined && stays) return this.#both(was, is);
    return this.#apart({ names, was, is });
  }

  #entry(end: End, names: Names): Entry | undefined {
    const key = textOf(names);
    const spot = this.#pairs.entry(end, key);
    return spot && { end, names, key, spot };
  }

  *#inOrder(...parts: (Part | undefined)[]): Generator<Part, void> {
    if (this.#reverse) parts.reverse();
    for (const part of parts) if (part !== undefined) yield part;
  }

  #at(place: Place): Generator<Part, void> {
    const { was, is } = place;
    const areOne = was !== undefined && is !== undefined && this.#areOne(was, is);
    return areOne ? this.#both(was, is) : this.#apart(place);
  }

  #areOne(was: Entry, is: Entry): boolean {
    if (this.#pairs.isPaired('before', was.key) || this.#pairs.isPaired('after', is.key)) {
      return this.#pairs.partnerOf('before', was.key) === is.key;
    }
    return sameBucket(recordAt(was.spot), recordAt(is.spot));
  }

  *#apart({ names, was, is }: Place): Generator<Part, void> {
    if (holdsBuckets(was?.spot) || holdsBuckets(is?.spot)) finishSteps(this.#pairs.findBuckets());
    const left = was === undefined ? undefined : this.#left(was, names);
    const came = is === undefined ? undefined : this.#came(is);
    yield* this.#inOrder(left, came);
  }

  /** An entry of the first state that did not go along. */
  *#left(was: Entry, names: Names): Generator<Part, void> {
    if (this.#pairs.partnerOf('before', was.key) !== undefined) return;
    if (this.#deep) yield this.#alone(was, names);
    else if (this.#hasOwn(was)) yield { key: was.key, kind: 'removed' };
  }

  /** An entry of the second state that did not come along. */
  *#came(is: Entry): Generator<Part, void> {
    const from = this.#pairs.partnerOf('after', is.key);
    const was = from === undefined ? undefined : this.#entry('before', parseKey(from));
    if (was !== undefined) {
      const row: DiffRow = { key: is.key, kind: 'moved', from: was.key };
      yield* this.#inOrder(row, this.#both(was, is));
    } else if (this.#deep) {
      yield this.#alone(is, is.names);
    } else {
      const row: DiffRow = { key: is.key, kind: 'added' };
      yield* this.#inOrder(this.#hasOwn(is) ? row : undefined, this.#cameBelow(is));
    }
  }

  /** What came from elsewhere to places below an added entry. */
  *#cameBelow(is: Entry): Generator<Part, void> {
    for (const child of this.#leadingOf(is)) yield this.#came(child);
  }

  /** Whether an entry that one state alone has is more than the way to what moved. */
  #hasOwn(entry: Entry): boolean {
    const leading = this.#pairs.leading(entry.end, entry.key);
    if (leading.size === 0 || bucketAt(entry.spot) !== undefined) return true;
    if (recordAt(entry.spot).streams.length > 0) return true;
    let left = leading.size;
    for (const _ of this.#differences(entry, undefined)) if (--left < 0) return true;
    for (const child of this.#leadingOf(entry)) {
      const isElsewhere = this.#pairs.partnerOf(child.end, child.key) !== undefined;
      if (!isElsewhere && this.#hasOwn(child)) return true;
    }
    return false;
  }

  /** Stream by stream, an entry that only one state has and those below it. */
  *#alone(entry: Entry, names: Names): Generator<Part, void> {
    const isBefore = entry.end === 'before';
    const [was, is] = isBefore ? [entry, undefined] : [undefined, entry];
    if (!this.#isBranching(entry)) yield this.#plain({ names, before: was?.spot, after: is?.spot });
    else yield* this.#inOrder(this.#streams({ names, was, is }), this.#aloneBelow(entry, names));
  }

  *#aloneBelow(entry: Entry, names: Names): Generator<Part, void> {
    for (const { name, before } of this.#differences(entry, undefined)) {
      const child = below(entry, name, before) as Entry;
      yield entry.end === 'before' ? this.#left(child, [...names, name]) : this.#came(child);
    }
  }

  /** One entry in both states, wherever it is: its streams, and what is below it. */
  *#both(was: Entry, is: Entry): Generator<Part, void> {
    checkDepth(is.names);
    const pair = { names: is.names, before: was.spot, after: is.spot };
    if (!this.#isBranching(was) && !this.#isBranching(is)) yield this.#plain(pair, was.names);
    else yield* this.#inOrder(this.#streams({ names: is.names, was, is }), this.#children(was, is));
  }

  /** Whether anything below an entry may be elsewhere in the other state. */
  #isBranching({ end, key, spot }: Entry): boolean {
    if (this.#pairs.leading(end, key).size > 0) return true;
    return holdsBuckets(crossBorder(this.#cache, spot));
  }

  *#children(was: Entry, is: Entry): Generator<Part, void> {
    for (const pair of this.#named(was, is)) {
      const { name, before, after } = pair;
      const names = [...is.names, name];
      if (!this.#isElsewhere(was, is, pair)) {
        yield this.#plain({ names, before, after }, [...was.names, name]);
      } else {
        yield this.#at({ names, was: below(was, name, before), is: below(is, name, after) });
      }
    }
  }

  /** Whether what has a name, or anything below it, may be elsewhere in the other state. */
  #isElsewhere(was: Entry, is: Entry, { name, before, after }: MapDifference): boolean {
    if (holdsBuckets(before) || holdsBuckets(after)) return true;
    return [was, is].some(({ end, key }) => {
      const leading = this.#pairs.leading(end, key);
      return leading.size > 0 && leading.has(nameText(name));
    });
  }

  /** The names below an entry that differ, and those that lead to what moved, in order. */
  *#named(was: Entry, is: Entry): Generator<MapDifference, void> {
    const leading = this.#leadingNames(was, is);
    let next = 0;
    for (const found of this.#differences(was, is)) {
      while (next < leading.length) {
        const order = this.#compare(leading[next] as Uint8Array, found.name);
        if (order > 0) break;
        if (order < 0) yield this.#find(was, is, leading[next] as Uint8Array);
        next++;
      }
      yield found;
    }
    for (const name of leading.slice(next)) yield this.#find(was, is, name);
  }

  #compare(a: Uint8Array, b: Uint8Array): number {
    return this.#reverse ? compareBytes(b, a) : compareBytes(a, b);
  }

  /** The names below entries that lead to what moved, in order. */
  #leadingNames(...entries: readonly Entry[]): Uint8Array[] {
    const names = entries.flatMap(({ end, key }) => [...this.#pairs.leading(end, key)]);
    const bytes = [...new Set(names)].map((name) => nameBytes(name) as Uint8Array);
    return bytes.sort((a, b) => this.#compare(a, b));
  }

  *#leadingOf(entry: Entry): Generator<Entry, void> {
    for (const name of this.#leadingNames(entry)) {
      const child = below(entry, name, this.#child(entry, name));
      if (child !== undefined) yield child;
    }
  }

  #find(was: Entry, is: Entry, name: Uint8Array): MapDifference {
    return { name, before: this.#child(was, name), after: this.#child(is, name) };
  }

  #child(entry: Entry, name: Uint8Array): Spot | undefined {
    const map = this.#map(entry);
    return map && findInMap(this.#cache, map, name);
  }

  #map(entry: Entry | undefined): Node | undefined {
    return entry && childMapAt(this.#cache, crossBorder(this.#cache, entry.spot));
  }

  #differences(was: Entry, is: Entry | undefined): Generator<MapDifference, void> {
    return diffMaps(this.#cache, this.#map(was), this.#map(is), { reverse: this.#reverse });
  }

  /** A row per stream that differs. */
  *#streams({ names, was, is }: Place): Generator<DiffRow, void> {
    const [a, b] = [was, is].map((entry) => {
      return entry && recordAt(crossBorder(this.#cache, entry.spot));
    });
    const rows = diffStreams(this.#cache, names, a, b).map(rowOf);
    yield* this.#reverse ? rows.reverse() : rows;
  }

  /** The rows of one entry where nothing is elsewhere. `from` is its key in the first state. */
  *#plain(pair: EntryPair, from: Names = pair.names): Generator<DiffRow, void> {
    const order = { deep: this.#deep, reverse: this.#reverse };
    for (const difference of diffEntries(this.#cache, pair, order)) {
      const { names, kind, stream } = difference;
      if (kind !== 'removed' || stream !== undefined) yield rowOf(difference);
      else yield { key: keyText([...from, ...names.slice(pair.names.length)]), kind };
    }
  }
}

function below(entry: Entry, name: Uint8Array, spot: Spot | undefined): Entry | undefined {
  if (spot === undefined) return undefined;
  const { end, names, key } = entry;
  return { end, names: [...names, name], key: `${key}/${nameText(name)}`, spot };
}

function recordAt({ node, index }: Spot): RecordParts {
  return readRecord(node, index);
}

/** A key's text as histories have it: '' is the top. */
function textOf(names: Names): string {
  return names.length === 0 ? '' : keyText(names);
}

function rowOf({ names, stream, kind }: Difference): DiffRow {
  const key = keyText(names);
  return stream === undefined ? { key, kind } : { key, stream, kind };
}
