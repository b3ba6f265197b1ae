/**
 * Scrubs blocks: everything that a root or a list of moves reaches, each block once, parents first.
 *
 *     reference -> bytes at its id, hashed -> structure -> what the reference promised -> the block's own references
 *
 * Read past every cache and without a way round: a block that is only found by its address is a
 * fault of the link. The place (names, stream) is worked out when there is a fault to tell. Memory
 * is the references of the nodes on the path and what `Seen` keeps. Nothing is recursive: keys may
 * be deep.
 */

import { type Address, addressKey, addressText, verifyBlock } from '../blocks/address.js';
import { AddressIndex } from '../blocks/address-index.js';
import { isChunkId } from '../blocks/chunk-home.js';
import { extentRow, SLOTS } from '../blocks/extent.js';
import { chunkBytes } from '../chunks/chunk.js';
import { isHole, Manifest } from '../chunks/manifest.js';
import type { Engine } from '../engine/engine.js';
import { BLOCK_HEADER, BlockKind, readBlockHeader } from '../ground/block-header.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import { decodeMoves } from '../log/moves.js';
import { decodeRules } from '../streams/rule.js';
import { type CheckedNode, checkNode, checkRoot, type Reference } from '../tree/check-node.js';
import { Node, offsetsNeeded } from '../tree/node.js';
import { readNodeHeader } from '../tree/node-header.js';
import { parseRoot } from '../tree/root.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { blockFault, type FaultKind, type Place, type Step, tellOf } from './fault.js';
import { locate } from './locate.js';
import { Seen } from './seen.js';
import { isIndexed, isStored, readStoredBlock, type StoredBlock } from './stored-block.js';
import { keeps, type Promised, type Traits, traitsNumber } from './traits.js';

/** A block that is referred to, and what is promised of it. */
export interface Wanted extends Promised {
  /** What it is called in messages, and how it is read: a content is a chunk or a manifest. */
  readonly what: 'root' | 'node' | 'metadata' | 'content' | 'manifest' | 'chunk' | 'moves';
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
  /** A node's names are above this one. */
  readonly previous?: Uint8Array | undefined;
  /** Whether a manifest is the last of its level, which alone may end anywhere. */
  readonly lastOfLevel?: boolean;
}

/** A block whose references are under way. */
interface Frame {
  readonly address: Address;
  readonly wanted: readonly Wanted[];
  next: number;
  /** The names and the stream that the reference at an index adds to those of the frames above. */
  readonly place: (index: number) => Pick<Place, 'names' | 'stream'>;
}

/** What a block costs beside its bytes, in bytes read: it is taken apart. */
const BLOCK_COST = 3_072;
/** Faulty blocks that are remembered, so that each is told once. */
const FAULTY_MAX = 65_536;
const NOWHERE: Pick<Place, 'names' | 'stream'> = { names: [], stream: undefined };

export interface ScrubBlocksOptions {
  /** Whether contents outside metadata must be here. */
  readonly contents: boolean;
  readonly chunks?: ChunkStore | undefined;
  /** False: a chunk that the index leads to is not read. */
  readonly readsChunks: boolean;
}

export class BlockScrub {
  readonly seen = new Seen();
  blocks = 0;
  bytes = 0;
  readonly #engine: Engine;
  readonly #index: AddressIndex;
  readonly #options: ScrubBlocksOptions;
  readonly #faulty = new Set<string>();
  readonly #stack: Frame[] = [];
  #commit: Address | undefined;

  constructor(engine: Engine, options: ScrubBlocksOptions) {
    this.#engine = engine;
    this.#index = new AddressIndex(engine);
    this.#options = options;
  }

  /**
   * All that `wanted` reaches and that was not seen yet. `referrer` is the commit that names it.
   */
  *run(wanted: Wanted, referrer: Address): Generator<Step, void> {
    this.#commit = referrer;
    this.#stack.length = 0;
    yield* this.#visit(wanted, referrer);
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      const next = frame.wanted[frame.next++];
      if (next === undefined) this.#stack.pop();
      else yield* this.#visit(next, frame.address);
    }
  }

  *#visit(wanted: Wanted, referrer: Address): Generator<Step, void> {
    const { address } = wanted;
    const known = this.#seenAs(wanted);
    if (known !== undefined) {
      if (keeps(known, wanted)) return;
      const what = `a ${wanted.what} is not what ${addressText(referrer)} promises of it`;
      return yield* this.#tell('structure', what, address, false);
    }
    if (!this.#options.readsChunks && this.#isKnownChunk(wanted)) return yield BLOCK_COST;
    const found = yield* this.#fetch(wanted, referrer);
    if (found === undefined) return;
    yield found.block.bytes.length + BLOCK_COST;
    try {
      const frame = this.#check(wanted, found.block);
      if (frame.wanted.length > 0) this.#stack.push(frame);
      this.seen.add(found.id, this.#slots(found.id), address, frame.traits);
      this.blocks++;
      this.bytes += found.block.plainLength;
      if (frame.links !== undefined) yield* this.#tell('link', frame.links, address, true);
    } catch (error) {
      yield* this.#tell('structure', tellOf(error), address, false);
    }
  }

  /**
   * The traits of a block that was seen before: at its id, or wherever the index says where the id
   * is unknown.
   */
  #seenAs({ id, address }: Wanted): number | undefined {
    if (id !== undefined) return this.seen.traits(id, address);
    for (const candidate of this.#index.candidates(address)) {
      const traits = this.seen.traits(candidate, address);
      if (traits !== undefined) return traits;
    }
    return undefined;
  }

  /**
   * Whether rows lead to a chunk: at the id, or wherever the index says where the id is unknown.
   */
  #isKnownChunk({ id, address }: Wanted): boolean {
    const ids = id === undefined ? this.#index.candidates(address) : [id];
    return ids.some((one) => isChunkId(one) && isIndexed(this.#engine, one, address));
  }

  #slots(id: number): number {
    if (isChunkId(id)) return SLOTS;
    const row = extentRow(this.#engine, id);
    return row === undefined ? 0 : (row[0] as number) | ((row[1] as number) << 8);
  }

  /** The verified bytes of a block, wherever they are. */
  *#fetch(
    { id, address, what }: Wanted,
    referrer: Address,
  ): Generator<Step, { id: number; block: StoredBlock } | undefined> {
    const block = id === undefined ? undefined : yield* this.#attemptChunk(id, address);
    const indexed = id !== undefined && isIndexed(this.#engine, id, address);
    if (id !== undefined && block !== undefined) {
      if (!indexed) yield* this.#tell('index', `the index lacks ${what} ${id}`, address, true);
      return { id, block };
    }
    const candidates = this.#candidates(address);
    for (const other of candidates) {
      const sound = other === id ? undefined : this.#attempt(other, address);
      if (sound === undefined) continue;
      if (indexed) {
        yield* this.#tell(
          'corrupt',
          `${what} ${id} is damaged, and ${other} is not`,
          address,
          true,
        );
      } else if (id !== undefined) {
        const text = `${addressText(address)} is at ${other}, not at ${id} as a link says`;
        yield* this.#tell('link', text, referrer, true);
      }
      return { id: other, block: sound };
    }
    yield* this.#lost(what, id, address, indexed || candidates.length > 0);
    return undefined;
  }

  /** The ids that may be the block, those that others have written since included. */
  #candidates(address: Address): number[] {
    const found = this.#index.candidates(address);
    if (found.length > 0) return found;
    this.#index.refresh();
    return this.#index.candidates(address);
  }

  *#lost(
    what: Wanted['what'],
    id: number | undefined,
    address: Address,
    here: boolean,
  ): Generator<Step, void> {
    const isContent = what === 'content' || what === 'chunk' || what === 'manifest';
    if (!here && id === undefined && isContent && !this.#options.contents) return;
    const known = id !== undefined ? [id] : this.#index.candidates(address);
    const name = id === undefined ? `${what} ${addressText(address)}` : `${what} ${id}`;
    const stored = known.some((one) => isStored(this.#engine, one));
    if (here && stored) yield* this.#tell('corrupt', `${name} is damaged`, address, false);
    else yield* this.#tell('missing', `${name} is not here`, address, false);
  }

  /** The same; of a chunk every copy is read, and those that fail are told. */
  *#attemptChunk(id: number, address: Address): Generator<Step, StoredBlock | undefined> {
    const { chunks } = this.#options;
    if (!isChunkId(id) || chunks === undefined) return this.#attempt(id, address);
    const { block, faults } = chunks.scrub(id, address);
    if (block === undefined) return undefined;
    for (const fault of faults) yield* this.#tell('corrupt', `a copy ${fault}`, address, true);
    return { bytes: block, plainLength: block.length };
  }

  /** The block at that id, if it hashes to that address. */
  #attempt(id: number, address: Address): StoredBlock | undefined {
    try {
      if (isChunkId(id)) return this.#chunkAt(id, address);
      const block = readStoredBlock(this.#engine, id);
      verifyBlock(address, block.bytes.subarray(0, block.plainLength), 'block');
      return block;
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
      if (['REGALIA_MISSING', 'REGALIA_CORRUPT', 'REGALIA_FORMAT'].includes(error.code)) {
        return undefined;
      }
      throw error;
    }
  }

  #chunkAt(id: number, address: Address): StoredBlock | undefined {
    const bytes = this.#options.chunks?.scrub(id, address).block;
    return bytes && { bytes, plainLength: bytes.length };
  }

  /** Tells a fault at the place at hand, once for each block and kind. */
  *#tell(
    kind: FaultKind,
    what: string,
    address: Address,
    repairable: boolean,
  ): Generator<Step, void> {
    const key = `${kind} ${addressKey(address)}`;
    if (this.#faulty.has(key)) return;
    if (this.#faulty.size < FAULTY_MAX) this.#faulty.add(key);
    yield blockFault(kind, what, { address, ...this.#place(), commit: this.#commit }, repairable);
  }

  #place(): Pick<Place, 'names' | 'stream'> {
    const names: Uint8Array[] = [];
    let stream: string | undefined;
    for (const frame of this.#stack) {
      const index = Math.min(frame.next, frame.wanted.length) - 1;
      const place = index < 0 ? NOWHERE : frame.place(index);
      names.push(...(place.names ?? []));
      stream = place.stream ?? stream;
    }
    return { names, stream };
  }

  /** Checks a block in itself and against what was promised; what it refers to is the result. */
  #check(wanted: Wanted, block: StoredBlock): Checked {
    const plain = block.bytes.subarray(0, block.plainLength);
    const checked = checkBlock(wanted, block, plain);
    if (!keeps(checked.traits, wanted)) {
      throw contradiction(`a ${wanted.what} is not what the reference to it promises`);
    }
    return checked;
  }
}

/**
 * A block that was checked: a frame of its references, its traits, and what is wrong with its
 * links.
 */
interface Checked extends Frame {
  readonly traits: number;
  readonly links: string | undefined;
}

function checkBlock(wanted: Wanted, block: StoredBlock, plain: Uint8Array): Checked {
  const { address, what } = wanted;
  switch (what) {
    case 'root':
      return checkRootBlock(address, block);
    case 'node':
      return checkNodeBlock(wanted, block);
    case 'metadata':
      readBlockHeader(plain, 'metadata', BlockKind.metadata);
      return leaf(address, { kind: BlockKind.metadata, length: plain.length - BLOCK_HEADER });
    case 'moves': {
      const { next } = decodeMoves(plain);
      const moves = { what: 'moves', kind: BlockKind.moves, id: undefined } as const;
      const refs = next === undefined ? [] : [{ ...moves, address: next }];
      return { ...leaf(address, { kind: BlockKind.moves }), wanted: refs };
    }
    default:
      if (plain[0] === BlockKind.manifest && what !== 'chunk') return checkManifest(wanted, block);
      return leaf(address, { kind: BlockKind.chunk, length: chunkBytes(plain).length });
  }
}

function leaf(address: Address, traits: Traits): Checked {
  const place = (): typeof NOWHERE => NOWHERE;
  return { address, wanted: [], next: 0, place, traits: traitsNumber(traits), links: undefined };
}

function checkRootBlock(address: Address, { bytes, plainLength }: StoredBlock): Checked {
  const root = parseRoot(bytes, plainLength);
  if (root.algorithm !== address[0]) throw contradiction('a root names another algorithm');
  // Heads are trees without rules.
  if (root.rules.length > 0) decodeRules(root.rules);
  const checked = checkRoot(root);
  // The bucket's own entry is the one that holds it: it counts once.
  const totals = { ...checked.totals, entries: checked.totals.entries - 1 };
  return treeFrame(address, root.node, checked, { kind: BlockKind.root, totals });
}

function checkNodeBlock({ address, previous }: Wanted, block: StoredBlock): Checked {
  const { bytes, plainLength } = block;
  const header = readNodeHeader(bytes, 0, plainLength);
  if (header.algorithm !== address[0]) throw contradiction('a node names another algorithm');
  const offsets = new Uint16Array(offsetsNeeded(bytes, 0));
  const source = { bytes, start: 0, plainEnd: plainLength, end: bytes.length, depth: 0 };
  const node = new Node({ ...source, ...header, id: undefined }, offsets, 0);
  const checked = checkNode(node);
  if (previous !== undefined && Buffer.compare(previous, node.name(0)) >= 0) {
    throw contradiction('a node holds names that belong to the one before it');
  }
  const { level } = header;
  const traits = { kind: BlockKind.node, level, totals: checked.totals };
  return treeFrame(address, node, checked, { ...traits, last: node.name(node.count - 1) });
}

function treeFrame(address: Address, node: Node, checked: CheckedNode, traits: Traits): Checked {
  const { references } = checked;
  return {
    address,
    wanted: references.map((reference, i) => wantedOf(reference, node.link(i))),
    next: 0,
    place: (index) => locate(node, checked, index),
    traits: traitsNumber(traits),
    links: faultOfLinks(node, checked),
  };
}

function wantedOf(reference: Reference, id: number | undefined): Wanted {
  const { kind, address } = reference;
  if (kind === 'node') {
    const { level, totals, last, previous } = reference;
    return { what: kind, kind: BlockKind.node, address, id, level, totals, last, previous };
  }
  if (kind === 'root') {
    return { what: kind, kind: BlockKind.root, address, id, totals: reference.totals };
  }
  const { length } = reference;
  if (kind === 'metadata') return { what: kind, kind: BlockKind.metadata, address, id, length };
  return { what: kind, address, id, length, lastOfLevel: true };
}

/** What is wrong with a node's links as a whole: they are absent, or one for each reference. */
function faultOfLinks(node: Node, { references, firstLinks }: CheckedNode): string | undefined {
  const length = node.end - node.plainEnd;
  if (length === 0) return undefined;
  const expected = 6 * references.length + 2 * firstLinks.length;
  if (length !== expected) return `a node has ${length} bytes of links instead of ${expected}`;
  const wrong = firstLinks.findIndex((first, i) => node.firstLink(i) !== first);
  return wrong < 0 ? undefined : `the links of record ${wrong} begin elsewhere`;
}

function checkManifest(wanted: Wanted, { bytes, plainLength }: StoredBlock): Checked {
  const { address, lastOfLevel, what } = wanted;
  const manifest = new Manifest(bytes, plainLength);
  const { level, count, length } = manifest;
  if (manifest.algorithm !== address[0]) throw contradiction('a manifest names another algorithm');
  if (what === 'content' && !manifest.canBeTop)
    throw contradiction('a top manifest has a single child');
  if (lastOfLevel !== true && !manifest.ended) {
    throw contradiction('a manifest ends where none does');
  }
  const isChunks = level === 1;
  const shared = isChunks
    ? ({ what: 'chunk', kind: BlockKind.chunk } as const)
    : ({ what: 'manifest', kind: BlockKind.manifest, level: level - 1 } as const);
  const children: Wanted[] = [];
  for (let i = 0; i < count; i++) {
    const child = manifest.part(i);
    const last = lastOfLevel === true && i === count - 1;
    if (!isHole(child)) children.push({ ...shared, ...child, lastOfLevel: last });
  }
  const links = bytes.length - plainLength;
  const torn = links !== 0 && links !== 6 * count;
  return {
    ...leaf(address, { kind: BlockKind.manifest, level, length }),
    wanted: children,
    links: torn ? `a manifest has ${links} bytes of links instead of ${6 * count}` : undefined,
  };
}

function contradiction(what: string): RegaliaError {
  const data = { what: 'block', at: 0, expected: 'what refers to it to be right', actual: what };
  return new RegaliaError('REGALIA_FORMAT', what, data);
}
