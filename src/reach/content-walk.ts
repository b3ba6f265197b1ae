/**
 * The blocks of a content that older contents of the same stream lack, children first.
 *
 * Old and new are compared by place: a block is known if an older content has it at the same
 * distance from its beginning, or from its end. So after an overwrite, an appended or removed end,
 * or one insertion in the middle (where chunks are cut by content), what is equal is skipped
 * manifest by manifest, and the cost is that of the difference. After several insertions what lies
 * between them is sent again. Memory is a path through each content.
 */
import { type Address, addressKey, sameAddress } from '../blocks/address.js';
import type { ContentRef } from '../chunks/content.js';
import type { BlockReads } from '../chunks/content-store.js';
import { readManifest, readTop } from '../chunks/cursor.js';
import { type Child, isHole, type Manifest } from '../chunks/manifest.js';
import type { ContentBlock } from '../chunks/walk.js';
import { BLOCK_HEADER, BlockKind } from '../ground/block-header.js';

/** A manifest whose children are under way. */
interface Open {
  readonly child: Child;
  readonly manifest: Manifest;
  /** Where its bytes begin in the content. */
  readonly start: number;
  /** Whether it is the last of its level. */
  readonly last: boolean;
  /** Children visited: a repeated block is visited once a node. */
  readonly seen: Set<string>;
  next: number;
}

/**
 * Manifests are read and checked, chunks are named and not read, holes pass. Errors as
 * `ContentReader.read`.
 */
export function* newContentBlocks(
  blocks: BlockReads,
  ref: ContentRef,
  olds: readonly ContentRef[],
  skip: (address: Address) => boolean,
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

/** A content that is known whole. What of it cannot be read counts as absent. */
class OldContent {
  readonly #blocks: BlockReads;
  readonly #ref: ContentRef;
  /** From a place in the new content to the one at the same distance from the end. */
  readonly #shift: number;
  /** Manifests from the top down, the last ones visited. */
  #path: { readonly start: number; readonly manifest: Manifest }[] = [];
  #isChunk: boolean | undefined;

  constructor(blocks: BlockReads, ref: ContentRef, newLength: number) {
    this.#blocks = blocks;
    this.#ref = ref;
    this.#shift = ref.length - newLength;
  }

  has(level: number, start: number, address: Address): boolean {
    try {
      if (sameAddress(this.#ref.address, address)) return true;
      if (this.#at(level, start, address)) return true;
      return this.#shift !== 0 && this.#at(level, start + this.#shift, address);
    } catch {
      return false;
    }
  }

  #at(level: number, offset: number, address: Address): boolean {
    if (offset < 0 || offset >= this.#ref.length) return false;
    let node = this.#top();
    for (let depth = 1; node !== undefined && node.manifest.level > level; depth++) {
      const { manifest, start } = node;
      const index = manifest.indexAt(offset - start);
      const childStart = start + manifest.startOf(index);
      if (manifest.level === level + 1) {
        if (childStart !== offset || manifest.isHole(index)) return false;
        return sameAddress(manifest.address(index), address);
      }
      node = this.#visit(depth, manifest.child(index), childStart, manifest.level - 1);
    }
    return false;
  }

  #top(): { start: number; manifest: Manifest } | undefined {
    if (this.#isChunk === true) return undefined;
    if (this.#path[0] === undefined) {
      const manifest = readTop(this.#blocks, this.#ref);
      this.#isChunk = manifest instanceof Uint8Array;
      if (!(manifest instanceof Uint8Array)) this.#path = [{ start: 0, manifest }];
    }
    return this.#path[0];
  }

  #visit(
    depth: number,
    child: Child,
    start: number,
    level: number,
  ): { start: number; manifest: Manifest } {
    const kept = this.#path[depth];
    if (kept?.start === start) return kept;
    // Only the last node of a level may be short of an end, and it is known to be sound: nothing to
    // check here.
    const manifest = readManifest(this.#blocks, child, level, true);
    this.#path = [...this.#path.slice(0, depth), { start, manifest }];
    return { start, manifest };
  }
}
