/**
 * The walk of a tree: all entries beneath a key, or those whose keys an automaton accepts.
 *
 * The automaton is walked beside the tree. Where it is dead a subtree is not read, and a child map
 * is read only from where all names that may match begin alike, to where they end: what
 * `/photos/2024-*` costs is what it finds.
 */
import type { Automaton } from '../kernels/automata.js';
import type { StreamHome } from '../streams/stream.js';
import { childMap } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import { readRecord } from '../tree/record.js';
import { MapScan, type NameRange } from '../tree/scan.js';
import { Entry } from './entry.js';

const SLASH = 0x2f;

/** What is searched for: an automaton over the text of keys, in its state at some key and slash. */
export interface Search {
  readonly automaton: Automaton<unknown>;
  readonly state: unknown;
}

interface Level {
  readonly scan: MapScan;
  /** The key whose children these are, as text; '' for the top. */
  readonly parent: string;
  readonly search: Search | undefined;
}

/**
 * The entries of a child map and all beneath them, in key order, each before what lies beneath it;
 * of a search those that match. `check` throws once the view may no longer be read.
 */
export function* entriesIn(
  view: StreamHome,
  map: Node,
  parent: string,
  check: () => void,
  search?: Search,
): Generator<Entry, void, undefined> {
  const stack: Level[] = [levelOf(view, map, parent, search)];
  for (let level = stack[0]; level !== undefined; level = stack[stack.length - 1]) {
    check();
    const { scan, parent, search } = level;
    if (!scan.next()) {
      stack.pop();
      continue;
    }
    const { node, index } = scan;
    const here = search && after(search, node.name(index));
    if (search !== undefined && here === undefined) continue;
    if (here === undefined || here.automaton.accepts(here.state)) {
      yield new Entry(view, { node, index }, parent);
    }
    if (!hasChildren(node, index)) continue;
    const beneath = here && stepped(here, SLASH);
    if (here !== undefined && beneath === undefined) continue;
    const map = childMap(view.cache, { node, index }, readRecord(node, index).child);
    if (map === undefined) continue;
    stack.push(levelOf(view, map, `${parent}/${node.nameText(index)}`, beneath));
  }
}

/** The search of the whole tree, behind the first slash; undefined where nothing can match. */
export function searchFor(automaton: Automaton<unknown>): Search | undefined {
  return stepped({ automaton, state: automaton.start() }, SLASH);
}

function stepped({ automaton, state }: Search, byte: number): Search | undefined {
  const next = automaton.step(state, byte);
  return next === undefined ? undefined : { automaton, state: next };
}

/** The form of its child map stands in a record's first byte. */
function hasChildren(node: Node, index: number): boolean {
  return (node.bytes[node.recordStart(index)] & 3) !== 0;
}

/** The search after a name; undefined where the automaton is dead. */
function after({ automaton, state }: Search, name: Uint8Array): Search | undefined {
  for (let i = 0; i < name.length && state !== undefined; i++) {
    state = automaton.step(state, name[i]);
  }
  return state === undefined ? undefined : { automaton, state };
}

function levelOf({ cache }: StreamHome, map: Node, parent: string, search?: Search): Level {
  const range = search === undefined ? {} : rangeOf(search.automaton.ahead(search.state));
  return { scan: new MapScan(cache, map, range), parent, search };
}

/** The names that go on as all that matches does. */
function rangeOf(ahead: Uint8Array): NameRange {
  const slash = ahead.indexOf(SLASH);
  if (slash >= 0) return { gte: ahead.subarray(0, slash), lte: ahead.subarray(0, slash) };
  let end = ahead.length;
  while (end > 0 && ahead[end - 1] === 0xff) end--;
  if (end === 0) return { gte: ahead };
  const behind = ahead.slice(0, end);
  behind[end - 1]++;
  return { gte: ahead, lt: behind };
}
