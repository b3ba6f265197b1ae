/**
 * Every block of a content, children first: for packs, which send a block after all that it refers
 * to, and for verification. Manifests are read and checked, chunks are named and not read, holes
 * are no blocks. Memory is one path.
 *
 * A block that a content repeats is visited once a node. A hostile content may still
 * repeat few blocks without end: a walk of what others made passes `skip`, which also prunes what
 * a receiver has.
 */
import { type Address, addressKey } from '../blocks/address.js';
import { BLOCK_HEADER, BlockKind } from '../ground/block-header.js';
import type { ContentRef } from './content.js';
import type { BlockReads } from './content-store.js';
import { readManifest, readTop } from './cursor.js';
import { type Child, isHole, type Manifest } from './manifest.js';

export interface ContentBlock {
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
  readonly kind: typeof BlockKind.chunk | typeof BlockKind.manifest;
  /** The length of the block's hashed bytes. */
  readonly plainLength: number;
}

interface WalkOptions {
  /** Whether to leave out the block, and all below it. Asked before it is read. */
  readonly skip?: ((address: Address) => boolean) | undefined;
}

/** A manifest whose children are under way. */
interface Open {
  readonly child: Child;
  readonly manifest: Manifest;
  readonly last: boolean;
  readonly seen: Set<string>;
  next: number;
}

/**
 * Every block of the content at least once, children before parents. Errors as
 * `ContentReader.read`.
 */
export function* walkContent(
  blocks: BlockReads,
  ref: ContentRef,
  options: WalkOptions = {},
): Generator<ContentBlock, void, undefined> {
  const skip = options.skip ?? (() => false);
  if (skip(ref.address)) return;
  const top = readTop(blocks, ref);
  if (top instanceof Uint8Array) {
    yield chunkBlock(ref);
    return;
  }
  const path: Open[] = [open(ref, top, true)];
  for (let node = path.at(-1); node !== undefined; node = path.at(-1)) {
    const { manifest, seen } = node;
    if (node.next === manifest.count) {
      path.pop();
      const { address, id } = node.child;
      yield { address, id, kind: BlockKind.manifest, plainLength: manifest.plainLength };
      continue;
    }
    const child = manifest.part(node.next++);
    if (isHole(child)) continue;
    // One block under two lengths is a lie to be found, not a repetition.
    const key = `${addressKey(child.address)} ${child.length}`;
    if (seen.has(key)) continue;
    seen.add(key);
    if (skip(child.address)) continue;
    if (manifest.level === 1) yield chunkBlock(child);
    else {
      const last = node.last && node.next === manifest.count;
      path.push(open(child, readManifest(blocks, child, manifest.level - 1, last), last));
    }
  }
}

function open(child: Child, manifest: Manifest, last: boolean): Open {
  return { child, manifest, last, seen: new Set(), next: 0 };
}

function chunkBlock({ address, id, length }: Child): ContentBlock {
  return { address, id, kind: BlockKind.chunk, plainLength: length + BLOCK_HEADER };
}
