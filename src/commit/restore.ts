/**
 * Bringing a key back to what it was at another commit: the entry that was there, with all below
 * it, comes to be what and where it was.
 *
 *     then   /a/f         now   /b/f  /b/new         restored   /a/f
 *
 * What was below the key and is elsewhere by now comes back from there. What came to be there
 * since goes, wherever it was before: the key is as it was. Nobody is asked, since nobody else
 * changed anything; and later merges follow, since it is recorded what went where.
 */
import { nameText } from '../ground/text.js';
import type { MapRow } from '../log/maps.js';
import { bucketAt } from '../merge/buckets.js';
import { isWithin, type Kinship, Pairs } from '../merge/pairs.js';
import { bytesOf, prefixes } from '../merge/relation.js';
import { editAt } from '../tree/apply.js';
import { sameBucket } from '../tree/diff.js';
import { diffMaps } from '../tree/diff-map.js';
import { sameEntry } from '../tree/equal.js';
import { keyText, type Names, parseKey } from '../tree/key.js';
import { childMapAt, crossBorder, type Spot, type Tree } from '../tree/lookup.js';
import { readRecord } from '../tree/record.js';
import type { Steps } from '../tree/steps.js';
import { checkAlgorithm } from './buckets.js';
import { kinshipSteps } from './kinship.js';
import type { Line, LocalCommit } from './line.js';
import type { Return } from './revert.js';

/** What makes a key of a bucket what it was at another commit of that bucket. REGALIA_RULE. */
export function* restoreSteps(
  line: Line,
  then: LocalCommit,
  head: LocalCommit,
  names: Names,
): Steps<Return> {
  const [was, is] = [line.treeOf(then), line.treeOf(head)];
  checkAlgorithm(is.rootAround(names), was.root);
  const isTop = names.length === 0;
  const outer = isTop ? was.top : was.outer(names);
  const parts = outer && readRecord(outer.node, outer.index);
  const key = isTop ? '' : keyText(names);
  const ways = yield* kinshipSteps(line, then, head);
  const pairs = yield* Pairs.of(was, is, ways, '');
  yield* pairs.findBuckets();
  const { rows, left } = yield* new Homecoming(was, is, key, ways, pairs).find();
  const edits = left.map((from) => editAt(parseKey(from), { clear: true, streams: [] }));
  edits.push(editAt(names, { clear: true, streams: [], parts, inside: isTop }));
  return { edits, rows, origins: [then] };
}

/** From a key of now to one of then. */
interface Way {
  readonly from: string;
  readonly to: string;
}

/** What is found, and steps in between. */
type Found<T> = Generator<T | undefined, void>;

function* all<T>(found: Found<T>): Steps<T[]> {
  const list: T[] = [];
  for (const one of found) {
    if (one === undefined) yield;
    else list.push(one);
  }
  return list;
}

/** Finds where what was at a key went since, in one state and another. */
class Homecoming {
  readonly #was: Tree;
  readonly #is: Tree;
  readonly #key: string;
  readonly #ways: readonly Kinship[];
  readonly #pairs: Pairs;

  constructor(was: Tree, is: Tree, key: string, ways: readonly Kinship[], pairs: Pairs) {
    this.#was = was;
    this.#is = is;
    this.#key = key;
    this.#ways = ways;
    this.#pairs = pairs;
  }

  /** The rows from the present keys to those of then, and the keys elsewhere that are left. */
  *find(): Steps<{ readonly rows: readonly MapRow[]; readonly left: readonly string[] }> {
    const moved = yield* all(this.#moved());
    const unpaired = yield* all(this.#unpaired());
    // Buckets that were made of what was no bucket then.
    const made = unpaired.filter(({ from }) => bucketAt(find(this.#is, from)) !== undefined);
    const homes = topmost([this.#key, ...[...moved, ...made].map(({ from }) => from)]);
    const removed = unpaired.filter(({ from }) => find(this.#is, from) === undefined);
    const known = new Set([...removed, ...made].map(({ to }) => to));
    const nowhere = yield* all(this.#returned(moved, known));
    const returned = [...removed, ...made, ...nowhere].map(home);
    const back = new Set(made.map(({ from }) => from));
    const gone = (yield* all(this.#gone(homes))).filter(({ from }) => !back.has(from));
    const rows = [...moved, ...returned, ...gone];
    return { rows, left: homes.filter((home) => !isWithin(home, this.#key)) };
  }

  /** What is there, maybe elsewhere. */
  *#moved(): Found<MapRow> {
    const along = this.#key === '' ? undefined : this.#pairs.along('before', this.#key);
    if (along !== undefined && this.#areOne(this.#key, along)) yield moved(along, this.#key);
    const keys = [this.#key];
    for (let key = keys.pop(); key !== undefined; key = keys.pop()) {
      for (const name of this.#pairs.leading('before', key)) {
        yield undefined;
        const below = `${key}/${name}`;
        const partner = this.#pairs.partnerOf('before', below);
        if (partner !== undefined) yield moved(partner, below);
        keys.push(below);
      }
    }
  }

  /**
   * What is nowhere now, the topmost of it, and where it would be if it had gone along, or of which
   * a bucket was made; but for what is known.
   */
  *#returned(moved: readonly MapRow[], known: ReadonlySet<string>): Found<Way> {
    const { cache } = this.#is;
    const along = this.#pairs.along('before', this.#key) ?? this.#key;
    const stack: Way[] = [{ from: along, to: this.#key }];
    for (const { from, to } of moved) if (to !== undefined) stack.push({ from, to });
    for (let at = stack.pop(); at !== undefined; at = stack.pop()) {
      yield undefined;
      const { from, to } = at;
      const [was, is] = [find(this.#was, to), find(this.#is, from)];
      if (was === undefined || known.has(to)) continue;
      if (is === undefined) {
        if (!this.#pairs.isPaired('before', to)) yield at;
        continue;
      }
      if (sameEntry(cache, was, is)) continue;
      if (to !== '' && bucketAt(was) === undefined && bucketAt(is) !== undefined) yield at;
      const [a, b] = [crossBorder(cache, was), crossBorder(cache, is)];
      for (const { name } of diffMaps(cache, childMapAt(cache, a), childMapAt(cache, b))) {
        const below = { from: `${from}/${nameText(name)}`, to: `${to}/${nameText(name)}` };
        const isElsewhere = this.#pairs.isPaired('before', below.to);
        if (!isElsewhere && !this.#pairs.isPaired('after', below.from)) stack.push(below);
      }
    }
  }

  /** Where histories have what was there and is not one with anything now. */
  *#unpaired(): Found<Way> {
    for (const { before, after } of this.#ways) {
      for (const base of new Set([...before.bases(), ...after.bases()])) {
        yield undefined;
        for (const to of before.imagesOf(base).filter((key) => this.#isUnpaired(key))) {
          for (const from of after.lastOf(base)) yield { from, to };
        }
      }
    }
  }

  #isUnpaired(key: string): boolean {
    const isThere = isWithin(key, this.#key) && find(this.#was, key) !== undefined;
    return isThere && !this.#pairs.isPaired('before', key);
  }

  /** What came to be at those keys since, by moves: it is not what was there then. */
  *#gone(homes: readonly string[]): Found<MapRow> {
    const going = new Set(homes);
    for (const { after } of this.#ways) {
      for (const from of after.present()) {
        yield undefined;
        const goes = [...prefixes(from)].some((above) => going.has(above));
        if (!goes || find(this.#is, from) === undefined) continue;
        const partner = this.#pairs.partnerOf('after', from);
        if (partner !== undefined && isWithin(partner, this.#key)) continue;
        yield { from, to: undefined, returned: false };
      }
    }
  }

  #areOne(before: string, after: string): boolean {
    const [was, is] = [find(this.#was, before), find(this.#is, after)];
    if (was === undefined || is === undefined) return false;
    return sameBucket(readRecord(was.node, was.index), readRecord(is.node, is.index));
  }
}

function find(tree: Tree, key: string): Spot | undefined {
  if (key === '') return tree.top;
  return tree.outer(bytesOf(key));
}

function moved(from: string, to: string): MapRow {
  return { from, to, returned: false };
}

function home({ from, to }: Way): MapRow {
  return { from, to, returned: true };
}

/** Those of some keys that are below no other of them. */
function topmost(keys: readonly string[]): string[] {
  const all = new Set(keys);
  return [...all].filter((key) => {
    return ![...prefixes(key)].some((above) => above !== key && all.has(above));
  });
}
