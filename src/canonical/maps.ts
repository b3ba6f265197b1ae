/**
 * Which maps a commit may have: what each says is so in the trees of the parent and of the commit,
 * and it is said in the one way that there is.
 *
 *     moved       from  is in the parent's tree        to  is in the commit's, as the same bucket
 *     gone        from  is in the parent's tree, and would lead to what is another entry; or
 *                       something came there, of which the parent has nothing
 *     returned    from  is not in the parent's tree    to  is in the commit's
 *                       or a bucket, which is no bucket any more
 *     buried                                           to  is not in the commit's
 *
 * An entry of the parent goes to one place, and to a place of the commit one entry went.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { encodeMap, isReplaced, type MapRow, rowsFrom } from '../log/maps.js';
import { markAt } from '../merge/buckets.js';
import { rowsOf } from '../merge/rows.js';
import { type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { Steps } from '../tree/steps.js';

/** What is wrong with a map, and the key of the parent that the row is about. */
interface MapFault {
  readonly what: string;
  readonly names: Names | undefined;
}

interface MapLimits {
  /** Longer maps may say what changes nothing: to see that is one long step. Default any. */
  readonly idleRowsMax?: number;
}

/**
 * What is wrong with one map, if anything is; `read` gives the plain bytes of its blocks. `before`
 * is undefined where it is not here.
 */
export function* mapFault(
  map: Address,
  read: (address: Address) => Uint8Array,
  before: Tree | undefined,
  after: Tree,
  { idleRowsMax = Number.POSITIVE_INFINITY }: MapLimits = {},
): Steps<MapFault | undefined> {
  const rows: MapRow[] = [];
  const reached = new Set<string>();
  let chain = 0;
  const readNext = (at: Address): Uint8Array => {
    chain++;
    return read(at);
  };
  for (const row of rowsFrom(map, readNext)) {
    yield;
    const what = rowFault(row, rows.at(-1), before, after) ?? twiceFault(row, reached);
    if (what !== undefined) return faultAt(what, row.from);
    rows.push(row);
  }
  if (chain > 1 && !isOneSpelling(map, rows)) {
    return faultAt('the rows of a map are in another order, or in other blocks');
  }
  const idle = rows.length > idleRowsMax ? undefined : idleRow(rows, after);
  if (idle === undefined) return undefined;
  return faultAt(`a row from ${idle.from} changes nothing`, idle.from);
}

function faultAt(what: string, key?: string): MapFault {
  return { what, names: key === undefined || isReplaced(key) ? undefined : parseKey(key) };
}

/** One block has its rows in order, or is none. */
function isOneSpelling(map: Address, rows: readonly MapRow[]): boolean {
  const top = encodeMap(map[0] as AlgorithmNumber, rows).at(-1);
  return top !== undefined && sameAddress(top.address, map);
}

/** Two entries that went to one place: of those that came back, or are nowhere, may be several. */
function twiceFault({ to, returned, buried }: MapRow, reached: Set<string>): string | undefined {
  if (to === undefined || returned || buried) return undefined;
  if (reached.has(to)) return `two rows to ${to}`;
  reached.add(to);
  return undefined;
}

function rowFault(
  row: MapRow,
  last: MapRow | undefined,
  before: Tree | undefined,
  after: Tree,
): string | undefined {
  const { from, to, returned, buried } = row;
  if (last?.from === from && !(last.returned && returned)) return `two rows from ${from}`;
  const is = to === undefined || isReplaced(to) ? undefined : markAt(after, to);
  if (before !== undefined) {
    const was = markAt(before, from);
    const isUnmade = !!was && is === '';
    if (returned && was !== undefined && !isUnmade) {
      return `${from} returned, and the parent has it`;
    }
    const isMade = to === undefined && markAt(after, from) !== undefined;
    if (!returned && !buried && was === undefined && !isMade) return `the parent has no ${from}`;
    // A plain entry may become a bucket on the way; a bucket stays what it is.
    const differ = is !== undefined && !!was && is !== was && !returned;
    if (differ) return `${from} and ${to} are not the same bucket`;
  }
  if (buried) return is === undefined ? undefined : `${to} is buried, and the commit has it`;
  return to !== undefined && is === undefined ? `the commit has no ${to}` : undefined;
}

/** A row without which the map would say the same. */
function idleRow(all: readonly MapRow[], after: Tree): MapRow | undefined {
  const rows = all.filter(({ buried }) => !buried);
  const [first] = rows;
  const isAlone = rows.length === 1 && first?.to !== undefined;
  if (isAlone && (first.returned || first.from !== first.to)) return undefined;
  const pairs = rows.flatMap(({ from, to, returned }) =>
    to === undefined ? [] : [{ from, to, returned }],
  );
  const gone = rows.flatMap(({ from, to }) => (to === undefined ? [from] : []));
  const isTaken = (key: string): boolean => markAt(after, key) !== undefined;
  const needed = rowsOf(pairs, gone, isTaken);
  if (needed.length === rows.length) return undefined;
  return rows.find(({ from, to }) => !needed.some((one) => one.from === from && one.to === to));
}
