/**
 * Builds the tree over a content's parts from left to right, with one unfinished node a level.
 *
 *     level 2        [ m m … ]          unfinished: the path at the right edge
 *     level 1   (m)(m)  [ p p p … ]     (m): written, and listed one level above
 *     parts
 *
 * Where nodes end is `endsNode`'s decision, by children alone: the tree is a function of the parts.
 * A level with one node only is the top; a level that would have one child only is never made, but
 * above a hole that is alone.
 *
 * A builder may go on from a place in another tree (`resume`), and use whole nodes of it (`add` at
 * a level) where both are at a node's beginning: what it makes is the same as if all parts had been
 * added one by one.
 */
import type { BodyWriter } from '../blocks/body.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { assert } from '../ground/errors.js';
import { MANIFEST_LEVEL_MAX } from '../ground/limits.js';
import type { ContentRef } from './content.js';
import type { ContentSink } from './content-store.js';
import { endsNode, isHole, type Part, writeManifest } from './manifest.js';

/** The children of nodes of one level: of level 1 these are parts. */
interface Level {
  children: Part[];
  /** Whether a node of this level was written. */
  written: boolean;
}

/** An unfinished node, by its children so far. */
export interface Unfinished {
  readonly level: number;
  readonly children: readonly Part[];
  /** Whether it is the first one of its level. */
  readonly first: boolean;
}

export class ManifestBuilder {
  readonly #sink: ContentSink;
  readonly #algorithm: AlgorithmNumber;
  readonly #body: BodyWriter;
  /** By the level of their nodes, less 1. */
  readonly #levels: Level[] = [];

  /** `body` is room for the blocks it writes, shared with the caller. */
  constructor(sink: ContentSink, algorithm: AlgorithmNumber, body: BodyWriter) {
    this.#sink = sink;
    this.#algorithm = algorithm;
    this.#body = body;
  }

  /** Goes on where a tree was left: `path` has each level's node that was not ended. */
  resume(path: readonly Unfinished[]): void {
    assert(this.#levels.length === 0, 'a builder goes on from one place');
    for (const { level, children, first } of path) {
      const own = this.#level(level - 1);
      own.children = [...children];
      own.written = !first;
    }
  }

  /** Adds the next part, or a whole node of a level at whose beginning the builder is. */
  add(part: Part, level = 0): void {
    assert(this.isBetween(level), 'a whole node comes between nodes');
    let child: Part | undefined = part;
    for (let depth = level; child !== undefined; depth++) {
      const above = this.#level(depth);
      above.children.push(child);
      const ends = endsNode(child.address?.[1], above.children.length);
      child = ends ? this.#write(above, depth + 1) : undefined;
    }
  }

  /** Whether the last nodes up to this level are ended: of level 0 it always is. */
  isBetween(level: number): boolean {
    for (let depth = 0; depth < level; depth++) {
      const own = this.#levels[depth];
      if (own === undefined || own.children.length > 0) return false;
    }
    return true;
  }

  /** Writes what is unfinished. At least one part was added. */
  finish(): ContentRef {
    for (let depth = 0; depth <= MANIFEST_LEVEL_MAX; depth++) {
      const level = this.#level(depth);
      const [only, second] = level.children;
      if (!level.written && second === undefined) {
        assert(only !== undefined, 'a content has a part');
        return isHole(only) ? this.#write(level, depth + 1) : only;
      }
      if (only !== undefined) this.#level(depth + 1).children.push(this.#write(level, depth + 1));
    }
    throw new Error('regalia: assertion failed: a content is below 2^51 bytes');
  }

  #level(depth: number): Level {
    while (this.#levels.length <= depth) this.#levels.push({ children: [], written: false });
    return this.#levels[depth] as Level;
  }

  #write(level: Level, number: number): ContentRef {
    const { children } = level;
    level.children = [];
    level.written = true;
    const plainLength = writeManifest(this.#body, this.#algorithm, number, children);
    let length = 0;
    for (const child of children) length += child.length;
    const { address, id } = this.#sink.keep(this.#body, plainLength, this.#algorithm);
    return { address, id, length };
  }
}
