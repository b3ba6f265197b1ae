/**
 * The walk of a tree: all entries below a key, or those whose keys an automaton accepts.
 *
 * The automaton is walked beside the tree. Where it is dead a subtree is not read, and a child map
 * is read only from where all names that may match begin alike, to where they end: what
 * `/photos/2024-*` costs is what it finds.
 */
import type { Automaton } from '../kernels/automata.js';
import { childMapAt, type Spot } from './lookup.js';
import type { Node } from './node.js';
import type { NodeCache } from './node-cache.js';
import { MapScan, type NameRange } from './scan.js';

const SLASH = 0x2f;

/** What is searched for: an automaton over the text of keys, in its state at some key and slash. */
export interface Search {
  readonly automaton: Automaton<unknown>;
  readonly state: unknown;
}

/** An entry, and what its caller makes of the key that has it: its text, its bytes. */
export interface Walked<P> {
  readonly spot: Spot;
  readonly parent: P;
}

interface Level<P> {
  readonly scan: MapScan;
  readonly parent: P;
  readonly search: Search | undefined;
}

/**
 * The entries of a child map and all below them, in key order, each before what lies below it;
 * of a search those that match. `parent` stands for the key whose children these are, and `inner`
 * makes of it what stands for the key of a child.
 */
export function* walkMap<P>(
  cache: NodeCache,
  map: Node,
  parent: P,
  inner: (parent: P, spot: Spot) => P,
  search?: Search,
): Generator<Walked<P>, void, undefined> {
  const stack: Level<P>[] = [levelOf(cache, map, parent, search)];
  for (let level = stack[0]; level !== undefined; level = stack[stack.length - 1]) {
    const { scan, parent, search } = level;
    if (!scan.next()) {
      stack.pop();
      continue;
    }
    const spot = { node: scan.node, index: scan.index };
    const here = search && after(search, spot.node.name(spot.index));
    if (search !== undefined && here === undefined) continue;
    if (here === undefined || here.automaton.accepts(here.state)) yield { spot, parent };
    const below = here && stepped(here, SLASH);
    if (here !== undefined && below === undefined) continue;
    const map = mapOf(cache, spot);
    if (map !== undefined) stack.push(levelOf(cache, map, inner(parent, spot), below));
  }
}

/** The form of its child map stands in a record's first byte: most records need no reading. */
function mapOf(cache: NodeCache, spot: Spot): Node | undefined {
  const { node, index } = spot;
  if ((node.bytes[node.recordStart(index)] & 3) === 0) return undefined;
  return childMapAt(cache, spot);
}

/** The search of the whole tree, behind the first slash; undefined where nothing can match. */
export function searchFor(automaton: Automaton<unknown>): Search | undefined {
  return stepped({ automaton, state: automaton.start() }, SLASH);
}

function stepped({ automaton, state }: Search, byte: number): Search | undefined {
  const next = automaton.step(state, byte);
  return next === undefined ? undefined : { automaton, state: next };
}

/** The search after a name; undefined where the automaton is dead. */
function after({ automaton, state }: Search, name: Uint8Array): Search | undefined {
  for (let i = 0; i < name.length && state !== undefined; i++) {
    state = automaton.step(state, name[i]);
  }
  return state === undefined ? undefined : { automaton, state };
}

function levelOf<P>(cache: NodeCache, map: Node, parent: P, search?: Search): Level<P> {
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
