/**
 * The index of a pack: a transducer over all keys of the wanted commits' trees, so that names are
 * searched without a block being read. A key is its names joined by NUL, which sorts as keys do:
 * name by name, a key before those below it. The top has no name and is left out; nested buckets'
 * entries are in.
 *
 *     | header | frames of blocks and commits … | frames of the index … | trailer |
 *                                               ^ the trailer says where
 *
 * The index is written in key order with bounded memory. A reader needs the pack's last bytes,
 * which say where it begins, and keeps the index alone in memory. Its bytes are the sender's word:
 * a key that is found there is not proven to be in the tree.
 */
import { compareBytes, concatBytes, EMPTY, equalBytes } from '../ground/bytes.js';
import { badPack, isRegaliaError } from '../ground/errors.js';
import { readU32 } from '../ground/integers.js';
import { INDEX_BYTES_MAX, INDEX_PART_BYTES_MAX, KEY_BYTES_MAX } from '../ground/limits.js';
import { Options, signal } from '../ground/options.js';
import { Pace } from '../ground/pause.js';
import type { Automaton } from '../kernels/automata.js';
import { Fst } from '../kernels/fst.js';
import { FstBuilder } from '../kernels/fst-builder.js';
import type { WalkedRoot } from '../reach/tree-walk.js';
import { type Key, keyText, parseKey } from '../tree/key.js';
import { FIND_KINDS, type FindOptions, keyAutomaton } from '../tree/key-pattern.js';
import { childMapAt, type Spot } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { loadRoot } from '../tree/root.js';
import { walkMap } from '../tree/walk.js';
import {
  decodeTrailer,
  FRAME_HEAD,
  FRAME_TAIL,
  FrameType,
  frameBody,
  TRAILER_FRAME,
  type Trailer,
} from './pack-format.js';

/** Memory for states that are found again. */
const REGISTRY_BYTES = 4 * 1024 * 1024;
const PAUSE_KEYS = 512;
const NUL = 0;
const SLASH = 0x2f;

/** The index of several trees, in parts of about 64 KiB; undefined marks a pause. */
export function* indexParts(
  cache: NodeCache,
  roots: readonly WalkedRoot[],
): Generator<Uint8Array | undefined, void> {
  let parts: Uint8Array[] = [];
  const builder = new FstBuilder((part) => parts.push(part), REGISTRY_BYTES);
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
  const sources = roots.map((root) => treeKeys(cache, root));
  const next = sources.map((keys) => keys.next().value ?? undefined);
  for (;;) {
    let least: Uint8Array | undefined;
    for (const key of next) {
      if (key && (least === undefined || compareBytes(key, least) < 0)) least = key;
    }
    if (least === undefined) return;
    yield least;
    for (const [i, key] of next.entries()) {
      if (key && equalBytes(key, least)) next[i] = sources[i].next().value ?? undefined;
    }
  }
}

/** The keys of a tree in order, without the top. */
function* treeKeys(cache: NodeCache, root: WalkedRoot): Generator<Uint8Array, void> {
  const top = { node: loadRoot(cache, root.id, root.address).node, index: 0 };
  const map = childMapAt(cache, top);
  if (map === undefined) return;
  const inner = (prefix: Uint8Array, { node, index }: Spot): Uint8Array =>
    concatBytes([prefix, node.name(index), Uint8Array.of(NUL)]);
  for (const { spot, parent } of walkMap(cache, map, EMPTY, inner)) {
    // What was moved may be at a key that is longer than any that can be asked for.
    if (parent.length + spot.node.nameLength(spot.index) >= KEY_BYTES_MAX) continue;
    yield concatBytes([parent, spot.node.name(spot.index)]);
  }
}

/** A pack whose bytes are read where they are wanted. */
export interface PackBytes {
  /** The whole length. */
  readonly size: number;
  /** The bytes `offset..offset + length`, all of them. */
  readonly read: (offset: number, length: number) => Uint8Array | Promise<Uint8Array>;
}

/** How the index of a pack is read. */
export interface PackIndexOptions {
  /** The longest index that is read: it is kept in memory; default 256 MiB. */
  readonly bytesMax?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What is looked for in the index of a pack. */
export interface FindInPackOptions extends FindOptions {
  readonly signal?: AbortSignal | undefined;
}

const FIND = new Options<FindInPackOptions>('find', { ...FIND_KINDS, signal });

/** The keys of a pack, searched without the rest being read. */
export class PackIndex {
  readonly #fst: Fst;

  private constructor(fst: Fst) {
    this.#fst = fst;
  }

  /**
   * Reads the index of a pack; undefined where the pack has none. REGALIA_PACK, REGALIA_FORMAT,
   * REGALIA_ABORTED.
   */
  static async read(
    pack: PackBytes,
    { bytesMax = INDEX_BYTES_MAX, signal }: PackIndexOptions,
  ): Promise<PackIndex | undefined> {
    const { indexAt } = await readPackTrailer(pack);
    if (indexAt === 0) return undefined;
    const length = pack.size - TRAILER_FRAME - indexAt;
    if (length < 0 || length > bytesMax) {
      throw badPack('index', indexAt, `at most ${bytesMax} bytes`, `${length}`);
    }
    return new PackIndex(new Fst(await indexBytes(pack, indexAt, length, signal)));
  }

  /** How many keys it has. */
  get size(): number {
    return this.#fst.size;
  }

  /** Whether a key is in it; the top never is. REGALIA_KEY. */
  has(key: Key): boolean {
    const parts: Uint8Array[] = [];
    for (const name of parseKey(key)) parts.push(Uint8Array.of(NUL), name);
    return parts.length > 0 && this.#fst.find(concatBytes(parts.slice(1))) >= 0;
  }

  /**
   * The keys that match a glob, as text and in order: patterns and options are those of a
   * snapshot's `find`. REGALIA_OPTION, REGALIA_RANGE, REGALIA_FORMAT, REGALIA_PACK,
   * REGALIA_ABORTED.
   */
  find(pattern: string, options?: FindInPackOptions): AsyncGenerator<string, void, undefined> {
    const given = FIND.check(options);
    return this.#find(keyAutomaton(pattern, given), given);
  }

  async *#find(
    automaton: Automaton<unknown>,
    { limit = Number.POSITIVE_INFINITY, signal }: FindInPackOptions,
  ): AsyncGenerator<string, void, undefined> {
    const pace = new Pace('the search of a pack', { signal });
    let found = 0;
    for (const key of this.#fst.search(overIndex(automaton))) {
      if (found === limit) return;
      if (pace.due()) await pace.rest();
      if (key === undefined) continue;
      found++;
      yield keyOf(key);
    }
  }
}

/** An automaton over keys as text, as one over keys of the index. */
function overIndex(automaton: Automaton<unknown>): Automaton<unknown> {
  const begun = automaton.step(automaton.start(), SLASH);
  return {
    start: () => begun,
    step: (state, byte) =>
      state === undefined ? undefined : automaton.step(state, byte === NUL ? SLASH : byte),
    accepts: (state) => state !== undefined && automaton.accepts(state),
    ahead: () => EMPTY,
  };
}

/** The text of a key of the index. REGALIA_PACK where it is none: the index is the sender's. */
function keyOf(indexed: Uint8Array): string {
  const names: Uint8Array[] = [];
  for (let start = 0, end = 0; end >= 0; start = end + 1) {
    end = indexed.indexOf(NUL, start);
    names.push(indexed.subarray(start, end < 0 ? undefined : end));
  }
  try {
    return keyText(parseKey(names));
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_KEY')) throw error;
    throw badPack('index', 0, 'keys', error.message);
  }
}

/** The trailer of a pack. REGALIA_PACK, REGALIA_FORMAT. */
async function readPackTrailer({ read, size }: PackBytes): Promise<Trailer> {
  const at = size - TRAILER_FRAME;
  if (at < 0) throw badPack('trailer', size, `${TRAILER_FRAME} bytes`, `${size}`);
  const trailer = decodeTrailer(bodyOf(await read(at, TRAILER_FRAME), at, FrameType.trailer));
  if (trailer.length !== size) throw badPack('trailer', at, `${size} bytes`, `${trailer.length}`);
  return trailer;
}

/** The bodies of the frames of an index, which lie one behind the other and fill its room. */
async function indexBytes(
  { read }: PackBytes,
  start: number,
  length: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const pace = new Pace('the reading of an index', { signal });
  const bytes = new Uint8Array(length);
  const end = start + length;
  let filled = 0;
  for (let at = start; at < end; ) {
    if (pace.due()) await pace.rest();
    const head = await read(at, FRAME_HEAD);
    const body = head.length < FRAME_HEAD ? 0 : readU32(head, 1);
    const whole = FRAME_HEAD + body + FRAME_TAIL;
    if (body > INDEX_PART_BYTES_MAX || at + whole > end) {
      const most = Math.min(INDEX_PART_BYTES_MAX, end - at);
      throw badPack('index', at, `a part of at most ${most} bytes`, `${body}`);
    }
    bytes.set(bodyOf(await read(at, whole), at, FrameType.index), filled);
    filled += body;
    at += whole;
  }
  return bytes.subarray(0, filled);
}

function bodyOf(frame: Uint8Array, at: number, type: FrameType): Uint8Array {
  if (frame[0] !== type) throw badPack('frame', at, `type ${type}`, `${frame[0]}`);
  if (FRAME_HEAD + readU32(frame, 1) + FRAME_TAIL !== frame.length) {
    throw badPack('frame', at, 'its length', 'another');
  }
  return frameBody(frame, at);
}
