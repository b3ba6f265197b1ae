/**
 * Every block of a content, children first, or those that older contents of the same stream lack.
 * Manifests are read and checked, chunks are named and not read, holes are no blocks.
 *
 * Old and new are compared by place: a block is known if an older content has it at the same
 * distance from its beginning, or from its end. So after an overwrite, an appended or removed end,
 * or one insertion in the middle (where chunks are cut by content), what is equal is skipped
 * manifest by manifest, and the cost is that of the difference. After several insertions what lies
 * between them is sent again. Memory is a path through each content.
 *
 * A block that a content repeats is visited once a node. A hostile content may still repeat few
 * blocks without end: a walk of what others made passes `skip`.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import type { ContentRef } from '../chunks/content.js';
import type { BlockReads } from '../chunks/content-store.js';
import { Cursor, readManifest, readTop } from '../chunks/cursor.js';
import { type Child, isHole, type Manifest } from '../chunks/manifest.js';
import { BLOCK_HEADER, BlockKind } from '../ground/block-header.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { attempt } from '../ground/errors.js';

interface ContentBlock {
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
  readonly kind: typeof BlockKind.chunk | typeof BlockKind.manifest;
  /** The length of the block's hashed bytes. */
  readonly plainLength: number;
}

interface ContentWalkOptions {
  /** Whether to leave out the block, and all below it. Asked before it is read. */
  readonly skip?: ((address: Address) => boolean) | undefined;
  /** Contents whose blocks are left out. What of them cannot be read counts as absent. */
  readonly olds?: readonly ContentRef[];
}

/** A manifest whose children are under way. */
interface Open {
  readonly child: Child;
  readonly manifest: Manifest;
  /** Where its bytes begin in the content. */
  readonly start: number;
  /** Whether it is the last of its level. */
  readonly last: boolean;
  readonly seen: Set<string>;
  next: number;
}

/** Errors as `ContentReader.read`. */
export function* walkContent(
  blocks: BlockReads,
  ref: ContentRef,
  { skip = () => false, olds = [] }: ContentWalkOptions = {},
): Generator<ContentBlock, void, undefined> {
  if (skip(ref.address)) return;
  const known = olds.map((old) => new OldContent(blocks, old, ref.length));
  const top = readTop(blocks, ref);
  if (top instanceof Uint8Array) {
    if (!known.some((old) => old.has(0, 0, ref.address))) yield chunkBlock(ref);
    return;
  }
  const path: Open[] = [open(ref, top, 0, true)];
  for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
    const { manifest, seen } = node;
    if (node.next === manifest.count) {
      path.pop();
      const { address, id } = node.child;
      yield { address, id, kind: BlockKind.manifest, plainLength: manifest.plainLength };
      continue;
    }
    const start = node.start + manifest.startOf(node.next);
    const child = manifest.part(node.next++);
    if (isHole(child)) continue;
    // One block under two lengths is a lie to be found, not a repetition.
    const key = `${addressKey(child.address)} ${child.length}`;
    if (seen.has(key) || skip(child.address)) continue;
    seen.add(key);
    const level = manifest.level - 1;
    if (known.some((old) => old.has(level, start, child.address))) continue;
    if (level === 0) {
      yield chunkBlock(child);
      continue;
    }
    const last = node.last && node.next === manifest.count;
    path.push(open(child, readManifest(blocks, child, level, last), start, last));
  }
}

function open(child: Child, manifest: Manifest, start: number, last: boolean): Open {
  return { child, manifest, start, last, seen: new Set(), next: 0 };
}

function chunkBlock({ address, id, length }: Child): ContentBlock {
  return { address, id, kind: BlockKind.chunk, plainLength: length + BLOCK_HEADER };
}

/** Manifests of an old content that are remembered: two paths through it. */
const MANIFESTS_MAX = 24;

/** A content that is known whole. */
class OldContent {
  readonly #ref: ContentRef;
  /** From a place in the new content to the one at the same distance from the end. */
  readonly #shift: number;
  readonly #cursor: Cursor;

  constructor(blocks: BlockReads, ref: ContentRef, newLength: number) {
    this.#ref = ref;
    this.#shift = ref.length - newLength;
    this.#cursor = new Cursor({ blocks, manifests: new BoundedMap(MANIFESTS_MAX) }, ref);
  }

  has(level: number, start: number, address: Address): boolean {
    if (sameAddress(this.#ref.address, address) || this.#at(level, start, address)) return true;
    return this.#shift !== 0 && this.#at(level, start + this.#shift, address);
  }

  #at(level: number, offset: number, address: Address): boolean {
    if (offset < 0 || offset >= this.#ref.length) return false;
    const found = attempt(() => this.#blockAt(level, offset));
    return found !== undefined && sameAddress(found, address);
  }

  /** The block of a level that begins at `offset`. */
  #blockAt(level: number, offset: number): Address | undefined {
    for (const { part, start, above } of this.#cursor.steps(offset)) {
      if (above.manifest.level > level + 1) continue;
      return above.manifest.level === level + 1 && start === offset ? part.address : undefined;
    }
    return undefined;
  }
}
