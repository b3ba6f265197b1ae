/**
 * Ancestry: what history says about two commits, without loading either.
 *
 * All walks go from the latest corrected date down (frontier.ts) and stop as soon as nothing more
 * can be learned: near heads cost what lies between them, however long the history. Merge bases are
 * found by painting, as in git's `paint_down_to_common`: the two sides' marks flow to their
 * ancestors; a commit that bears both is a base, and its ancestors are stale. Because marks are
 * complete when a commit is visited, every base found so is a best one.
 *
 * Where a walk needs a commit beyond the point where history is cut off, it throws REGALIA_HORIZON
 * rather than guess. A commit counts as its own ancestor throughout. A commit asked about that is
 * not here is REGALIA_MISSING.
 */
import {
  ADDRESS_LENGTH,
  type Address,
  addressText,
  compareAddresses,
  sameAddress,
} from '../blocks/address.js';
import { equalBytes } from '../ground/bytes.js';
import { beyondHorizon } from '../ground/errors.js';
import { ByteWriter } from '../ground/writer.js';
import { absentParent, type LogEntry, missingCommit } from './entry.js';
import { type CommitGraph, checkLabels, Frontier } from './frontier.js';

const OURS = 1;
const THEIRS = 2;
const BOTH = OURS | THEIRS;
const STALE = 4;

/** Whether `a` is `b` or among what came before it. */
export function isAncestor(graph: CommitGraph, a: Address, b: Address): boolean {
  const sought = present(graph, a);
  const head = present(graph, b);
  const beside = sameBucket(sought, head) ? alongSpine(graph, head, sought.spine) : head;
  if (sameAddress(beside.address, a)) return true;
  const frontier = new Frontier(graph);
  frontier.meet(lineEnd(graph, head, sought.height).address, 0);
  for (let met = frontier.pop(); met !== undefined; met = frontier.pop()) {
    if (sameAddress(met.address, a)) return true;
    // What is absent comes last: all that is here was searched.
    if (met.entry === undefined) throw beyondHorizon(addressText(met.address));
    // What is no later or no higher than the sought commit comes after nothing of it.
    const above = met.entry.correctedMs > sought.correctedMs && met.entry.height > sought.height;
    if (above) frontier.meetParents(met.entry, 0);
  }
  return false;
}

/**
 * All best common ancestors of what two sets of commits have seen, sorted by address: those that no
 * other common ancestor has come after. Criss-cross merges give several, unrelated histories none.
 */
export function mergeBases(
  graph: CommitGraph,
  ours: readonly Address[],
  theirs: readonly Address[],
): Address[] {
  const [[one, other], [first, second]] = [ours, theirs];
  if (one !== undefined && first !== undefined && other === undefined && second === undefined) {
    const fork = forkOf(graph, present(graph, one), present(graph, first));
    if (fork !== undefined) return [fork.address];
  }
  const frontier = new Frontier(graph, STALE);
  for (const [addresses, mark] of [
    [ours, OURS],
    [theirs, THEIRS],
  ] as const) {
    for (const address of addresses) {
      present(graph, address);
      frontier.meet(address, mark);
    }
  }
  const bases: Address[] = [];
  while (frontier.open > 0) {
    const met = frontier.pop();
    if (met === undefined) break;
    const stale = (met.marks & STALE) !== 0;
    if (met.entry === undefined) {
      if (stale) continue;
      throw beyondHorizon(addressText(met.address));
    }
    const common = (met.marks & BOTH) === BOTH;
    if (common && !stale) bases.push(met.address);
    frontier.meetParents(met.entry, common ? BOTH | STALE : met.marks);
  }
  return bases.sort(compareAddresses);
}

function sameBucket(a: LogEntry, b: LogEntry): boolean {
  return equalBytes(a.bucket, b.bucket);
}

/** The commit along first parents that has so many below it, or the last before that. */
function alongSpine(graph: CommitGraph, head: LogEntry, spine: number): LogEntry {
  return jumpDown(graph, head, (entry) => entry.spine >= spine);
}

/** The last commit down to a height that everything between it and the head leads to: a line. */
function lineEnd(graph: CommitGraph, head: LogEntry, height: number): LogEntry {
  const { merges } = head;
  return jumpDown(graph, head, (entry) => entry.merges === merges && entry.height >= height);
}

/** The last commit along first parents for which `holds`, as it does for all above it. */
function jumpDown(
  graph: CommitGraph,
  head: LogEntry,
  holds: (entry: LogEntry) => boolean,
): LogEntry {
  let entry = head;
  for (;;) {
    if (entry.spine === 0) return entry;
    const far = graph.entryAt(entry.bucket, entry.jump);
    const passes = far !== undefined && far.spine < entry.spine && holds(far);
    const [parent] = entry.parents;
    const next = passes ? far : parent && graph.entry(parent);
    if (next === undefined && parent !== undefined && !entry.cut) throw absentParent(entry, parent);
    if (next === undefined || !sameBucket(next, entry)) return entry;
    checkLabels(entry, next);
    if (!holds(next)) return entry;
    entry = next;
  }
}

/**
 * The one base of two commits that come in a line from where they part; undefined where history
 * has merges in between.
 */
function forkOf(graph: CommitGraph, ours: LogEntry, theirs: LogEntry): LogEntry | undefined {
  if (!sameBucket(ours, theirs)) return undefined;
  const sharedAt = (spine: number): LogEntry | undefined => {
    const [a, b] = [alongSpine(graph, ours, spine), alongSpine(graph, theirs, spine)];
    return a.spine === spine && sameAddress(a.address, b.address) ? a : undefined;
  };
  // In ever longer strides down to where they are one, and then in halves: near heads cost little.
  let high = Math.min(ours.spine, theirs.spine);
  let low = high;
  let fork = sharedAt(low);
  for (let stride = 1; fork === undefined && low > 0; stride *= 2) {
    high = low - 1;
    low = Math.max(0, low - stride);
    fork = sharedAt(low);
  }
  while (fork !== undefined && low < high) {
    const spine = Math.ceil((low + high) / 2);
    const shared = sharedAt(spine);
    if (shared === undefined) high = spine - 1;
    else [low, fork] = [spine, shared];
  }
  return fork?.merges === ours.merges && fork.merges === theirs.merges ? fork : undefined;
}

function firstParent(graph: CommitGraph, child: LogEntry): LogEntry | undefined {
  const [address] = child.parents;
  if (address === undefined) return undefined;
  const entry = graph.entry(address);
  if (entry === undefined) throw absentParent(child, address);
  return entry;
}

/**
 * The last commit along first parents whose corrected date is not later than `dateMs`, or undefined
 * where even the first one is later. Follows the jumps of entries: O(log n) reads. REGALIA_HORIZON
 * where that commit is not kept.
 */
export function atDate(graph: CommitGraph, head: Address, dateMs: number): LogEntry | undefined {
  let entry: LogEntry | undefined = present(graph, head);
  while (entry !== undefined && entry.correctedMs > dateMs) {
    const far: LogEntry | undefined =
      entry.spine === 0 ? undefined : graph.entryAt(entry.bucket, entry.jump);
    // A jump to a commit that is still too late passes over none that is not.
    const passes: boolean =
      far !== undefined && far.correctedMs > dateMs && far.spine < entry.spine;
    entry = passes ? far : firstParent(graph, entry);
  }
  return entry;
}

/**
 * The commits that `wants` reach and `haves` do not, children first. Lazy: memory is the width of
 * history. Haves that are not here are passed over, and so are absent ancestors: history may be cut
 * short on either side.
 */
export function* commitsSince(
  graph: CommitGraph,
  haves: Iterable<Address>,
  wants: Iterable<Address>,
): Generator<LogEntry> {
  const frontier = new Frontier(graph, THEIRS);
  for (const want of wants) {
    present(graph, want);
    frontier.meet(want, OURS);
  }
  for (const have of haves) if (graph.entry(have) !== undefined) frontier.meet(have, THEIRS);
  while (frontier.open > 0) {
    const met = frontier.pop();
    if (met?.entry === undefined) break;
    if ((met.marks & THEIRS) === 0) yield met.entry;
    frontier.meetParents(met.entry, met.marks);
  }
}

/** The same, parents first, as packs need them. Keeps 33 bytes for each commit. */
export function* commitsBetween(
  graph: CommitGraph,
  haves: Iterable<Address>,
  wants: Iterable<Address>,
): Generator<LogEntry> {
  const writer = new ByteWriter();
  for (const { address } of commitsSince(graph, haves, wants)) writer.bytes(address);
  const addresses = writer.view();
  for (let end = addresses.length; end > 0; end -= ADDRESS_LENGTH) {
    yield present(graph, addresses.slice(end - ADDRESS_LENGTH, end));
  }
}

function present(graph: CommitGraph, address: Address): LogEntry {
  const entry = graph.entry(address);
  if (entry === undefined) throw missingCommit(address);
  return entry;
}
