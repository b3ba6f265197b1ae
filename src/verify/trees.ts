/**
 * The trees of commits that are looked into as a whole. Roots that a scrub has verified are kept on
 * the way, so that they are not read twice.
 */
import { type Address, addressKey } from '../blocks/address.js';
import { Blocks } from '../blocks/blocks.js';
import type { Engine } from '../engine/engine.js';
import { BoundedMap } from '../ground/bounded-map.js';
import { Tree } from '../tree/lookup.js';
import { NodeCache } from '../tree/node-cache.js';
import { loadRoot, type Root } from '../tree/root.js';

const CACHE_BYTES = 4 * 1024 * 1024;
/** Roots that are kept: those of a commit and of its parents, mostly. */
const ROOTS_MAX = 64;

/** A commit, and where its tree is. */
export interface State {
  readonly address: Address;
  readonly root: Address;
  readonly rootBlock: number | undefined;
  readonly heads: Address | undefined;
}

export class Trees {
  readonly cache: NodeCache;
  readonly #roots = new BoundedMap<string, Root>(ROOTS_MAX);

  constructor(engine: Engine) {
    this.cache = new NodeCache(new Blocks(engine), CACHE_BYTES);
  }

  /** What reading a root throws. */
  of({ root, rootBlock }: State): Tree {
    const kept = this.#roots.get(addressKey(root));
    if (kept !== undefined) return new Tree(this.cache, kept);
    const loaded = loadRoot(this.cache, rootBlock, root);
    this.keepRoot(loaded);
    return new Tree(this.cache, loaded);
  }

  keepRoot(root: Root): void {
    this.#roots.set(addressKey(root.address), root);
  }
}
