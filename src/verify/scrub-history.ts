/**
 * Scrubs history: the log of every bucket in its order, and each commit in it; then the commits
 * that no log has; then branches and tags.
 *
 * Of a commit: its row's checksum; that it hashes to its address, with its stamp rebuilt; that its
 * parents are here, or history is cut off there; that height and corrected date rise from them;
 * that one replica would have made it of them, its stamp of theirs (`canonical/`); its signature.
 * Then the blocks that it reaches and no commit before it did; where its buckets are, and its maps.
 *
 * A commit that is stored as a difference from one that is damaged is not reported: mending the one
 * mends both.
 */
import { type Address, addressKey, addressText, isAddress } from '../blocks/address.js';
import { openRow } from '../blocks/rows.js';
import { checkStampMade } from '../canonical/stamps.js';
import { checkMapsBefore, checkSuccession } from '../canonical/succession.js';
import type { Engine } from '../engine/engine.js';
import { BlockKind } from '../ground/block-header.js';
import { concatBytes, copyBytes, equalBytes, hex } from '../ground/bytes.js';
import { utf8Text } from '../ground/text.js';
import { BRANCH, branch, branches, TAG, tag, tags } from '../log/branches.js';
import { BUCKET_ID_LENGTH, type Commit } from '../log/commit.js';
import { type LogEntry, openEntry, type StoredCommit } from '../log/entry.js';
import { History, type LogBounds, logKey } from '../log/history.js';
import { lastPosition, moveOf, reflogPlace, reflogRows } from '../log/reflog.js';
import { verifySignature } from '../log/signature.js';
import { bucketsIn, endOfBucket } from '../reach/table-walk.js';
import { BARE, RULED } from '../sync/block-traits.js';
import {
  blockFault,
  type Fault,
  type FaultKind,
  orMessage,
  ROW_COST,
  rowFault,
  rowText,
  type Step,
} from './fault.js';
import type { BlockScrub, Wanted } from './scrub-blocks.js';
import { BucketScrub } from './scrub-buckets.js';
import { MapScrub } from './scrub-maps.js';
import { leaseFault } from './scrub-shares.js';
import type { State, Trees } from './trees.js';

export class HistoryScrub {
  commits = 0;
  readonly #engine: Engine;
  /** A history of its own: what other handles have cached is read again. */
  readonly #history: History;
  readonly #blocks: BlockScrub;
  readonly #buckets: BucketScrub;
  readonly #maps: MapScrub;
  /** Commits that cannot be read, and rows of logs that were reported. */
  readonly #bad = new Set<string>();
  readonly #reported = new Set<string>();

  constructor(engine: Engine, blocks: BlockScrub, trees: Trees) {
    this.#engine = engine;
    this.#history = new History(engine);
    this.#blocks = blocks;
    this.#buckets = new BucketScrub(trees);
    this.#maps = new MapScrub(trees);
  }

  /** The logs of all buckets, the store's own first. */
  *logs(store: Uint8Array): Generator<Step, void> {
    yield* this.#log(store);
    for (const bucket of bucketsIn(this.#engine, 'log')) {
      if (!equalBytes(bucket, store)) yield* this.#log(bucket);
    }
  }

  *#log(bucket: Uint8Array): Generator<Step, void> {
    const bounds = yield* this.#bounds(bucket);
    for (let sequence = bounds.first; sequence < bounds.next; sequence++) {
      yield ROW_COST;
      const key = logKey(bucket, sequence);
      const address = this.#logRow(key);
      if (typeof address === 'string') yield this.#logFault(address, key);
      else yield* this.#commit(address, { bucket, sequence });
    }
    const last = logKey(bucket, bounds.next);
    for (const { key } of this.#engine.range('log', { gte: last, lte: endOfBucket(bucket) })) {
      const isLive = this.#history.bounds(bucket).next > bounds.next;
      if (!isLive) yield this.#logFault('a row after the end of its log', key);
    }
  }

  #logFault(what: string, key: Uint8Array): Fault {
    this.#reported.add(rowText('log', key));
    return rowFault('row', what, 'log', key, true);
  }

  /** The bounds; where they are lost, those of the rows that are there. */
  *#bounds(bucket: Uint8Array): Generator<Fault, LogBounds> {
    const bounds = orMessage(() => this.#history.bounds(bucket));
    if (typeof bounds !== 'string') return bounds;
    yield rowFault('row', bounds, 'log', bucket, true);
    return { first: this.#place(bucket, false), next: this.#place(bucket, true) };
  }

  #place(bucket: Uint8Array, reverse: boolean): number {
    const range = { gt: bucket, lte: endOfBucket(bucket), reverse, limit: 1 };
    for (const { key } of this.#engine.range('log', range)) {
      return Number.parseInt(hex(key.subarray(BUCKET_ID_LENGTH)), 16) + (reverse ? 1 : 0);
    }
    return 0;
  }

  /** The address in a row of a log, or what is wrong with it. */
  #logRow(key: Uint8Array): Address | string {
    const row = this.#engine.get('log', key);
    if (row === undefined) return 'the log lacks a row';
    const address = orMessage(() => copyBytes(openRow('log', key, row)));
    return typeof address === 'string' || isAddress(address) ? address : 'a row names no commit';
  }

  *#commit(
    address: Address,
    place: { bucket: Uint8Array; sequence: number },
  ): Generator<Step, void> {
    const stored = this.#stored(address);
    if (typeof stored === 'string') {
      this.#bad.add(addressKey(address));
      const kind = this.#engine.view('commits', address) === undefined ? 'missing' : 'corrupt';
      return yield commitFault(kind, stored, address);
    }
    const { entry } = stored;
    if (entry.sequence !== place.sequence || !equalBytes(entry.bucket, place.bucket)) {
      const key = logKey(place.bucket, place.sequence);
      yield this.#logFault('a row names a commit of another place', key);
    }
    const parents = yield* this.#check(stored);
    let buckets = 0;
    for (const wanted of wantedBy(stored)) {
      const found = yield* this.#blocks.run(wanted, address);
      if (wanted.address === stored.links.root) buckets = found?.totals?.buckets ?? 0;
    }
    yield* this.#states(stored, parents, buckets);
  }

  /** What a commit's tree says as a whole; `buckets` are in a tree that no commit before had. */
  *#states(
    stored: StoredCommit,
    parents: readonly (Parent | undefined)[],
    buckets: number,
  ): Generator<Step, void> {
    const commit = stateOf(stored);
    if (buckets > 0 || commit.heads !== undefined) {
      const rootOf = (head: Address): Address | undefined => this.#rootOf(head);
      yield* this.#buckets.faults(commit, parents[0]?.state, rootOf);
    }
    for (const [i, map] of stored.links.maps.entries()) {
      if (map !== undefined) yield* this.#maps.faults(map, commit, parents[i]?.state);
    }
  }

  #rootOf(address: Address): Address | undefined {
    const stored = this.#stored(address);
    return typeof stored === 'string' ? undefined : stored.links.root;
  }

  #stored(address: Address): StoredCommit | string {
    const row = this.#engine.get('commits', address);
    return row === undefined ? 'a commit is not here' : orMessage(() => openEntry(address, row));
  }

  /** Returns the parents, as far as they can be read. */
  *#check(stored: StoredCommit): Generator<Step, (Parent | undefined)[]> {
    const { entry, links, deltas, body } = stored;
    const { address } = entry;
    this.commits++;
    yield body.length + ROW_COST;
    const first = links.parents[0];
    const underBad = deltas > 0 && first !== undefined && this.#bad.has(addressKey(first));
    const commit = orMessage(() => this.#history.commit(address));
    if (typeof commit === 'string') {
      this.#bad.add(addressKey(address));
      if (!underBad) yield commitFault('corrupt', commit, address);
      return [];
    }
    const parents: (Parent | undefined)[] = [];
    for (const parent of entry.parents) parents.push(yield* this.#parent(stored, parent));
    yield* madeOf(commit, parents, entry);
    if (entry.signature === undefined) return parents;
    const { actor } = commit;
    const isSigned = actor !== undefined && verifySignature(actor, address, entry.signature);
    if (!isSigned)
      yield commitFault('signature', 'the signature is not that of its actor', address);
    return parents;
  }

  /** The parent as far as it can be read. */
  *#parent(stored: StoredCommit, parent: Address): Generator<Step, Parent | undefined> {
    const { entry } = stored;
    if (this.#bad.has(addressKey(parent))) return undefined;
    const before = this.#stored(parent);
    if (typeof before === 'string') {
      if (entry.cut || this.#engine.view('commits', parent) !== undefined) return undefined;
      this.#bad.add(addressKey(parent));
      const what = `a parent of ${addressText(entry.address)} is not here`;
      yield commitFault('missing', what, parent);
      return undefined;
    }
    const { height, correctedMs } = before.entry;
    if (height >= entry.height || correctedMs >= entry.correctedMs) {
      yield rowFault('row', 'height or date does not rise', 'commits', entry.address, true);
    }
    const earlier = orMessage(() => this.#history.commit(parent));
    if (typeof earlier === 'string') return undefined;
    return { address: parent, commit: earlier, state: stateOf(before) };
  }

  /** The commits that their bucket's log does not lead to, where that row was not reported yet. */
  *strays(): Generator<Step, void> {
    for (const { key } of this.#engine.range('commits')) {
      yield ROW_COST;
      if (this.#bad.has(addressKey(key))) continue;
      const stored = this.#stored(key);
      if (typeof stored === 'string') {
        yield isAddress(key)
          ? commitFault('corrupt', stored, key)
          : rowFault('row', stored, 'commits', key, false);
        continue;
      }
      const place = logKey(stored.entry.bucket, stored.entry.sequence);
      const listed = this.#logRow(place);
      if (typeof listed !== 'string' && equalBytes(listed, key)) continue;
      if (!this.#reported.has(rowText('log', place))) {
        yield rowFault('row', 'the log does not lead to this commit', 'commits', key, true);
      }
      yield* this.#commit(key, stored.entry);
    }
  }

  /** Branches and tags. Each bucket's rows are read in one turn: they name each other. */
  *heads(): Generator<Step, void> {
    for (const bucket of bucketsIn(this.#engine, 'heads')) {
      const faults: Fault[] = [];
      const rows = { gte: bucket, lt: concatBytes([bucket, Uint8Array.of(TAG + 1)]) };
      for (const { key, bytes } of this.#engine.range('heads', rows)) {
        const fault = this.#head(bucket, key, bytes);
        if (fault !== undefined) faults.push(fault);
      }
      if (faults.every(({ row }) => row === undefined)) faults.push(...this.#chain(bucket));
      yield* faults;
      yield ROW_COST;
      yield* this.#reflog(bucket);
    }
  }

  /** Where branches were. Of each the positions count from 0, and none is left out. */
  *#reflog(bucket: Uint8Array): Generator<Step, void> {
    let last: { readonly branch: string; readonly position: number } | undefined;
    for (const { key } of reflogRows(this.#engine, bucket)) {
      yield ROW_COST;
      const place = reflogPlace(key);
      const next = place?.branch === last?.branch ? (last?.position ?? -1) + 1 : 0;
      last = place;
      const fault = orMessage(() => {
        if (place === undefined) return 'a row that names no branch';
        if (place.position !== next) return `the reflog lacks a row at ${next}`;
        const { commit } = moveOf(this.#engine, bucket, place.branch, place.position);
        const isHere = this.#engine.view('commits', commit) !== undefined;
        return isHere || this.#bad.has(addressKey(commit)) ? undefined : 'its commit is not here';
      });
      if (fault !== undefined) yield rowFault('row', fault, 'heads', key, false);
    }
  }

  #head(bucket: Uint8Array, key: Uint8Array, bytes: Uint8Array): Fault | undefined {
    const fault = orMessage(() => {
      openRow('heads', key, bytes);
      if (key.length === BUCKET_ID_LENGTH) return undefined;
      const name = utf8Text(key.subarray(BUCKET_ID_LENGTH + 1));
      const sort = key[BUCKET_ID_LENGTH];
      if (name === undefined || (sort !== BRANCH && sort !== TAG)) {
        return rowFault('row', 'a row that names neither a branch nor a tag', 'heads', key, false);
      }
      const isBranch = sort === BRANCH;
      const row = isBranch ? branch(this.#engine, bucket, name) : undefined;
      const end = row && lastPosition(this.#engine, bucket, name);
      if (end !== row?.moved?.position) return `the reflog of branch ${name} ends at ${end}`;
      const lease = orMessage(() => row && leaseFault(this.#engine, bucket, name, row));
      if (typeof lease === 'object') return lease;
      const commit = isBranch ? row?.head : tag(this.#engine, bucket, name);
      if (commit === undefined || this.#bad.has(addressKey(commit))) return undefined;
      if (this.#engine.view('commits', commit) !== undefined) return undefined;
      const what = `the commit of ${isBranch ? 'branch' : 'tag'} ${name} is not here`;
      return commitFault('missing', what, commit);
    });
    return typeof fault === 'string' ? rowFault('row', fault, 'heads', key, false) : fault;
  }

  #chain(bucket: Uint8Array): Fault[] {
    const wrong = orMessage(() => {
      for (const _ of branches(this.#engine, bucket));
      for (const _ of tags(this.#engine, bucket));
    });
    return wrong === undefined ? [] : [rowFault('row', wrong, 'heads', bucket, false)];
  }
}

/** A parent that can be read. */
interface Parent {
  readonly address: Address;
  readonly commit: Commit;
  readonly state: State;
}

/** What of a commit does not follow from its parents, as far as they can be read. */
function* madeOf(
  commit: Commit,
  parents: readonly (Parent | undefined)[],
  { address, height, cut }: LogEntry,
): Generator<Fault, void> {
  const known = parents.filter((parent) => parent !== undefined);
  const stamps = known.map((parent) => parent.commit);
  const checks: [FaultKind, () => void][] = [
    ['structure', () => checkSuccession(commit, known)],
    ['map', () => checkMapsBefore(commit, known)],
  ];
  // One that is lost says nothing of the stamp; one that never came bounds it.
  if (known.length === parents.length || cut) {
    checks.push(['stamp', () => checkStampMade(commit, stamps, height)]);
  }
  for (const [kind, check] of checks) {
    const fault = orMessage(check);
    if (fault !== undefined) yield commitFault(kind, fault, address);
  }
}

function stateOf({ entry, links }: StoredCommit): State {
  return {
    address: entry.address,
    root: links.root,
    rootBlock: entry.rootBlock,
    heads: links.heads,
  };
}

function commitFault(kind: FaultKind, what: string, address: Address): Fault {
  return blockFault(kind, what, { address, commit: address }, false);
}

function wantedBy({ entry, links }: StoredCommit): Wanted[] {
  const root = { what: 'root', kind: BlockKind.root } as const;
  const wanted: Wanted[] = [{ ...root, level: RULED, address: links.root, id: entry.rootBlock }];
  if (links.heads !== undefined) {
    wanted.unshift({ ...root, level: BARE, address: links.heads, id: entry.headsBlock });
  }
  const map = { what: 'map', kind: BlockKind.map, id: undefined } as const;
  for (const address of links.maps) if (address !== undefined) wanted.push({ ...map, address });
  return wanted;
}
