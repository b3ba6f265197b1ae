/**
 * Scrubs blocks: everything that a root or a map of moves reaches, each block once, parents first.
 *
 *     reference -> bytes at its id, hashed -> structure -> what the reference promised
 *     -> the block's own references
 *
 * Read past every cache and without a way round: a block that is only found by its address is a
 * fault of the link. The place (names, stream) is worked out when there is a fault to report.
 * Memory is the references of the nodes on the path and what `Seen` keeps. Nothing is recursive:
 * keys may be deep.
 */
import { type Address, addressKey, addressText, verifyBlock } from '../blocks/address.js';
import { AddressIndex } from '../blocks/address-index.js';
import { isChunkId } from '../blocks/chunk-home.js';
import { extentRow, SLOTS } from '../blocks/extent.js';
import { chunkBytes } from '../chunks/chunk.js';
import { isHole, Manifest } from '../chunks/manifest.js';
import type { Engine } from '../engine/engine.js';
import { BLOCK_HEADER, BlockKind, readBlockHeader } from '../ground/block-header.js';
import { isRegaliaError, malformed } from '../ground/errors.js';
import { decodeMap } from '../log/maps.js';
import type { Rules } from '../streams/rule.js';
import { BARE, parseCheckedRoot, parseNode, RULED } from '../sync/block-traits.js';
import { type CheckedNode, checkNode, type Reference } from '../tree/check-node.js';
import type { Node } from '../tree/node.js';
import { CHILD_INLINE, INLINE, inlineChild, readRecord } from '../tree/record.js';
import type { Shapes } from '../tree/shape.js';
import { totalsWithin } from '../tree/totals.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { blockFault, type FaultKind, orMessage, type Place, type Step } from './fault.js';
import { EncodingScrub } from './scrub-encoding.js';
import { LayoutScrub, type RecordFault } from './scrub-layout.js';
import { fingerprintOf, isAsPromised, type Promised, Seen } from './seen.js';
import { isIndexed, isStored, readStoredBlock, type StoredBlock, slotsIn } from './stored-block.js';
import type { Trees } from './trees.js';

/** A block that is referred to, and what is promised of it. */
export interface Wanted extends Promised {
  /** What it is called in messages, and how it is read: a content is a chunk or a manifest. */
  readonly what: 'root' | 'node' | 'metadata' | 'content' | 'manifest' | 'chunk' | 'map';
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
  /** A node's names are above this one. */
  readonly previous?: Uint8Array | undefined;
  /** Whether a manifest is the last of its level, which alone may end anywhere. */
  readonly lastOfLevel?: boolean;
  /** Of metadata and contents: the stream that they are. */
  readonly stream?: string;
}

interface Frame {
  readonly address: Address;
  readonly wanted: readonly Wanted[];
  next: number;
  /** Of a tree: the rules of the bucket that it is in. */
  readonly rules?: Rules | undefined;
  /** Of a manifest: the zero bytes before each child, and behind the last one. */
  readonly holes?: readonly number[];
  /** Of a content whose encoding is checked. */
  encoding?: EncodingScrub | undefined;
  /** What the reference at an index adds to the place of the frames above. */
  readonly place: (index: number) => Spot;
}

type Spot = Pick<Place, 'names' | 'stream'>;

/** What a block costs beside its bytes, in bytes read: it is decoded. */
const BLOCK_COST = 3_072;
/** Faulty blocks that are remembered, so that each is reported once. */
const FAULTY_MAX = 65_536;
const NOWHERE: Spot = { names: [], stream: undefined };

interface ScrubBlocksOptions {
  /** Whether contents outside metadata must be here. */
  readonly contents: boolean;
  readonly chunks?: ChunkStore | undefined;
  /** False: a chunk that the index leads to is not read. */
  readonly readsChunks: boolean;
  /** Keeps what holds buckets. */
  readonly trees: Trees;
}

export class BlockScrub {
  readonly seen = new Seen();
  blocks = 0;
  bytes = 0;
  readonly #engine: Engine;
  readonly #index: AddressIndex;
  readonly #options: ScrubBlocksOptions;
  readonly #faulty = new Set<string>();
  readonly #shapes: Shapes;
  readonly #stack: Frame[] = [];
  #commit: Address | undefined;

  constructor(engine: Engine, options: ScrubBlocksOptions) {
    this.#engine = engine;
    this.#index = new AddressIndex(engine);
    this.#options = options;
    this.#shapes = options.trees.cache.shapes;
  }

  /**
   * All that `wanted` reaches and that was not seen yet; the commit `referrer` names it. Returns
   * what the block is, if it was not seen before.
   */
  *run(wanted: Wanted, referrer: Address): Generator<Step, Promised | undefined> {
    this.#commit = referrer;
    this.#stack.length = 0;
    const found = yield* this.#visit(wanted, referrer);
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      const index = frame.next++;
      frame.encoding?.hole(frame.holes?.[index] ?? 0);
      const next = frame.wanted[index];
      if (next !== undefined) {
        yield* this.#visit(next, frame.address);
        continue;
      }
      this.#stack.pop();
      const { encoding } = frame;
      if (encoding !== this.#stack.at(-1)?.encoding) yield* this.#endEncoding(encoding, frame);
    }
    return found;
  }

  *#visit(wanted: Wanted, referrer: Address): Generator<Step, Promised | undefined> {
    const { address } = wanted;
    const known = this.#seenAs(wanted);
    if (known !== undefined) {
      if (isAsPromised(known, wanted)) return yield* this.#again(wanted);
      const what = `a ${wanted.what} is not what ${addressText(referrer)} promises of it`;
      return yield* this.#report('structure', what, address, false);
    }
    const encoding = this.#encodingOf(wanted);
    if (!this.#options.readsChunks && this.#isKnownChunk(wanted)) {
      encoding?.lost();
      yield BLOCK_COST;
      return undefined;
    }
    const found = yield* this.#fetch(wanted, referrer);
    if (found === undefined) {
      encoding?.lost();
      return undefined;
    }
    const { id, block } = found;
    yield block.bytes.length + BLOCK_COST;
    const frame = orMessage(() => this.#check(wanted, block));
    if (typeof frame === 'string') {
      encoding?.lost();
      return yield* this.#report('structure', frame, address, false);
    }
    this.#keep(frame, id);
    yield* this.#reportRecords(frame);
    this.#enter(frame, encoding, block);
    const slots = isChunkId(id) ? SLOTS : slotsIn(extentRow(this.#engine, id));
    this.seen.add(id, slots, address, frame.fingerprint);
    this.blocks++;
    this.bytes += block.plainLength;
    if (frame.links !== undefined) yield* this.#report('link', frame.links, address, true);
    if (wanted.stream !== undefined && this.#stack.at(-1) !== frame) {
      yield* this.#endEncoding(encoding, wanted);
    }
    return frame.traits;
  }

  /** A block that was seen is read again only where a content's encoding is checked through it. */
  *#again(wanted: Wanted): Generator<Step, undefined> {
    const encoding = this.#stack.at(-1)?.encoding;
    if (encoding === undefined || encoding.isDone) return;
    const { id, address } = wanted;
    const block = id === undefined ? undefined : this.#attempt(id, address);
    if (block === undefined) return encoding.lost();
    yield block.bytes.length;
    this.#enter(this.#check(wanted, block), encoding, block);
  }

  /** The encoding that a block of contents is checked by: of its stream, or of what it is in. */
  #encodingOf({ what, stream }: Wanted): EncodingScrub | undefined {
    const { encoding, rules } = this.#stack.at(-1) ?? {};
    if (stream === undefined) return what === 'chunk' || what === 'manifest' ? encoding : undefined;
    const rule = rules?.ruleOf(stream).encoding ?? 'bytes';
    return rule === 'bytes' ? undefined : new EncodingScrub(rule, stream);
  }

  #enter(frame: Checked, encoding: EncodingScrub | undefined, block: StoredBlock): void {
    frame.encoding = encoding;
    const isManifest = frame.holes !== undefined;
    if (frame.wanted.length > 0 || isManifest) this.#stack.push(frame);
    if (!isManifest) encoding?.push(block.bytes.subarray(BLOCK_HEADER, block.plainLength));
  }

  /** What holds buckets is looked into again: see scrub-buckets.ts. */
  #keep({ address, traits, root }: Checked, id: number): void {
    if (root === undefined || traits.totals?.buckets === 0) return;
    this.#options.trees.keepRoot({ ...root, id, address });
  }

  *#endEncoding(
    encoding: EncodingScrub | undefined,
    { address }: { readonly address: Address },
  ): Generator<Step, void> {
    const fault = encoding?.end();
    if (fault !== undefined) yield* this.#report('encoding', fault, address, false);
  }

  #check(wanted: Wanted, block: StoredBlock): Checked {
    return checkBlock(this.#shapes, wanted, block, this.#stack.at(-1)?.rules);
  }

  /** A block's id, or those that the index leads to where it is unknown. */
  #idsOf({ id, address }: Pick<Wanted, 'id' | 'address'>): number[] {
    return id === undefined ? this.#index.candidates(address) : [id];
  }

  #seenAs(wanted: Wanted): number | undefined {
    for (const id of this.#idsOf(wanted)) {
      const fingerprint = this.seen.fingerprint(id, wanted.address);
      if (fingerprint !== undefined) return fingerprint;
    }
    return undefined;
  }

  #isKnownChunk(wanted: Wanted): boolean {
    const { address } = wanted;
    return this.#idsOf(wanted).some((id) => isChunkId(id) && isIndexed(this.#engine, id, address));
  }

  /** The verified bytes of a block, wherever they are. */
  *#fetch(
    { id, address, what }: Wanted,
    referrer: Address,
  ): Generator<Step, { id: number; block: StoredBlock } | undefined> {
    const unreadable: string[] = [];
    const block = id === undefined ? undefined : this.#attempt(id, address, unreadable);
    for (const copy of unreadable) {
      yield* this.#report('unreadable', `a copy ${copy}`, address, block !== undefined);
    }
    const indexed = id !== undefined && isIndexed(this.#engine, id, address);
    if (id !== undefined && block !== undefined) {
      for (const fault of block.faults) {
        yield* this.#report('corrupt', `a copy ${fault}`, address, true);
      }
      if (!indexed) yield* this.#report('index', `the index lacks ${what} ${id}`, address, true);
      return { id, block };
    }
    const candidates = this.#candidates(address);
    for (const other of candidates) {
      const sound = other === id ? undefined : this.#attempt(other, address, unreadable);
      if (sound === undefined) continue;
      // Nobody knows yet what is at the id itself.
      if (unreadable.length > 0) return { id: other, block: sound };
      if (indexed) {
        const text = `${what} ${id} is damaged, and ${other} is not`;
        yield* this.#report('corrupt', text, address, true);
      } else if (id !== undefined) {
        const text = `${addressText(address)} is at ${other}, not at ${id} as a link says`;
        yield* this.#report('link', text, referrer, true);
      }
      return { id: other, block: sound };
    }
    const [first] = unreadable;
    if (first !== undefined) {
      yield* this.#report('unreadable', `${what} ${first}`, address, false);
    } else yield* this.#lost(what, id, address, indexed || candidates.length > 0);
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
    const name = `${what} ${id ?? addressText(address)}`;
    const stored = this.#idsOf({ id, address }).some((one) => isStored(this.#engine, one));
    if (here && stored) yield* this.#report('corrupt', `${name} is damaged`, address, false);
    else yield* this.#report('missing', `${name} is not here`, address, false);
  }

  /**
   * The block at that id, if it hashes to that address; of a chunk every copy is read. Copies that
   * cannot be read now are added to `unreadable`.
   */
  #attempt(id: number, address: Address, unreadable: string[] = []): SoundBlock | undefined {
    try {
      if (isChunkId(id)) {
        const scrubbed = this.#options.chunks?.scrub(id, address);
        unreadable.push(...(scrubbed?.unreadable ?? []));
        const { block: bytes, faults = [] } = scrubbed ?? {};
        return bytes && { bytes, plainLength: bytes.length, faults };
      }
      const block = readStoredBlock(this.#engine, id);
      verifyBlock(address, block.bytes.subarray(0, block.plainLength), 'block');
      return { ...block, faults: [] };
    } catch (error) {
      if (isRegaliaError(error) && UNSOUND.includes(error.code)) return undefined;
      throw error;
    }
  }

  *#reportRecords({ address, faults }: Checked): Generator<Step, void> {
    for (const { kind, what, ...within } of faults) {
      yield* this.#report(kind, what, address, false, within);
    }
  }

  /** A fault at the place at hand, or below it; once for each block and kind. */
  *#report(
    kind: FaultKind,
    what: string,
    address: Address,
    repairable: boolean,
    within: Pick<Place, 'names' | 'stream'> = NOWHERE,
  ): Generator<Step, undefined> {
    const key = `${kind} ${addressKey(address)}`;
    if (this.#faulty.has(key)) return;
    if (this.#faulty.size < FAULTY_MAX) this.#faulty.add(key);
    const { names = [], stream } = this.#place();
    const place = {
      address,
      names: [...names, ...(within.names ?? [])],
      stream: within.stream ?? stream,
      commit: this.#commit,
    };
    yield blockFault(kind, what, place, repairable);
  }

  #place(): Spot {
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
}

/** A block whose bytes are right; of a chunk also what is wrong with copies of it. */
interface SoundBlock extends StoredBlock {
  readonly faults: readonly string[];
}

const UNSOUND = ['REGALIA_MISSING', 'REGALIA_CORRUPT', 'REGALIA_FORMAT'];

/** A block that was checked: its references, and what is wrong with its links. */
interface Checked extends Frame {
  readonly fingerprint: number;
  readonly traits: Promised;
  readonly links: string | undefined;
  /** What is wrong with its records. */
  readonly faults: readonly RecordFault[];
  readonly root?: ReturnType<typeof parseCheckedRoot>['root'];
}

function checkBlock(
  shapes: Shapes,
  wanted: Wanted,
  block: StoredBlock,
  rules: Rules | undefined,
): Checked {
  const checked = checkedAlone(shapes, wanted, block, rules);
  if (isAsPromised(checked.fingerprint, wanted)) return checked;
  throw malformed(wanted.what, 0, 'what the reference to it promises', 'something else');
}

function checkedAlone(
  shapes: Shapes,
  wanted: Wanted,
  block: StoredBlock,
  rules: Rules | undefined,
): Checked {
  const { address, what } = wanted;
  const plain = block.bytes.subarray(0, block.plainLength);
  switch (what) {
    case 'root':
      return checkRootBlock(shapes, address, block);
    case 'node':
      return checkNodeBlock(shapes, wanted, block, rules);
    case 'metadata':
      readBlockHeader(plain, 'metadata', BlockKind.metadata);
      return leaf(address, { kind: BlockKind.metadata, length: plain.length - BLOCK_HEADER });
    case 'map': {
      const { next } = decodeMap(plain);
      const map = { what: 'map', kind: BlockKind.map, id: undefined } as const;
      const refs = next === undefined ? [] : [{ ...map, address: next }];
      return { ...leaf(address, { kind: BlockKind.map }), wanted: refs };
    }
    default:
      if (plain[0] === BlockKind.manifest && what !== 'chunk') return checkManifest(wanted, block);
      return leaf(address, { kind: BlockKind.chunk, length: chunkBytes(plain).length });
  }
}

function leaf(address: Address, traits: Promised): Checked {
  const place = (): typeof NOWHERE => NOWHERE;
  const fingerprint = fingerprintOf(traits);
  const links = undefined;
  return { address, wanted: [], next: 0, place, fingerprint, traits, links, faults: [] };
}

function checkRootBlock(
  shapes: Shapes,
  address: Address,
  { bytes, plainLength }: StoredBlock,
): Checked {
  let layout: LayoutScrub | undefined;
  const { root, rules, checked } = parseCheckedRoot(shapes, bytes, plainLength, (rules) => {
    layout = rules && new LayoutScrub(rules);
    return layout;
  });
  checkAlgorithm('root', root.algorithm, address);
  const level = rules === undefined ? BARE : RULED;
  const traits = { kind: BlockKind.root, level, totals: totalsWithin(checked.totals) };
  return { ...treeFrame(address, root.node, checked, traits, rules, layout), root };
}

function checkNodeBlock(
  shapes: Shapes,
  { address, previous }: Wanted,
  block: StoredBlock,
  rules: Rules | undefined,
): Checked {
  const node = parseNode(shapes, block.bytes, block.plainLength);
  checkAlgorithm('node', node.algorithm, address);
  const layout = rules && new LayoutScrub(rules);
  const checked = checkNode(node, layout);
  if (previous !== undefined && Buffer.compare(previous, node.name(0)) >= 0) {
    throw malformed('node', 0, 'names above those of the node before it', 'one that is not');
  }
  const { level } = node;
  const last = node.name(node.count - 1);
  const traits = { kind: BlockKind.node, level, totals: checked.totals, last };
  return treeFrame(address, node, checked, traits, rules, layout);
}

function treeFrame(
  address: Address,
  node: Node,
  checked: CheckedNode,
  traits: Promised,
  rules: Rules | undefined,
  layout: LayoutScrub | undefined,
): Checked {
  const { references } = checked;
  return {
    address,
    wanted: references.map((reference, i) => wantedOf(reference, node.link(i))),
    next: 0,
    place: (index) => locate(node, checked, index),
    fingerprint: fingerprintOf(traits),
    traits,
    links: faultOfLinks(node, checked),
    faults: layout?.faults ?? [],
    rules,
    encoding: undefined,
  };
}

function wantedOf(reference: Reference, id: number | undefined): Wanted {
  const { kind, address } = reference;
  if (kind === 'node') {
    const { level, totals, last, previous } = reference;
    return { what: kind, kind: BlockKind.node, address, id, level, totals, last, previous };
  }
  if (kind === 'root') {
    const { totals } = reference;
    return { what: kind, kind: BlockKind.root, level: RULED, address, id, totals };
  }
  const { length, stream } = reference;
  if (kind === 'content') return { what: kind, address, id, length, stream, lastOfLevel: true };
  return { what: kind, kind: BlockKind.metadata, address, id, length, stream };
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
  checkAlgorithm('manifest', manifest.algorithm, address);
  if (what === 'content' && !manifest.canBeTop) {
    throw malformed('manifest', 0, 'more than a single child at the top', 'one');
  }
  if (lastOfLevel !== true && !manifest.ended) {
    throw malformed('manifest', 0, 'an end at which a node ends', 'another');
  }
  const isChunks = level === 1;
  const shared = isChunks
    ? ({ what: 'chunk', kind: BlockKind.chunk } as const)
    : ({ what: 'manifest', kind: BlockKind.manifest, level: level - 1 } as const);
  const children: Wanted[] = [];
  const holes: number[] = [];
  for (let i = 0; i < count; i++) {
    const child = manifest.part(i);
    const last = lastOfLevel === true && i === count - 1;
    if (isHole(child)) holes[children.length] = child.length;
    else children.push({ ...shared, ...child, lastOfLevel: last });
  }
  const links = bytes.length - plainLength;
  const torn = links !== 0 && links !== 6 * count;
  return {
    ...leaf(address, { kind: BlockKind.manifest, level, length }),
    wanted: children,
    holes,
    links: torn ? `a manifest has ${links} bytes of links instead of ${6 * count}` : undefined,
  };
}

function checkAlgorithm(what: string, actual: number, address: Address): void {
  const expected = address[0] as number;
  if (actual !== expected) throw malformed(what, 2, `algorithm ${expected}`, `${actual}`);
}

/**
 * The names and the stream of the reference at `index` of a node that was checked, below the node's
 * map. For the message of a fault, so it is worked out when there is one.
 */
function locate(node: Node, { firstLinks }: CheckedNode, index: number): Spot {
  const names: Uint8Array[] = [];
  // An inner node's child adds no name.
  if (node.level > 0) return { names, stream: undefined };
  let map = node;
  let first: ArrayLike<number> = firstLinks;
  let rest = index;
  for (;;) {
    const record = recordOf(first, map.count, rest);
    const name = map.name(record);
    if (name.length > 0) names.push(name);
    rest -= first[record] as number;
    const { shape, streams, child } = readRecord(map, record);
    for (let i = 0; i < streams.length; i++) {
      if (streams[i]?.form === INLINE) continue;
      if (rest-- === 0) return { names, stream: shape.names[i] };
    }
    if (child.form !== CHILD_INLINE) return { names, stream: undefined };
    map = inlineChild(map, record, child);
    first = map.inlineLinks as Uint16Array;
  }
}

/** The record whose links `index` is among: an empty one shares the first of the next. */
function recordOf(first: ArrayLike<number>, count: number, index: number): number {
  let record = 0;
  for (let i = 0; i < count; i++) if ((first[i] as number) <= index) record = i;
  return record;
}
