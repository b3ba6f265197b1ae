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
import { beyondHorizon } from '../ground/errors.js';
import { ByteWriter } from '../ground/writer.js';
import { absentParent, type LogEntry, missingCommit } from './entry.js';
import { type CommitGraph, Frontier } from './frontier.js';

const OURS = 1;
const THEIRS = 2;
const BOTH = OURS | THEIRS;
const STALE = 4;

/** Whether `a` is `b` or among what came before it. */
export function isAncestor(graph: CommitGraph, a: Address, b: Address): boolean {
  const sought = present(graph, a);
  present(graph, b);
  const frontier = new Frontier(graph);
  frontier.meet(b, 0);
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
