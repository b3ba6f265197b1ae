/**
 * The blocks that a root reaches, children first, less those that given other roots reach at the
 * same places.
 *
 * Two trees are compared place by place: a node is in the other tree if the entry of the same name,
 * on the same level, names the same address; so what is equal is skipped whole, and the cost is
 * that of the difference. What moved is found where it came from, if the walk knows the moves.
 * Memory is the path to the place at hand. Nothing is recursive: keys may be deep.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { ContentRef } from '../chunks/content.js';
import { BlockKind } from '../ground/block-header.js';
import { EMPTY } from '../ground/bytes.js';
import type { Names } from '../tree/key.js';
import { findInMap, type Spot } from '../tree/lookup.js';
import type { Node } from '../tree/node.js';
import type { NodeCache } from '../tree/node-cache.js';
import {
  type BlockPart,
  CHILD_BUCKET,
  CHILD_INLINE,
  CHILD_MAP,
  CHILD_NONE,
  type ChildPart,
  INLINE,
  inlineChild,
  METADATA,
  type RecordParts,
  readRecord,
  sameRecord,
} from '../tree/record.js';
import { loadRoot } from '../tree/root.js';
import { walkContent } from './content-walk.js';

/** What a walk reads from. */
export interface WalkReads {
  readonly cache: NodeCache;
}

export interface WalkedBlock {
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
  readonly kind: BlockKind;
  /** The hashed bytes, where the walk has them at hand. A view that stays valid. */
  readonly plain?: Uint8Array | undefined;
  /** The key that the block belongs to. Valid until the walk goes on. */
  readonly names: () => Names;
  /** The stream that the block belongs to, if it is one's. */
  readonly stream?: string | undefined;
}

interface TreeWalkOptions {
  /** Roots whose blocks are left out. */
  readonly bases?: readonly WalkedRoot[] | undefined;
  /** Whether contents outside metadata are visited; default true. */
  readonly contents?: boolean | undefined;
  /** Whether to leave out a block and all below it. Asked before it is read. */
  readonly skip?: ((address: Address) => boolean) | undefined;
  /** The same for the root of a nested bucket. */
  readonly skipBucket?: ((bucket: Uint8Array, root: Address) => boolean) | undefined;
  /** Called with each record that the bases do not have as it is, before the block that has it. */
  readonly record?: ((node: Node, index: number) => void) | undefined;
  /** Where an entry that no base has as it is may have been moved from. */
  readonly movedFrom?: ((names: Names) => readonly Spot[]) | undefined;
}

export interface WalkedRoot {
  readonly id: number | undefined;
  readonly address: Address;
}

/** A map of a base, or one record of it. */
interface OldMap {
  readonly node: Node;
  readonly address: Address | undefined;
  /** The one record, under any name. */
  readonly at: number | undefined;
}

/** A node whose entries are under way. */
interface Frame {
  readonly node: Node;
  readonly olds: readonly OldMap[];
  /** What is reported once all below it is; undefined for an inline map. */
  readonly block:
    | (WalkedRoot & { readonly kind: BlockKind; readonly plain: Uint8Array })
    | undefined;
  /** The name of the entry whose map begins here. */
  readonly entry: Uint8Array | undefined;
  index: number;
}

/** The blocks of a root, children first. */
export function walkRoot(
  reads: WalkReads,
  root: WalkedRoot,
  options: TreeWalkOptions = {},
): Generator<WalkedBlock, void, undefined> {
  return new TreeWalk(reads, options).run(root);
}

class TreeWalk {
  readonly #cache: NodeCache;
  readonly #options: TreeWalkOptions;
  readonly #skip: (address: Address) => boolean;
  readonly #stack: Frame[] = [];

  constructor({ cache }: WalkReads, options: TreeWalkOptions) {
    this.#cache = cache;
    this.#options = options;
    this.#skip = options.skip ?? (() => false);
  }

  *run(root: WalkedRoot): Generator<WalkedBlock, void, undefined> {
    const { bases = [] } = this.#options;
    if (bases.some((base) => sameAddress(base.address, root.address))) return;
    if (this.#skip(root.address)) return;
    const olds = bases.flatMap((base) => this.#oldRoot(base));
    this.#enterRoot(root, olds, undefined);
    for (let frame = this.#stack.at(-1); frame !== undefined; frame = this.#stack.at(-1)) {
      if (frame.index < frame.node.count) {
        const index = frame.index++;
        if (frame.node.level > 0) this.#visitChild(frame, index);
        else yield* this.#visitRecord(frame, index);
        continue;
      }
      if (frame.block !== undefined) yield { ...frame.block, names: () => this.#names() };
      this.#stack.pop();
    }
  }

  #names(last?: Uint8Array): Names {
    const names: Uint8Array[] = [];
    for (const { entry } of this.#stack) if (entry !== undefined) names.push(entry);
    if (last !== undefined && last.length > 0) names.push(last);
    return names;
  }

  #enterRoot(ref: WalkedRoot, olds: readonly OldMap[], entry: Uint8Array | undefined): void {
    const node = loadRoot(this.#cache, ref.id, ref.address).node;
    const plain = node.bytes.subarray(0, node.plainEnd);
    const block = { id: ref.id, address: ref.address, kind: BlockKind.root, plain };
    this.#stack.push({ node, olds, block, entry, index: 0 });
  }

  #enterNode(
    ref: WalkedRoot,
    level: number | undefined,
    olds: readonly OldMap[],
    entry: Uint8Array | undefined,
  ): void {
    const node = this.#cache.load(ref.id, ref.address, level);
    const plain = node.bytes.subarray(node.start, node.plainEnd);
    const block = { id: ref.id, address: ref.address, kind: BlockKind.node, plain };
    this.#stack.push({ node, olds, block, entry, index: 0 });
  }

  #visitChild({ node, olds }: Frame, index: number): void {
    const address = node.childAddress(index);
    if (this.#skip(address)) return;
    const name = olds.length === 0 ? EMPTY : node.name(index);
    const level = node.level - 1;
    for (const old of olds) if (this.#isIn(old, level, name, address)) return;
    this.#enterNode({ id: node.childId(index), address }, level, olds, undefined);
  }

  /** Whether the base's map has this node, whose last name is `name`. */
  #isIn(old: OldMap, level: number, name: Uint8Array, address: Address): boolean {
    if (old.node.level < level || old.at !== undefined) return false;
    if (old.node.level === level) {
      return old.address !== undefined && sameAddress(old.address, address);
    }
    return (
      this.#ofBase(() => {
        let node = old.node;
        while (node.level > level + 1) {
          node = this.#cache.child(node, node.childFor(name, 0, name.length));
        }
        const index = node.find(name, 0, name.length);
        return index >= 0 && sameAddress(node.childAddress(index), address);
      }) ?? false
    );
  }

  /** What of a base cannot be read is as good as not there. */
  #ofBase<T>(look: () => T): T | undefined {
    try {
      return look();
    } catch {
      return undefined;
    }
  }

  *#visitRecord(frame: Frame, index: number): Generator<WalkedBlock, void> {
    const { node } = frame;
    const name = node.name(index);
    const olds = this.#oldRecords(frame, name);
    const isOld = (old: Spot): boolean => sameRecord(node, index, old.node, old.index);
    if (olds.some(isOld)) return;
    const names = (): Names => this.#names(name);
    olds.push(...(this.#options.movedFrom?.(names()) ?? []));
    if (olds.some(isOld)) return;
    this.#options.record?.(node, index);
    const parts = readRecord(node, index);
    const before = olds.flatMap((old) => this.#partsOf(old));
    for (const [i, stream] of parts.streams.entries()) {
      if (stream.form === INLINE) continue;
      yield* this.#visitStream(stream, parts.shape.names[i] as string, before, names);
    }
    this.#visitMap(node, index, parts.child, before, name);
  }

  #oldRecords(frame: Frame, name: Uint8Array): Spot[] {
    const found: Spot[] = [];
    for (const { node, at } of frame.olds) {
      const spot =
        at === undefined
          ? this.#ofBase(() => findInMap(this.#cache, node, name, 0, name.length))
          : { node, index: at };
      if (spot !== undefined) found.push(spot);
    }
    return found;
  }

  #partsOf(spot: Spot): OldRecord[] {
    const parts = this.#ofBase(() => readRecord(spot.node, spot.index));
    return parts === undefined ? [] : [{ spot, parts }];
  }

  *#visitStream(
    stream: BlockPart,
    name: string,
    before: readonly OldRecord[],
    names: () => Names,
  ): Generator<WalkedBlock, void> {
    const { address } = stream;
    const olds: BlockPart[] = [];
    for (const { parts } of before) {
      const old = parts.streams[parts.shape.names.indexOf(name)];
      if (old?.form !== stream.form || old.address[0] !== address[0]) continue;
      if (sameAddress(old.address, address)) return;
      olds.push(old);
    }
    if (stream.form === METADATA) {
      if (this.#skip(address)) return;
      const { id } = stream;
      this.#cache.blocks.read(id, address, 'metadata');
      yield { id, address, kind: BlockKind.metadata, names, stream: name };
    } else if (this.#options.contents !== false) {
      yield* this.#visitContent(stream, olds, name, names);
    }
  }

  *#visitContent(
    ref: ContentRef,
    olds: readonly ContentRef[],
    stream: string,
    names: () => Names,
  ): Generator<WalkedBlock, void> {
    const blocks = walkContent(this.#cache.blocks, ref, { olds, skip: this.#skip });
    for (const { address, id, kind } of blocks) {
      yield { address, id, kind, names, stream };
    }
  }

  #visitMap(
    node: Node,
    index: number,
    child: ChildPart,
    before: readonly OldRecord[],
    entry: Uint8Array,
  ): void {
    const name = entry.length > 0 ? entry : undefined;
    if (child.form === CHILD_NONE) return;
    if (child.form === CHILD_BUCKET) {
      this.#visitBucket(child, before, name);
      return;
    }
    const olds = before.flatMap((old) => this.#oldChild(old));
    if (child.form === CHILD_INLINE) {
      const map = inlineChild(node, index, child);
      this.#stack.push({ node: map, olds, block: undefined, entry: name, index: 0 });
      return;
    }
    const { address } = child;
    if (olds.some((old) => old.address !== undefined && sameAddress(old.address, address))) return;
    if (this.#skip(address)) return;
    this.#enterNode({ id: child.id, address }, undefined, olds, name);
  }

  #visitBucket(
    child: ChildPart & { form: typeof CHILD_BUCKET },
    before: readonly OldRecord[],
    name: Uint8Array | undefined,
  ): void {
    const address = child.root;
    if (this.#options.skipBucket?.(child.bucket, address) === true || this.#skip(address)) return;
    const olds: OldMap[] = [];
    for (const { spot, parts } of before) {
      const old = parts.child;
      if (old.form !== CHILD_BUCKET) olds.push({ ...spot, at: spot.index, address: undefined });
      else if (sameAddress(old.root, address)) return;
      else olds.push(...this.#oldRoot({ id: old.id, address: old.root }));
    }
    this.#enterRoot({ id: child.id, address }, olds, name);
  }

  /** The one record of a base's root. */
  #oldRoot(ref: WalkedRoot): OldMap[] {
    const root = this.#ofBase(() => loadRoot(this.#cache, ref.id, ref.address));
    return root === undefined ? [] : [{ node: root.node, address: undefined, at: 0 }];
  }

  /** A base's child map. */
  #oldChild({ spot, parts: { child } }: OldRecord): OldMap[] {
    const found = this.#ofBase((): OldMap[] => {
      if (child.form === CHILD_MAP) {
        const { id, address } = child;
        return [{ node: this.#cache.load(id, address), address, at: undefined }];
      }
      if (child.form === CHILD_INLINE) {
        const node = inlineChild(spot.node, spot.index, child);
        return [{ node, address: undefined, at: undefined }];
      }
      if (child.form === CHILD_NONE) return [];
      const { node } = loadRoot(this.#cache, child.id, child.root);
      const inner = { node, index: 0 };
      return this.#oldChild({ spot: inner, parts: readRecord(node, 0) });
    });
    return found ?? [];
  }
}

/** A base's record. */
interface OldRecord {
  readonly spot: Spot;
  readonly parts: RecordParts;
}
