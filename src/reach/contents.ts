/**
 * Finds what refers to chunks: the contents of trees, and the chunks of contents.
 *
 *     root, less what bases have -> records -> contents -> manifests -> chunks, which are not read
 */
import type { Address } from '../blocks/address.js';
import { isChunkId } from '../blocks/chunk-home.js';
import type { ContentRef } from '../chunks/content.js';
import { BlockKind } from '../ground/block-header.js';
import { isRegaliaError } from '../ground/errors.js';
import type { LogEntry } from '../log/entry.js';
import type { Node } from '../tree/node.js';
import { REFERENCED, readRecord } from '../tree/record.js';
import { walkContent } from './content-walk.js';
import type { StoreParts } from './store-parts.js';
import { type WalkedRoot, walkRoot } from './tree-walk.js';

/** A content, and whose stream it is. */
export interface FoundContent {
  readonly stream: string;
  readonly ref: ContentRef;
}

/** A step of a walk: a content, or some work that was done. */
type ContentStep = FoundContent | undefined;

/**
 * The contents of a root that none of the bases has at the same place. Errors as reading its
 * nodes.
 */
export function* contentsOf(
  { cache }: Pick<StoreParts, 'cache'>,
  root: WalkedRoot,
  bases: readonly WalkedRoot[] = [],
): Generator<ContentStep, void> {
  const found: FoundContent[] = [];
  const record = (node: Node, index: number): void => {
    const { shape, streams } = readRecord(node, index);
    for (const [i, part] of streams.entries()) {
      if (part.form === REFERENCED) found.push({ stream: shape.names[i] as string, ref: part });
    }
  };
  for (const _ of walkRoot({ cache }, root, { bases, contents: false, record })) {
    yield* found.splice(0);
    yield undefined;
  }
  yield* found;
}

/** A chunk as a content refers to it. */
export interface ChunkOfContent {
  readonly address: Address;
  /** The local id, where it is known. */
  readonly id: number | undefined;
}

/**
 * The chunks of a content, in its order. Of one that is not here at all, none. Errors as reading
 * its manifests.
 */
export function* chunksOf(
  { blocks }: Pick<StoreParts, 'blocks'>,
  ref: ContentRef,
): Generator<ChunkOfContent, void> {
  if (isChunkId(ref.id)) {
    yield ref;
    return;
  }
  try {
    for (const { address, id, kind } of walkContent(blocks, ref)) {
      if (kind === BlockKind.chunk) yield { address, id };
    }
  } catch (error) {
    // A replica may have imported metadata alone.
    const absent =
      isRegaliaError(error, 'REGALIA_MISSING') && blocks.index.candidates(ref.address).length === 0;
    if (!absent) throw error;
  }
}

/** The root of a commit. */
export function rootOf({ history }: Pick<StoreParts, 'history'>, entry: LogEntry): WalkedRoot {
  return { id: entry.rootBlock, address: history.commit(entry.address).root };
}

/** The roots of a commit's parents, as far as they are here. */
export function rootsOfParents(parts: Pick<StoreParts, 'history'>, entry: LogEntry): WalkedRoot[] {
  const roots: WalkedRoot[] = [];
  for (const parent of entry.parents) {
    const found = parts.history.entry(parent);
    if (found !== undefined) roots.push(rootOf(parts, found));
  }
  return roots;
}
