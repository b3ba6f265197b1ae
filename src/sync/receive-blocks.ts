/**
 * Takes in blocks that others made: each is checked in itself and against what it names, given the local ids of what
 * it names, and staged. Children come first, so everything a block names is known when it comes: told lately, or here.
 *
 * A block that nothing has named yet is pending. In an honest pack these are the siblings along one path; at the end
 * there are none. So nothing is kept that no commit leads to, and no more is remembered than blocks staged lately.
 */
import {
  type Address,
  type AlgorithmNumber,
  addressKey,
  addressOf,
  addressText,
  algorithmName,
  BLOCK_HEADER,
  BLOCK_VERSION,
  BlockKind,
} from '../blocks/address.js';
import type { Blocks, BlockWriter } from '../blocks/blocks.js';
import { BodyWriter } from '../blocks/body.js';
import { EMPTY } from '../bytes.js';
import { decodeManifest, linkManifest, type Manifest } from '../chunks/manifest.js';
import { pieceBytes } from '../chunks/piece.js';
import { isRegaliaError, RegaliaError } from '../errors.js';
import { decodeMoves } from '../log/moves.js';
import { decodeRules } from '../streams/rule.js';
import {
  type CheckedNode,
  checkNode,
  checkRoot,
  linkNode,
  type Reference,
  sameTotals,
} from '../tree/check-node.js';
import { measured } from '../tree/items.js';
import { Node, offsetsNeeded, type Totals } from '../tree/node.js';
import { readNodeHeader } from '../tree/node-header.js';
import { measure } from '../tree/record.js';
import { parseRoot } from '../tree/root.js';

/** Blocks that nothing has named yet: more than any honest pack has. */
const PENDING_MAX = 262_144;
/** Blocks here, outside the pack, that are remembered. */
const HERE_MAX = 16_384;

/** What a block is, as far as those that name it must agree. */
interface Known {
  readonly id: number;
  readonly kind: BlockKind;
  /** Of a node or manifest. */
  readonly level: number;
  /** Logical bytes of a content or a metadata block. */
  readonly length: number;
  /** Of a node or root. */
  readonly totals: Readonly<Totals>;
  /** A node's first and last name. */
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  /** Whether a manifest, and the last ones beneath it, end where nodes end. */
  readonly ended: boolean;
}

type Traits = Omit<Known, 'id'>;

const NOTHING: Readonly<Totals> = { entries: 0, buckets: 0, inlineBytes: 0, referencedBytes: 0 };
const PLAIN_TRAITS = {
  level: 0,
  length: 0,
  totals: NOTHING,
  first: EMPTY,
  last: EMPTY,
  ended: true,
};

export interface ReceiverOptions {
  /** Whether contents outside metadata must be known; else they may be missing. */
  readonly contents: boolean;
}

export class BlockReceiver {
  readonly #blocks: Blocks;
  readonly #writer: BlockWriter;
  readonly #options: ReceiverOptions;
  readonly #body = new BodyWriter();
  readonly #pending = new Set<string>();
  /** Blocks staged since the last write, those since the one before it, and blocks that were here. */
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  readonly #here = new Map<string, Known>();
  /** Look-ups in the store: what takes time. */
  lookups = 0;
  /** Blocks that were new here. */
  stored = 0;

  constructor(blocks: Blocks, writer: BlockWriter, options: ReceiverOptions) {
    this.#blocks = blocks;
    this.#writer = writer;
    this.#options = options;
  }

  /** Blocks that nothing has named yet. */
  *pending(): Generator<Address, void> {
    for (const key of this.#pending) yield new Uint8Array(Buffer.from(key, 'latin1'));
  }

  /** Whether enough is staged that it had better be written. */
  get heavy(): boolean {
    return this.#writer.heavy || this.#young.size >= HERE_MAX;
  }

  /** What was staged has been written: from now on it is found in the store. */
  settled(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** Takes up a block that was pending when an earlier run stopped. False where it is not here. */
  restore(address: Address): boolean {
    if (this.#find(address) === undefined) return false;
    this.#pending.add(addressKey(address));
    return true;
  }

  /** Checks and stages a block; one that is here is passed over. REGALIA_FORMAT, REGALIA_VERSION, REGALIA_KEY. */
  receive(plain: Uint8Array): void {
    const algorithm = headerAlgorithm(plain);
    const address = addressOf(algorithm, plain);
    const key = addressKey(address);
    if (this.#pending.has(key) || this.#find(address) !== undefined) {
      this.#release(plain);
      return;
    }
    const known = this.#stage(plain, address);
    this.#young.set(key, known);
    this.stored++;
    if (this.#pending.size >= PENDING_MAX) {
      throw refused(`at most ${PENDING_MAX} blocks that nothing names yet`, 'more');
    }
    this.#pending.add(key);
  }

  /** A block that was here before may name blocks that were not: contents that came later. */
  #release(plain: Uint8Array): void {
    if (this.#pending.size === 0) return;
    const isPending = (address: Address): boolean => this.#pending.has(addressKey(address));
    const kind = plain[0] as BlockKind;
    if (kind === BlockKind.node || kind === BlockKind.root) {
      const isNode = kind === BlockKind.node;
      const { references } = isNode
        ? checkNode(parseNode(plain))
        : checkRoot(parseRoot(plain, plain.length));
      for (const one of references) if (isPending(one.address)) this.#idOf(one);
    } else if (kind === BlockKind.manifest) {
      const manifest = decodeManifest(plain);
      for (let i = 0; i < manifest.count; i++) {
        if (isPending(manifest.address(i))) this.#childOf(manifest, i);
      }
    } else if (kind === BlockKind.moves) {
      const { next } = decodeMoves(plain);
      if (next !== undefined && isPending(next)) this.take(next, BlockKind.moves);
    }
  }

  /** The id of a block that a commit names. Faults as `receive`. */
  take(address: Address, kind: BlockKind): number {
    const known = this.#resolve(address);
    if (known === undefined) throw absent(address);
    if (known.kind !== kind) throw contradiction(address, `kind ${kind}`, `kind ${known.kind}`);
    return known.id;
  }

  /** What is known of a block; it is not pending any more. */
  #resolve(address: Address): Known | undefined {
    this.#pending.delete(addressKey(address));
    return this.#find(address);
  }

  #find(address: Address): Known | undefined {
    const key = addressKey(address);
    return this.#young.get(key) ?? this.#old.get(key) ?? this.#findHere(address, key);
  }

  /** A block of the store, verified. */
  #findHere(address: Address, key: string): Known | undefined {
    const held = this.#here.get(key);
    if (held !== undefined) return held;
    const [id] = this.#blocks.index.candidates(address);
    this.lookups++;
    if (id === undefined) return undefined;
    const plain = this.#read(id, address);
    if (plain === undefined) return undefined;
    const known = { id, ...this.#traits(plain) };
    if (this.#here.size >= HERE_MAX) {
      for (const oldest of this.#here.keys()) {
        this.#here.delete(oldest);
        break;
      }
    }
    this.#here.set(key, known);
    return known;
  }

  #read(id: number, address: Address): Uint8Array | undefined {
    try {
      const { bytes, start, plainLength } = this.#blocks.read(id, address, 'block');
      // What is looked up next spoils the view.
      return bytes.slice(start, start + plainLength);
    } catch (error) {
      if (isRegaliaError(error, 'REGALIA_MISSING') || isRegaliaError(error, 'REGALIA_CORRUPT')) {
        return undefined;
      }
      throw error;
    }
  }

  /** What a block that is here promises. It was checked when it came. */
  #traits(plain: Uint8Array): Traits {
    const kind = plain[0] as BlockKind;
    if (kind === BlockKind.node) return nodeTraits(parseNode(plain));
    if (kind === BlockKind.root) {
      const { totals } = checkRoot(parseRoot(plain, plain.length));
      return { ...PLAIN_TRAITS, kind, totals };
    }
    if (kind === BlockKind.manifest) return this.#manifestTraits(plain);
    return { ...PLAIN_TRAITS, kind, length: plain.length - BLOCK_HEADER };
  }

  #manifestTraits(plain: Uint8Array): Traits {
    const manifest = decodeManifest(plain);
    const { level, length, ended, count } = manifest;
    const last = level > 1 ? this.#find(manifest.address(count - 1)) : undefined;
    const kind = BlockKind.manifest;
    return { ...PLAIN_TRAITS, kind, level, length, ended: ended && (last?.ended ?? true) };
  }

  #stage(plain: Uint8Array, address: Address): Known {
    const body = this.#body;
    body.reset();
    body.all(plain);
    const traits = this.#admit(plain, body);
    return { id: this.#writer.put(body, plain.length, address), ...traits };
  }

  /** Checks a new block and appends its links to `body`. */
  #admit(plain: Uint8Array, body: BodyWriter): Traits {
    const kind = plain[0] as BlockKind;
    switch (kind) {
      case BlockKind.node: {
        const node = parseNode(plain);
        const checked = checkNode(node);
        linkNode(body, node.level, checked, this.#idsOf(checked));
        return nodeTraits(node, checked.totals);
      }
      case BlockKind.root: {
        const root = parseRoot(plain, plain.length);
        // Heads are trees without rules.
        if (root.rules.length > 0) decodeRules(root.rules);
        const checked = checkRoot(root);
        linkNode(body, 0, checked, this.#idsOf(checked));
        return { ...PLAIN_TRAITS, kind, totals: checked.totals };
      }
      case BlockKind.manifest:
        return this.#admitManifest(plain, body);
      case BlockKind.piece:
        return { ...PLAIN_TRAITS, kind, length: pieceBytes(plain).length };
      case BlockKind.metadata:
        return { ...PLAIN_TRAITS, kind, length: plain.length - BLOCK_HEADER };
      case BlockKind.moves: {
        const { next } = decodeMoves(plain);
        if (next !== undefined) this.take(next, BlockKind.moves);
        return { ...PLAIN_TRAITS, kind };
      }
      default:
        throw refused('a block of a tree, of contents or of moves', `kind ${kind}`);
    }
  }

  #idsOf({ references }: CheckedNode): number[] {
    return references.map((reference) => this.#idOf(reference));
  }

  /** The id of what a reference names, once it agrees. */
  #idOf(reference: Reference): number {
    const { address, kind } = reference;
    const known = this.#resolve(address);
    if (known === undefined) {
      if (kind === 'content' && !this.#options.contents) return 0;
      throw absent(address);
    }
    if (kind === 'node') agreeNode(reference, known);
    else if (kind === 'root') {
      agree(address, known.kind === BlockKind.root, 'a root');
      // The bucket's own entry is the one that holds it: it counts once.
      const { totals } = known;
      const beneath = { ...totals, entries: totals.entries - 1 };
      agree(address, sameTotals(beneath, reference.totals), 'the sums of its root');
    } else {
      const isContent = known.kind === BlockKind.piece || known.kind === BlockKind.manifest;
      const isKind = kind === 'content' ? isContent : known.kind === BlockKind.metadata;
      agree(address, isKind, kind);
      agree(address, known.length === reference.length, `${reference.length} bytes`);
    }
    return known.id;
  }

  #admitManifest(plain: Uint8Array, body: BodyWriter): Traits {
    const manifest = decodeManifest(plain);
    const { level, count } = manifest;
    const ids: number[] = [];
    let lastEnded = true;
    for (let i = 0; i < count; i++) {
      const known = this.#childOf(manifest, i);
      if (i + 1 === count) lastEnded = known.ended;
      ids.push(known.id);
    }
    linkManifest(body, plain, ids);
    const { length, ended } = manifest;
    const kind = BlockKind.manifest;
    return { ...PLAIN_TRAITS, kind, level, length, ended: ended && lastEnded };
  }

  /** What a manifest lists, once it agrees. */
  #childOf(manifest: Manifest, index: number): Known {
    const address = manifest.address(index);
    const known = this.#resolve(address);
    if (known === undefined) throw absent(address);
    const level = manifest.level - 1;
    const length = manifest.lengthOf(index);
    const kind = level === 0 ? BlockKind.piece : BlockKind.manifest;
    agree(address, known.kind === kind && known.level === level, `level ${level}`);
    agree(address, known.length === length, `${length} bytes`);
    const isLast = index + 1 === manifest.count;
    agree(address, isLast || known.ended, 'an end at which a node ends');
    return known;
  }
}

/** The algorithm that a block names. */
function headerAlgorithm(plain: Uint8Array): AlgorithmNumber {
  if (plain.length <= BLOCK_HEADER) throw refused('a block', `${plain.length} bytes`);
  const algorithm = plain[2] as number;
  if (algorithmName(algorithm) === undefined) throw refused('a known algorithm', `${algorithm}`);
  if (plain[1] !== BLOCK_VERSION) {
    throw new RegaliaError(
      'REGALIA_VERSION',
      `this release knows no block of version ${plain[1]}`,
      {
        what: 'block',
        expected: `${BLOCK_VERSION}`,
        actual: `${plain[1]}`,
      },
    );
  }
  return algorithm as AlgorithmNumber;
}

function parseNode(plain: Uint8Array): Node {
  if (plain.length < 8) throw refused('a node', `${plain.length} bytes`);
  const header = readNodeHeader(plain, 0, plain.length);
  const offsets = new Uint16Array(offsetsNeeded(plain, 0));
  const place = { bytes: plain, start: 0, plainEnd: plain.length, end: plain.length };
  return new Node({ ...place, ...header, id: 0, depth: 0 }, offsets, 0);
}

function nodeTraits(node: Node, totals = sumOf(node)): Traits {
  const first = node.name(0);
  const last = node.name(node.count - 1);
  return { ...PLAIN_TRAITS, kind: BlockKind.node, level: node.level, totals, first, last };
}

function sumOf(node: Node): Totals {
  const totals = { ...NOTHING };
  for (let i = 0; i < node.count; i++) {
    if (node.level > 0) {
      node.addTotals(i, totals);
      continue;
    }
    measure(node, i, measured);
    totals.entries += measured.entries;
    totals.buckets += measured.buckets;
    totals.inlineBytes += measured.inlineBytes;
    totals.referencedBytes += measured.referencedBytes;
  }
  return totals;
}

function agreeNode(reference: Reference & { kind: 'node' }, known: Known): void {
  const { address, level, last, previous, totals } = reference;
  agree(address, known.kind === BlockKind.node, 'a node');
  agree(address, level === undefined || level === known.level, `level ${level}`);
  agree(address, sameTotals(known.totals, totals), 'the sums of its records');
  if (last !== undefined) {
    agree(address, Buffer.compare(last, known.last) === 0, 'the last name of the node');
  }
  if (previous !== undefined) {
    agree(address, Buffer.compare(previous, known.first) < 0, 'names above those before it');
  }
}

function agree(address: Address, agrees: boolean, expected: string): void {
  if (!agrees) throw contradiction(address, expected, 'another');
}

/** A fault of the pack; the import says where. */
function refused(expected: string, actual: string): RegaliaError {
  const message = `a block is refused: expected ${expected}, found ${actual}`;
  return new RegaliaError('REGALIA_FORMAT', message, { what: 'block', at: 0, expected, actual });
}

function absent(address: Address): RegaliaError {
  return refused(`block ${addressText(address)}, before what names it`, 'nothing');
}

function contradiction(address: Address, expected: string, actual: string): RegaliaError {
  return refused(`block ${addressText(address)} to be as promised: ${expected}`, actual);
}
