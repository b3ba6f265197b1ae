/**
 * Differences as users see them: rows by key, with told moves recognized.
 */

import { sameAddress } from '../blocks/address.js';
import { nameText } from '../bytes.js';
import { firstParents } from '../log/ancestry.js';
import { movesOf } from '../log/moves.js';
import { type Difference, diffTrees } from '../tree/diff.js';
import { type Key, keyText, parseKey } from '../tree/key.js';
import type { Landed, Line } from './line.js';

export interface DiffOptions {
  /** Only what lies at or beneath this key. */
  readonly key?: Key;
  /** A row per stream beneath added and removed entries, instead of one for the whole. */
  readonly deep?: boolean;
  readonly reverse?: boolean;
}

export interface DiffRow {
  readonly key: string;
  /** Undefined for an entry that was added, removed or moved with all beneath it. */
  readonly stream?: string;
  readonly kind: 'added' | 'removed' | 'changed' | 'moved';
  /** Where a moved entry was before. */
  readonly from?: string;
}

/** Commits that are searched for moves between two states. */
const MOVES_COMMITS_MAX = 10_000;

export function* diffRows(
  line: Line,
  before: Landed,
  after: Landed,
  options: DiffOptions,
): Generator<DiffRow> {
  const key = options.key === undefined ? [] : parseKey(options.key);
  const a = line.treeOf(before);
  const b = line.treeOf(after);
  const moves = toldMoves(line, before, after);
  const { deep = false, reverse = false } = options;
  const scope = { key, deep, reverse };
  for (const difference of diffTrees(a, b, scope)) {
    const text = keyText(difference.names);
    const target = moves.to.get(text);
    if (difference.stream === undefined && difference.kind === 'added' && target !== undefined) {
      yield { key: text, kind: 'moved', from: target };
      yield* movedRows(line, before, after, target, text);
    } else if (
      difference.stream !== undefined ||
      difference.kind !== 'removed' ||
      !moves.from.has(text)
    ) {
      yield rowOf(difference);
    }
  }
}

function rowOf({ names, stream, kind }: Difference): DiffRow {
  const key = keyText(names);
  return stream === undefined ? { key, kind } : { key, stream, kind };
}

/** What changed beneath a moved entry, under its new key. */
function* movedRows(
  line: Line,
  before: Landed,
  after: Landed,
  from: string,
  to: string,
): Generator<DiffRow> {
  const a = line.treeOf(before);
  const b = line.treeOf(after);
  const scope = { key: parseKey(to), beforeKey: parseKey(from), deep: false, reverse: false };
  for (const difference of diffTrees(a, b, scope)) yield rowOf(difference);
}

interface ToldMoves {
  /** From a present key to where it was. */
  readonly to: ReadonlyMap<string, string>;
  /** The keys that were left. */
  readonly from: ReadonlySet<string>;
}

/** The moves that lie between two states, composed, where one comes before the other along first parents. */
function toldMoves(line: Line, before: Landed, after: Landed): ToldMoves {
  const forward = movesBetween(line, before, after);
  const backward = forward === undefined ? movesBetween(line, after, before) : undefined;
  const to = new Map<string, string>();
  const from = new Set<string>();
  for (const [first, last] of compose(forward ?? [])) {
    to.set(last, first);
    from.add(first);
  }
  for (const [first, last] of compose(backward ?? [])) {
    to.set(first, last);
    from.add(last);
  }
  return { to, from };
}

/** Told moves from one commit to a later one, oldest first; undefined where it is not later. */
function movesBetween(line: Line, before: Landed, after: Landed): [string, string][] | undefined {
  const { history, blocks } = line.core;
  const found: [string, string][][] = [];
  let count = 0;
  for (const entry of firstParents(history, after.address)) {
    if (sameAddress(entry.address, before.address)) return found.reverse().flat();
    if (++count > MOVES_COMMITS_MAX) return undefined;
    const { moves } = history.commit(entry.address);
    if (moves === undefined) continue;
    const list: [string, string][] = [];
    const read = (address: Uint8Array): Uint8Array => {
      const id = address === moves ? entry.movesBlock : 0;
      const body = blocks.read(id, address, 'moves');
      return body.bytes.slice(body.start, body.start + body.plainLength);
    };
    for (const move of movesOf(moves, read)) list.push([textOf(move.from), textOf(move.to)]);
    found.push(list);
  }
  return undefined;
}

function textOf(joined: Uint8Array): string {
  return `/${nameText(joined)}`;
}

/** From first keys to last keys. */
function compose(moves: readonly [string, string][]): Map<string, string> {
  const first = new Map<string, string>();
  for (const [from, to] of moves) {
    for (const [present, origin] of [...first]) {
      if (present !== from && !present.startsWith(`${from}/`)) continue;
      first.delete(present);
      first.set(to + present.slice(from.length), origin);
    }
    if (![...first.values()].some((origin) => first.get(to) === origin)) first.set(to, from);
  }
  return new Map([...first].filter(([to, from]) => to !== from).map(([to, from]) => [from, to]));
}
