/**
 * The heads of a commit: a Merkle map from the id of each bucket directly within to that bucket's
 * commit. It is kept as a tree like any other (a root without rules; per bucket an entry named by
 * 32 hexadecimal digits, with the commit's 33-byte address in its stream `commit`), so that diff,
 * packs and verification know it already.
 */

import { type Address, isAddress } from '../blocks/address.js';
import { EMPTY, hex, unhex } from '../ground/bytes.js';
import { malformed } from '../ground/errors.js';
import { utf8Bytes } from '../ground/text.js';
import { type EntryEdit, TreeEdit } from '../tree/apply.js';
import { diffMaps } from '../tree/diff-map.js';
import { Tree } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import type { NodeWriter } from '../tree/node-writer.js';
import { CHILD_NONE, INLINE, readRecord } from '../tree/record.js';
import { NO_NAME, type RootRef, totalsOf, writeEmptyRoot } from '../tree/root.js';
import { MapScan } from '../tree/scan.js';
import { finishSteps } from '../tree/steps.js';
import { BUCKET_ID_LENGTH } from './commit.js';

const COMMIT_STREAM = 'commit';

/** A heads map as a commit refers to it. */
export type HeadsRef = RootRef;

/** A bucket directly within, and its commit. */
export interface Head {
  readonly bucket: Uint8Array;
  readonly commit: Address;
}

/** The commit that the heads give for a bucket. */
export function headOf(
  cache: NodeCache,
  heads: HeadsRef | undefined,
  bucket: Uint8Array,
): Address | undefined {
  if (heads === undefined) return undefined;
  const tree = Tree.load(cache, heads.id, heads.address);
  const found = tree.find([utf8Bytes(hex(bucket))]);
  return found === undefined ? undefined : readHead(found.node, found.index).commit;
}

/** How many heads there are. */
export function countHeads(cache: NodeCache, heads: HeadsRef | undefined): number {
  if (heads === undefined) return 0;
  // The root is an entry as well.
  return totalsOf(Tree.load(cache, heads.id, heads.address).root).entries - 1;
}

/** All heads, in order of bucket ids. */
export function* allHeads(cache: NodeCache, heads: HeadsRef | undefined): Generator<Head> {
  if (heads === undefined) return;
  const map = Tree.load(cache, heads.id, heads.address).mapOf([]);
  if (map === undefined) return;
  const scan = new MapScan(cache, map, {});
  while (scan.next()) yield readHead(scan.node, scan.index);
}

/** A bucket whose heads differ. */
interface HeadChange {
  readonly bucket: Uint8Array;
  readonly before: Address | undefined;
  readonly after: Address | undefined;
}

/** The heads that differ between two maps. */
export function* changedHeads(
  cache: NodeCache,
  before: HeadsRef | undefined,
  after: HeadsRef | undefined,
): Generator<HeadChange> {
  const [a, b] = [before, after].map(
    (ref) => ref && Tree.load(cache, ref.id, ref.address).mapOf([]),
  );
  for (const { before, after } of diffMaps(cache, a, b)) {
    const [was, is] = [before, after].map((spot) => spot && readHead(spot.node, spot.index));
    const { bucket } = (was ?? is) as Head;
    yield { bucket, before: was?.commit, after: is?.commit };
  }
}

/** The head in a record of a heads map. REGALIA_FORMAT where it is none. */
export function readHead(node: Node, index: number): Head {
  const name = node.nameText(index);
  const bucket = unhex(name);
  const { shape, streams, child } = readRecord(node, index);
  const [stream] = streams;
  const isId = bucket?.length === BUCKET_ID_LENGTH && name === hex(bucket);
  const isAlone =
    streams.length === 1 && shape.names[0] === COMMIT_STREAM && child.form === CHILD_NONE;
  if (isId && isAlone && stream?.form === INLINE && isAddress(stream.bytes)) {
    return { bucket, commit: stream.bytes.slice() };
  }
  throw malformed('heads', 0, 'a bucket id and the address of a commit', name.slice(0, 100));
}

/**
 * Sets (an address) or removes (undefined) heads, by 32 hexadecimal digits. Undefined where none is
 * left.
 */
export function writeHeads(
  writer: NodeWriter,
  before: HeadsRef | undefined,
  changes: ReadonlyMap<string, Address | undefined>,
): HeadsRef | undefined {
  if (changes.size === 0) return before;
  const { cache } = writer;
  const from = before ?? writeEmptyRoot(writer, EMPTY);
  const { root } = Tree.load(cache, from.id, from.address);
  const list = [...changes]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([digits, commit]) => headEdit(digits, commit));
  const edit: EntryEdit = {
    bytes: NO_NAME,
    start: 0,
    end: 0,
    clear: false,
    streams: [],
    below: () => list,
  };
  const after = finishSteps(new TreeEdit(cache, () => writer).rootSteps(root, edit));
  return after.totals.entries === 1 ? undefined : after;
}

function headEdit(digits: string, commit: Address | undefined): EntryEdit {
  const bytes = utf8Bytes(digits);
  const end = bytes.length;
  if (commit === undefined) return { bytes, start: 0, end, clear: true, streams: [] };
  const part = { form: INLINE, length: commit.length, bytes: commit } as const;
  return { bytes, start: 0, end, clear: false, streams: [{ stream: COMMIT_STREAM, part }] };
}
