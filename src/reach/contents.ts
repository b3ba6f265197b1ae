/**
 * Finds what refers to chunks: the contents of trees, and the chunks of contents.
 *
 *     root, less what bases have -> records -> contents -> manifests -> chunks, which are not read
 *
 * Each block is walked once, however often trees name it.
 */
import { type Address, addressKey } from '../blocks/address.js';
import { isChunkId } from '../blocks/chunk-home.js';
import type { ContentRef } from '../chunks/content.js';
import { BlockKind } from '../ground/block-header.js';
import { isRegaliaError } from '../ground/errors.js';
import type { LogEntry } from '../log/entry.js';
import type { Node } from '../tree/node.js';
import { REFERENCED, readRecord } from '../tree/record.js';
import { AddressSet } from './address-set.js';
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
 * The contents of a root that none of the bases has at the same place, and no block of `seen`: to
 * which all are added that are walked. Errors as reading its nodes.
 */
export function* contentsOf(
  { cache }: Pick<StoreParts, 'cache'>,
  root: WalkedRoot,
  seen: AddressSet,
  bases: readonly WalkedRoot[] = [],
): Generator<ContentStep, void> {
  const found: FoundContent[] = [];
  const record = (node: Node, index: number): void => {
    for (const one of contentsAt(node, index)) found.push(one);
  };
  const skip = (address: Address): boolean => !seen.add(address);
  for (const _ of walkRoot({ cache }, root, { bases, contents: false, record, skip })) {
    yield* found.splice(0);
    yield undefined;
  }
  yield* found;
}

/** The contents of a record. */
function* contentsAt(node: Node, index: number): Generator<FoundContent, void> {
  const { shape, streams } = readRecord(node, index);
  for (const [i, part] of streams.entries()) {
    if (part.form === REFERENCED) yield { stream: shape.names[i] as string, ref: part };
  }
}

/** How many contents a stream has, and their bytes as users see them. */
export interface ContentSum {
  readonly contents: number;
  readonly logicalBytes: number;
}

export type ContentSums = ReadonlyMap<string, ContentSum>;

/**
 * Sums up the contents of trees, each as often as it occurs, and reads each block once: what is
 * shared, in one tree or several, is summed up once and counted wherever it is named.
 */
export class ContentTally {
  readonly #parts: Pick<StoreParts, 'cache'>;
  /** Of blocks that have contents below them. */
  readonly #sums = new Map<string, ContentSums>();
  readonly #empty = new AddressSet();

  constructor(parts: Pick<StoreParts, 'cache'>) {
    this.#parts = parts;
  }

  /** The sums of a root, by stream. Yields the contents of each record that is new to it. */
  *of(root: WalkedRoot): Generator<ContentStep, ContentSums> {
    const found: FoundContent[] = [];
    const whole = new Map<string, ContentSum>();
    /** The blocks on the way to the one at hand, and their sums so far. */
    const stack = [whole];
    const here = (): Map<string, ContentSum> => stack.at(-1) ?? whole;
    const skip = (address: Address): boolean => {
      const known = this.#sums.get(addressKey(address));
      if (known !== undefined) addSums(here(), known);
      else if (!this.#empty.has(address)) stack.push(new Map());
      else return true;
      return known !== undefined;
    };
    const record = (node: Node, index: number): void => {
      for (const one of contentsAt(node, index)) {
        addSum(here(), one.stream, { contents: 1, logicalBytes: one.ref.length });
        found.push(one);
      }
    };
    for (const { address } of walkRoot(this.#parts, root, { contents: false, record, skip })) {
      const sums = stack.pop() ?? whole;
      if (sums.size === 0) this.#empty.add(address);
      else this.#sums.set(addressKey(address), sums);
      addSums(here(), sums);
      yield* found.splice(0);
      yield undefined;
    }
    return whole;
  }
}

function addSums(sums: Map<string, ContentSum>, more: ContentSums): void {
  for (const [stream, sum] of more) addSum(sums, stream, sum);
}

function addSum(sums: Map<string, ContentSum>, stream: string, more: ContentSum): void {
  const { contents = 0, logicalBytes = 0 } = sums.get(stream) ?? {};
  sums.set(stream, {
    contents: contents + more.contents,
    logicalBytes: logicalBytes + more.logicalBytes,
  });
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
