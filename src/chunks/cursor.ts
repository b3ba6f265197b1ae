/**
 * The way to a part of a content: manifests from the top down to level 1, each read and checked
 * when the way first leads there. One path is kept, so that going on from part to part reads each
 * manifest once.
 *
 *     top [ . . ↓ . ]      levels fall by one, so that no set of blocks can lead in circles
 *     …     [ ↓ . . ]      what a manifest and the block below it say of a length must agree
 *     1     [ . . ↓ ]
 *     part
 */
import { addressKey } from '../blocks/address.js';
import { BlockKind } from '../ground/block-header.js';
import type { BoundedMap } from '../ground/bounded-map.js';
import { malformed } from '../ground/errors.js';
import { chunkBytes } from './chunk.js';
import type { ContentRef } from './content.js';
import type { BlockReads } from './content-store.js';
import { type Child, isHole, Manifest, type Part } from './manifest.js';

/** A part or manifest, as one above lists it. */
interface Step {
  readonly part: Part;
  /** Where it begins within the content. */
  readonly start: number;
  /** Of the manifest that lists it, and where in it. */
  readonly above: Visited;
  readonly index: number;
}

interface Visited {
  readonly start: number;
  readonly manifest: Manifest;
  /** Whether it is the last node of its level. */
  readonly last: boolean;
}

/** What a cursor reads from, and what it remembers: see `ContentStore`. */
interface ManifestReads {
  readonly blocks: BlockReads;
  readonly manifests: BoundedMap<string, Manifest>;
}

export class Cursor {
  readonly #store: ManifestReads;
  readonly #ref: ContentRef;
  /** Manifests from the top down, the last ones visited; undefined until the first look. */
  #path: Visited[] | undefined;

  constructor(store: ManifestReads, ref: ContentRef) {
    this.#store = store;
    this.#ref = ref;
  }

  /** Another one on the same content, at the same place. */
  fork(): Cursor {
    const fork = new Cursor(this.#store, this.#ref);
    fork.#path = this.#path;
    return fork;
  }

  /**
   * The top manifest, or undefined where the content is one chunk; its bytes are given to `chunk`
   * then, as a view that the next read spoils. Errors as `ContentReader.read`, here and below.
   */
  top(chunk?: (bytes: Uint8Array) => void): Visited | undefined {
    if (this.#path !== undefined) return this.#path[0];
    const { blocks, manifests } = this.#store;
    const key = addressKey(this.#ref.address);
    const known = manifests.use(key);
    if (known !== undefined) checkTop(known, this.#ref);
    const top = known ?? readTop(blocks, this.#ref);
    if (top instanceof Uint8Array) {
      this.#path = [];
      chunk?.(top);
    } else {
      manifests.set(key, top);
      this.#path = [{ start: 0, manifest: top, last: true }];
    }
    return this.#path[0];
  }

  /** The steps from the top to the part over the byte `at`; none where the content is one chunk. */
  *steps(at: number): Generator<Step, void, undefined> {
    let above = this.top();
    for (let depth = 1; above !== undefined; depth++) {
      const step = stepTo(above, at);
      yield step;
      if (above.manifest.level === 1) return;
      above = this.#visit(depth, step);
    }
  }

  /** The last of them: the part over the byte `at`. */
  partAt(at: number): Pick<Step, 'part' | 'start'> {
    let above = this.top();
    if (above === undefined) return { part: this.#ref, start: 0 };
    let step = stepTo(above, at);
    for (let depth = 1; above.manifest.level > 1; depth++) {
      above = this.#visit(depth, step);
      step = stepTo(above, at);
    }
    return step;
  }

  /** The manifest at that depth of the path: nodes of one level begin at different bytes. */
  #visit(depth: number, { part, start, above, index }: Step): Visited {
    const path = this.#path as Visited[];
    const kept = path[depth];
    if (kept?.start === start) return kept;
    if (isHole(part)) throw malformed('manifest', 4, 'a manifest', 'a hole');
    const last = above.last && index + 1 === above.manifest.count;
    const level = above.manifest.level - 1;
    const { blocks, manifests } = this.#store;
    const key = addressKey(part.address);
    let manifest = manifests.use(key);
    if (manifest !== undefined) checkManifest(manifest, part, level, last);
    else {
      manifest = readManifest(blocks, part, level, last);
      manifests.set(key, manifest);
    }
    const visited = { start, manifest, last };
    this.#path = [...path.slice(0, depth), visited];
    return visited;
  }
}

/** The way down from a manifest to the byte `at`. */
function stepTo(above: Visited, at: number): Step {
  const { start, manifest } = above;
  const index = manifest.indexAt(at - start);
  return { part: manifest.part(index), start: start + manifest.startOf(index), above, index };
}

/** The top manifest, or the bytes of the only chunk, as a view that the next read spoils. */
export function readTop(blocks: BlockReads, ref: ContentRef): Manifest | Uint8Array {
  const { bytes, start, end, plainLength } = blocks.read(ref.id, ref.address, 'content');
  if (bytes[start] === BlockKind.chunk) {
    const chunk = chunkBytes(bytes.subarray(start, start + plainLength));
    checkLength('chunk', ref.length, chunk.length);
    return chunk;
  }
  const manifest = new Manifest(bytes.subarray(start, end), plainLength);
  checkTop(manifest, ref);
  return manifest;
}

function checkTop(manifest: Manifest, { length }: ContentRef): void {
  checkLength('top manifest', length, manifest.length);
  if (!manifest.canBeTop) throw malformed('top manifest', 4, 'two or more children', '1');
}

/** The manifest that another lists. `last`: whether it is the last node of its level. */
export function readManifest(
  blocks: BlockReads,
  child: Child,
  level: number,
  last: boolean,
): Manifest {
  const { bytes, start, end, plainLength } = blocks.read(child.id, child.address, 'manifest');
  const manifest = new Manifest(bytes.subarray(start, end), plainLength);
  checkManifest(manifest, child, level, last);
  return manifest;
}

/** Whether a manifest is what the one above says of it, at each place where it stands. */
function checkManifest(manifest: Manifest, child: Child, level: number, last: boolean): void {
  const { level: actual } = manifest;
  if (actual !== level) throw malformed('manifest', 3, `level ${level}`, `${actual}`);
  checkLength('manifest', child.length, manifest.length);
  if (!last && !manifest.ended) throw malformed('manifest', 4, 'a child that ends it', 'none');
}

/** A chunk's content bytes, as a view that the next read spoils. */
export function readChunk(blocks: BlockReads, child: Child): Uint8Array {
  const { bytes, start, plainLength } = blocks.read(child.id, child.address, 'chunk');
  return checkedChunk(bytes.subarray(start, start + plainLength), child);
}

/** A view of a block's content bytes. REGALIA_FORMAT where its manifest says another length. */
export function checkedChunk(block: Uint8Array, { length }: Child): Uint8Array {
  const chunk = chunkBytes(block);
  checkLength('chunk', length, chunk.length);
  return chunk;
}

function checkLength(what: string, expected: number, actual: number): void {
  if (expected !== actual) throw malformed(what, 3, `${expected} content bytes`, `${actual}`);
}
