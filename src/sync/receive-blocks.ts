/**
 * Receives blocks that others made: each is checked in itself and against what it names, given the
 * local ids of what it names, and staged. Children come first, so everything a block names is known
 * when it comes: staged a short time ago, or in the store.
 *
 * A block that nothing has named yet is pending. In an honest pack these are the siblings along one
 * path; at the end there are none. So nothing is kept that no commit leads to, and no more is
 * remembered than the blocks that were staged last.
 */
import { type Address, addressKey, addressOf } from '../blocks/address.js';
import type { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import { BodyWriter } from '../blocks/body.js';
import { chunkBytes } from '../chunks/chunk.js';
import { decodeManifest, linkManifest, type Manifest } from '../chunks/manifest.js';
import type { Engine } from '../engine/engine.js';
import { BLOCK_HEADER, BlockKind, readBlockHeader } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { isRegaliaError, type RegaliaError } from '../ground/errors.js';
import { KEY_NAMES_MAX, PENDING_MAX } from '../ground/limits.js';
import { decodeMap } from '../log/maps.js';
import { type CheckedNode, checkNode, linkNode, type Reference } from '../tree/check-node.js';
import type { Node } from '../tree/node.js';
import { Shapes } from '../tree/shape.js';
import {
  absent,
  agree,
  agreeBucketRoot,
  agreeChild,
  agreeHeads,
  agreeReference,
  type Known,
  nodeTraits,
  PLAIN_TRAITS,
  parseCheckedRoot,
  parseNode,
  refused,
  rootTraits,
  type Traits,
} from './block-traits.js';

/** A node or root that was checked. */
interface CheckedTree {
  readonly node: Node;
  readonly checked: CheckedNode;
  readonly traits: Traits;
}

/** Blocks of the store that are remembered, and blocks that are staged before they are written. */
const KNOWN_MAX = 16_384;

/** Nodes with so many levels below them are remembered: honest ones have few, liars many. */
const DEEP_LEVELS = 256;

/** How deep they are, by the store's engine: over all that came. */
const deepNodes = new WeakMap<Engine, BoundedMap<string, number>>();

function deepOf(engine: Engine): BoundedMap<string, number> {
  const deep = deepNodes.get(engine) ?? new BoundedMap(KNOWN_MAX);
  deepNodes.set(engine, deep);
  return deep;
}

/** The names of the deepest key below a reference, as far as it is known. */
function levelsBelow(reference: Reference, known: Known | undefined): number {
  const isMap = reference.kind === 'node' || reference.kind === 'root';
  return isMap ? reference.names + (known?.levels ?? 0) : 0;
}

function tooDeep(levels: number): RegaliaError {
  return refused(`at most ${KEY_NAMES_MAX} names in a key`, `${levels}`);
}

export class BlockReceiver {
  readonly #blocks: Blocks;
  readonly #writer: BlockWriter;
  /** Whether contents outside metadata must be known; else they may be missing. */
  readonly #contents: boolean;
  readonly #body = new BodyWriter();
  readonly #shapes = new Shapes();
  readonly #pending = new Set<string>();
  /** Blocks staged since the last write, those since the one before it, and blocks of the store. */
  #young = new Map<string, Known>();
  #old = new Map<string, Known>();
  readonly #here = new BoundedMap<string, Known>(KNOWN_MAX);
  readonly #deep: BoundedMap<string, number>;
  stored = 0;

  constructor(blocks: Blocks, writer: BlockWriter, contents: boolean) {
    this.#blocks = blocks;
    this.#deep = deepOf(blocks.engine);
    this.#writer = writer;
    this.#contents = contents;
  }

  /** Blocks that nothing has named yet. */
  *pending(): Generator<Address, void> {
    for (const key of this.#pending) yield new Uint8Array(Buffer.from(key, 'latin1'));
  }

  /** Whether enough is staged that it had better be written. */
  get heavy(): boolean {
    return this.#writer.heavy || this.#young.size >= KNOWN_MAX;
  }

  /** What was staged has been written: from now on it is found in the store. */
  written(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }

  /** A block that was pending when an earlier run stopped. False where it is not here. */
  restore(address: Address): boolean {
    if (this.#find(address) === undefined) return false;
    this.#pending.add(addressKey(address));
    return true;
  }

  /**
   * Checks and stages a block; one that is here is passed over. REGALIA_FORMAT, REGALIA_VERSION,
   * REGALIA_KEY.
   */
  receive(plain: Uint8Array): void {
    const { algorithm } = readBlockHeader(plain, 'block');
    const address = addressOf(algorithm, plain);
    const key = addressKey(address);
    if (this.#pending.has(key) || this.#find(address) !== undefined) {
      this.#release(plain);
      return;
    }
    this.#body.reset();
    this.#body.bytes(plain);
    const traits = this.#admit(plain, this.#body);
    const id = this.#writer.put(this.#body, plain.length, address);
    this.#young.set(key, { id, ...traits });
    if (traits.levels >= DEEP_LEVELS) this.#deep.set(key, traits.levels);
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
      const { references } = this.#checkTree(plain).checked;
      for (const one of references) if (isPending(one.address)) this.#knownOf(one);
    } else if (kind === BlockKind.manifest) {
      const manifest = decodeManifest(plain);
      for (let i = 0; i < manifest.count; i++) {
        if (!manifest.isHole(i) && isPending(manifest.address(i))) this.#childOf(manifest, i);
      }
    } else if (kind === BlockKind.map) {
      const { next } = decodeMap(plain);
      if (next !== undefined && isPending(next)) this.nameMap(next);
    }
  }

  #checkTree(plain: Uint8Array): CheckedTree {
    if (plain[0] === BlockKind.root) {
      const found = parseCheckedRoot(this.#shapes, plain);
      const { root, checked } = found;
      return { node: root.node, checked, traits: rootTraits(found) };
    }
    const node = parseNode(this.#shapes, plain);
    const checked = checkNode(node);
    return { node, checked, traits: nodeTraits(node, checked.totals) };
  }

  /** The id of a block that is named by a commit, or by moves. Faults as `receive`. */
  nameMap(address: Address): number {
    return this.#name(address, ({ kind }) => agree(address, kind === BlockKind.map, 'a map'));
  }

  /** The plain bytes of a block of a map, which came with what names it. */
  readMap(address: Address): Uint8Array {
    const known = this.#find(address);
    if (known === undefined) throw absent(address);
    const { bytes, start, plainLength } = this.#blocks.read(known.id, address, 'map');
    return bytes.slice(start, start + plainLength);
  }

  nameRoot(address: Address): number {
    return this.#name(address, (known) => agreeBucketRoot(address, known));
  }

  nameHeads(address: Address): number {
    return this.#name(address, (known) => agreeHeads(address, known));
  }

  #name(address: Address, agreeOn: (known: Known) => void): number {
    const known = this.#resolve(address);
    if (known === undefined) throw absent(address);
    agreeOn(known);
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
    const before = this.#here.get(key);
    if (before !== undefined) return before;
    const { index } = this.#blocks;
    const id = index.candidates(address).find((one) => this.#blocks.keeps(one, address));
    if (id === undefined) return undefined;
    this.#writer.uses(id);
    const plain = this.#read(id, address);
    if (plain === undefined) return undefined;
    const traits = this.#traits(plain);
    const known = { id, ...traits, levels: this.#deep.get(key) ?? traits.levels };
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
    if (kind === BlockKind.node) return nodeTraits(parseNode(this.#shapes, plain));
    if (kind === BlockKind.root) {
      return rootTraits(parseCheckedRoot(this.#shapes, plain));
    }
    if (kind === BlockKind.manifest) {
      const manifest = decodeManifest(plain);
      const { level, count } = manifest;
      return manifestTraits(
        manifest,
        level > 1 ? this.#find(manifest.address(count - 1)) : undefined,
      );
    }
    return { ...PLAIN_TRAITS, kind, length: plain.length - BLOCK_HEADER };
  }

  /** Checks a new block and appends its links to `body`. */
  #admit(plain: Uint8Array, body: BodyWriter): Traits {
    const kind = plain[0] as BlockKind;
    switch (kind) {
      case BlockKind.node:
      case BlockKind.root: {
        const { node, checked, traits } = this.#checkTree(plain);
        let { levels } = checked;
        const ids = checked.references.map((reference) => {
          const known = this.#knownOf(reference);
          levels = Math.max(levels, levelsBelow(reference, known));
          return known?.id ?? 0;
        });
        if (levels > KEY_NAMES_MAX) throw tooDeep(levels);
        linkNode(body, node.level, checked, ids);
        return { ...traits, levels };
      }
      case BlockKind.manifest:
        return this.#admitManifest(plain, body);
      case BlockKind.chunk:
        return { ...PLAIN_TRAITS, kind, length: chunkBytes(plain).length };
      case BlockKind.metadata:
        return { ...PLAIN_TRAITS, kind, length: plain.length - BLOCK_HEADER };
      case BlockKind.map: {
        const { next } = decodeMap(plain);
        if (next !== undefined) this.nameMap(next);
        return { ...PLAIN_TRAITS, kind };
      }
      default:
        throw refused('a block of a tree, of contents or of moves', `kind ${kind}`);
    }
  }

  /** What a reference names, once it agrees; undefined of a content that is left out. */
  #knownOf(reference: Reference): Known | undefined {
    const { address, kind } = reference;
    const known = this.#resolve(address);
    if (known === undefined) {
      if (kind === 'content' && !this.#contents) return undefined;
      throw absent(address);
    }
    agreeReference(reference, known);
    return known;
  }

  #admitManifest(plain: Uint8Array, body: BodyWriter): Traits {
    const manifest = decodeManifest(plain);
    const children = Array.from({ length: manifest.count }, (_, i) =>
      manifest.isHole(i) ? undefined : this.#childOf(manifest, i),
    );
    const ids = children.map((child) => child?.id ?? 0);
    linkManifest(body, plain, ids);
    return manifestTraits(manifest, children.at(-1));
  }

  /** What a manifest lists, once it agrees. */
  #childOf(manifest: Manifest, index: number): Known {
    const address = manifest.address(index);
    const known = this.#resolve(address);
    if (known === undefined) throw absent(address);
    agreeChild(manifest, index, known);
    return known;
  }
}

/** `last` is what is known of its last child; a hole is none, and ends anywhere. */
function manifestTraits(manifest: Manifest, last: Known | undefined): Traits {
  const { level, length, canBeTop: whole } = manifest;
  const ended = manifest.ended && (last?.ended ?? true);
  return { ...PLAIN_TRAITS, kind: BlockKind.manifest, level, length, ended, whole };
}
