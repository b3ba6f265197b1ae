/**
 * Finding entries by a pattern over their keys: a walk of the tree beside an automaton. Where the
 * automaton is dead a subtree is not read, and a child map is read only from where all names that
 * may match begin alike, to where they end: `/photos/2024-*` costs what it finds.
 */

import type { Automaton } from '../kernels/automata.js';
import type { StreamHome } from '../streams/stream.js';
import { childMap, type Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import { readRecord } from '../tree/record.js';
import { MapScan, type NameRange } from '../tree/scan.js';
import { Entry } from './entry.js';

const SLASH = 0x2f;

interface Level {
  readonly scan: MapScan;
  /** The key whose children these are, as text; '' for the top. */
  readonly parent: string;
  /** What the automaton makes of that key and a slash. */
  readonly state: unknown;
}

/**
 * At most `limit` entries whose keys match, in key order; `check` throws once the view may no
 * longer be read.
 */
export function* findEntries(
  view: StreamHome,
  tree: Tree,
  automaton: Automaton<unknown>,
  limit: number,
  check: () => void,
): Generator<Entry, void, undefined> {
  let left = limit;
  const begun = automaton.step(automaton.start(), SLASH);
  const top = tree.mapOf([]);
  if (begun === undefined || top === undefined) return;
  const stack: Level[] = [levelOf(view, automaton, top, '', begun)];
  for (let level = stack[0]; level !== undefined; level = stack[stack.length - 1]) {
    if (left === 0) return;
    check();
    const { scan, parent, state } = level;
    if (!scan.next()) {
      stack.pop();
      continue;
    }
    const { node, index } = scan;
    const named = after(automaton, state, node.name(index));
    if (named === undefined) continue;
    if (automaton.accepts(named)) {
      left--;
      yield new Entry(view, { node, index }, parent);
    }
    const beneath = automaton.step(named, SLASH);
    if (beneath === undefined) continue;
    const map = childMap(view.cache, { node, index }, readRecord(node, index).child);
    if (map === undefined) continue;
    stack.push(levelOf(view, automaton, map, `${parent}/${node.nameText(index)}`, beneath));
  }
}

function after(
  automaton: Automaton<unknown>,
  start: unknown,
  name: Uint8Array,
): unknown | undefined {
  let state: unknown | undefined = start;
  for (let i = 0; i < name.length && state !== undefined; i++) {
    state = automaton.step(state, name[i] as number);
  }
  return state;
}

function levelOf(
  { cache }: StreamHome,
  automaton: Automaton<unknown>,
  map: Node,
  parent: string,
  state: unknown,
): Level {
  return { scan: new MapScan(cache, map, rangeOf(automaton.ahead(state))), parent, state };
}

/** The names that go on as all that matches does. */
function rangeOf(ahead: Uint8Array): NameRange {
  const slash = ahead.indexOf(SLASH);
  if (slash >= 0) return { gte: ahead.subarray(0, slash), lte: ahead.subarray(0, slash) };
  let end = ahead.length;
  while (end > 0 && ahead[end - 1] === 0xff) end--;
  if (end === 0) return { gte: ahead };
  const behind = ahead.slice(0, end);
  behind[end - 1] = (behind[end - 1] as number) + 1;
  return { gte: ahead, lt: behind };
}
