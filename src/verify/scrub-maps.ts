/**
 * Scrubs the maps of a commit: what each says must be so in the trees of the parent and of the
 * commit, and be said in the one way that there is.
 *
 *     moved       from  is in the parent's tree        to  is in the commit's, as the same bucket
 *     gone        from  is in the parent's tree, and would lead to what is another entry; or
 *                       something came there, of which the parent has nothing
 *     returned    from  is not in the parent's tree    to  is in the commit's
 *                       or a bucket, which is no bucket any more
 *     buried                                           to  is not in the commit's
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { isRegaliaError } from '../ground/errors.js';
import { encodeMap, isReplaced, type MapRow, rowsFrom } from '../log/maps.js';
import { markAt } from '../merge/buckets.js';
import { rowsOf } from '../merge/rows.js';
import { parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import { blockFault, type Fault, type Step } from './fault.js';
import type { State, Trees } from './trees.js';

/** What a row costs, in bytes read. */
const ROW_COST = 1_024;

export class MapScrub {
  readonly #trees: Trees;

  constructor(trees: Trees) {
    this.#trees = trees;
  }

  /** One map; `parent` is undefined where it is not here. What cannot be read others report. */
  *faults(map: Address, commit: State, parent: State | undefined): Generator<Step, void> {
    const fault = (what: string, key?: string): Fault => {
      const names = key === undefined || isReplaced(key) ? undefined : parseKey(key);
      return blockFault('map', what, { address: map, names, commit: commit.address }, false);
    };
    try {
      let blocks = 0;
      const read = (at: Address): Uint8Array => {
        blocks++;
        return readMap(this.#trees.cache.blocks, at);
      };
      const rows = [...rowsFrom(map, read)];
      if (blocks > 1 && !isOneSpelling(map, rows)) {
        yield fault('the rows of a map are in another order, or in other blocks');
      }
      const after = this.#trees.of(commit);
      const before = parent && this.#trees.of(parent);
      let last: MapRow | undefined;
      for (const row of rows) {
        yield ROW_COST;
        const what = rowFault(row, last, before, after);
        if (what !== undefined) return yield fault(what, row.from);
        last = row;
      }
      const idle = idleRow(rows, after);
      if (idle !== undefined) yield fault(`a row from ${idle.from} changes nothing`, idle.from);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }
}

function readMap(blocks: Blocks, address: Address): Uint8Array {
  const { bytes, start, plainLength } = blocks.read(undefined, address, 'map');
  return bytes.slice(start, start + plainLength);
}

/** One block has its rows in order, or is none. */
function isOneSpelling(map: Address, rows: readonly MapRow[]): boolean {
  const top = encodeMap(map[0] as AlgorithmNumber, rows).at(-1);
  return top !== undefined && sameAddress(top.address, map);
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
    if (returned && was !== undefined && !isUnmade)
      return `${from} returned, and the parent has it`;
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
