/**
 * The index of a pack: a transducer over all keys of the wanted commits' trees, so that names are
 * searched without a block being read. A key is its names joined by NUL, which sorts as keys do:
 * name by name, a key before those beneath it. The top has no name and is left out; nested buckets'
 * entries are in.
 *
 * The index is written in key order with bounded memory. Whoever reads it needs the pack's last
 * bytes, which say where it begins, and holds the index alone.
 */
import { compareBytes, concatBytes, equalBytes } from '../ground/bytes.js';
import { readU32 } from '../ground/integers.js';
import { INDEX_BYTES_MAX, KEY_BYTES_MAX } from '../ground/limits.js';
import { type Fst, openFst } from '../kernels/fst.js';
import { FstBuilder } from '../kernels/fst-builder.js';
import { crc32 } from '../kernels/hash.js';
import type { WalkedRoot } from '../reach/tree-walk.js';
import type { Names } from '../tree/key.js';
import { childMap, crossBorder } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { readRecord } from '../tree/record.js';
import { loadRoot } from '../tree/root.js';
import { MapScan } from '../tree/scan.js';
import {
  decodeTrailer,
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  packError,
  TRAILER_FRAME,
  type Trailer,
} from './pack-format.js';

/** Memory for states that are found again. */
const REGISTRY_BYTES = 4 * 1024 * 1024;
/** Keys between pauses. */
const PAUSE_KEYS = 512;

/** The bytes that stand for a key in an index. */
export function indexKey(names: Names): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [i, name] of names.entries()) {
    if (i > 0) parts.push(NUL);
    parts.push(name);
  }
  return concatBytes(parts);
}

const NUL = Uint8Array.of(0);

/** The names of an index key. */
export function indexNames(key: Uint8Array): Names {
  const names: Uint8Array[] = [];
  for (let start = 0; start <= key.length; ) {
    const nul = key.indexOf(0, start);
    const end = nul < 0 ? key.length : nul;
    names.push(key.slice(start, end));
    start = end + 1;
  }
  return names;
}

/** The index of several trees, in parts of about 64 KiB; undefined marks a pause. */
export function* indexParts(
  cache: NodeCache,
  roots: readonly WalkedRoot[],
): Generator<Uint8Array | undefined, void> {
  let parts: Uint8Array[] = [];
  const write = (part: Uint8Array): void => {
    parts.push(part);
  };
  const builder = new FstBuilder({
    lengthMax: KEY_BYTES_MAX,
    registryBytes: REGISTRY_BYTES,
    write,
  });
  let count = 0;
  for (const key of mergedKeys(cache, roots)) {
    builder.add(key);
    if (parts.length > 0) {
      yield* parts;
      parts = [];
    } else if (++count % PAUSE_KEYS === 0) yield undefined;
  }
  builder.finish();
  yield* parts;
}

/** The keys of all trees, ascending, each once. */
function* mergedKeys(cache: NodeCache, roots: readonly WalkedRoot[]): Generator<Uint8Array, void> {
  const sources: { next: Uint8Array; keys: Generator<Uint8Array, void> }[] = [];
  for (const root of roots) {
    const keys = treeKeys(cache, root);
    const first = keys.next();
    if (first.done !== true) sources.push({ next: first.value, keys });
  }
  while (sources.length > 0) {
    let least = (sources[0] as { next: Uint8Array }).next;
    for (const { next } of sources) if (compareBytes(next, least) < 0) least = next;
    yield least;
    for (let i = sources.length - 1; i >= 0; i--) {
      const source = sources[i] as { next: Uint8Array; keys: Generator<Uint8Array, void> };
      if (!equalBytes(source.next, least)) continue;
      const step = source.keys.next();
      if (step.done === true) sources.splice(i, 1);
      else source.next = step.value;
    }
  }
}

/** The keys of a tree in order, without the top. */
function* treeKeys(cache: NodeCache, root: WalkedRoot): Generator<Uint8Array, void> {
  const top = { node: loadRoot(cache, root.id, root.address).node, index: 0 };
  const map = childMap(cache, top, readRecord(top.node, 0).child);
  if (map === undefined) return;
  const stack: { scan: MapScan; prefix: Uint8Array }[] = [
    { scan: new MapScan(cache, map, {}), prefix: new Uint8Array(0) },
  ];
  for (let at = stack.at(-1); at !== undefined; at = stack.at(-1)) {
    const { scan, prefix } = at;
    if (!scan.next()) {
      stack.pop();
      continue;
    }
    const key = concatBytes([prefix, scan.node.name(scan.index)]);
    yield key;
    const spot = crossBorder(cache, { node: scan.node, index: scan.index });
    const below = childMap(cache, spot, readRecord(spot.node, spot.index).child);
    if (below === undefined) continue;
    stack.push({ scan: new MapScan(cache, below, {}), prefix: concatBytes([key, NUL]) });
  }
}

/** Reads `length` bytes of a pack at `offset`. */
export type ReadAt = (offset: number, length: number) => Uint8Array | Promise<Uint8Array>;

/** The trailer of a pack of `size` bytes. REGALIA_PACK, REGALIA_FORMAT. */
export async function readPackTrailer(read: ReadAt, size: number): Promise<Trailer> {
  const at = size - TRAILER_FRAME;
  if (at < 0) throw packError('trailer', size, `${TRAILER_FRAME} bytes`, `${size}`);
  const frame = await read(at, TRAILER_FRAME);
  checkFrame(frame, at, FrameType.trailer);
  const trailer = decodeTrailer(frame.subarray(FRAME_HEAD, frame.length - FRAME_TAIL));
  if (trailer.length !== size) throw packError('trailer', at, `${size} bytes`, `${trailer.length}`);
  return trailer;
}

/**
 * Opens the index of a pack of `size` bytes, for searches by prefix, glob and edit distance;
 * undefined where the pack has none. Its bytes are the sender's word: a key that it tells is not
 * proven to be in the tree.
 */
export async function openPackIndex(
  read: ReadAt,
  size: number,
  bytesMax: number = INDEX_BYTES_MAX,
): Promise<Fst | undefined> {
  const { indexAt } = await readPackTrailer(read, size);
  if (indexAt === 0) return undefined;
  const end = size - TRAILER_FRAME;
  const length = end - indexAt;
  if (length < 0 || length > bytesMax) {
    throw packError('index', indexAt, `at most ${bytesMax} bytes`, `${length}`);
  }
  const parts: Uint8Array[] = [];
  for (let at = indexAt; at < end; ) {
    const head = await read(at, FRAME_HEAD);
    const whole = FRAME_HEAD + (head.length < FRAME_HEAD ? 0 : readU32(head, 1)) + FRAME_TAIL;
    if (at + whole > end) throw packError('index', at, `at most ${end - at} bytes`, `${whole}`);
    const frame = await read(at, whole);
    checkFrame(frame, at, FrameType.index);
    parts.push(frame.slice(FRAME_HEAD, whole - FRAME_TAIL));
    at += whole;
  }
  return openFst(concatBytes(parts), { lengthMax: KEY_BYTES_MAX });
}

function checkFrame(frame: Uint8Array, at: number, type: FrameType): void {
  const end = frame.length - FRAME_TAIL;
  if (frame[0] !== type) throw packError('frame', at, `type ${type}`, `${frame[0]}`);
  if (FRAME_HEAD + readU32(frame, 1) !== end) throw packError('frame', at, 'its length', 'another');
  if (crc32(frame.subarray(0, end)) !== readU32(frame, end)) {
    throw packError('frame', at, 'the checksum of its bytes', 'another');
  }
}
