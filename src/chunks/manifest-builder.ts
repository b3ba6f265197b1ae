/**
 * Builds the tree over a content's pieces from left to right, holding one unfinished node a level.
 *
 *     level 2        [ m m … ]          unfinished: the path at the right edge
 *     level 1   (m)(m)  [ p p p … ]     (m): written, and listed one level above
 *     pieces
 *
 * Where nodes end is `endsNode`'s decision, by children alone: the tree is a function of the pieces. A level with one
 * node only is the top; a level that would have one child only is never made.
 */
import type { AlgorithmNumber } from '../blocks/address.js';
import type { BodyWriter } from '../blocks/body.js';
import { assert } from '../errors.js';
import type { ContentRef } from './content.js';
import { type Child, endsNode, LEVEL_MAX, writeManifest } from './manifest.js';
import type { BlockSink } from './staging.js';

interface Level {
  children: Child[];
  /** Whether a node of this level was written. */
  written: boolean;
}

export class ManifestBuilder {
  readonly #sink: BlockSink;
  readonly #algorithm: AlgorithmNumber;
  readonly #body: BodyWriter;
  readonly #levels: Level[] = [];

  /** `body` is room for the blocks it writes, shared with the caller. */
  constructor(sink: BlockSink, algorithm: AlgorithmNumber, body: BodyWriter) {
    this.#sink = sink;
    this.#algorithm = algorithm;
    this.#body = body;
  }

  /** Adds the next piece. */
  add(piece: Child): void {
    let child: Child | undefined = piece;
    for (let depth = 0; child !== undefined; depth++) {
      const level = this.#level(depth);
      level.children.push(child);
      const ends = endsNode(child.address, level.children.length);
      child = ends ? this.#write(level, depth + 1) : undefined;
    }
  }

  /** Writes what is unfinished. At least one piece was added. */
  finish(): ContentRef {
    for (let depth = 0; depth <= LEVEL_MAX; depth++) {
      const level = this.#level(depth);
      const [only, second] = level.children;
      if (!level.written && second === undefined) {
        assert(only !== undefined, 'a content has a piece');
        return only;
      }
      if (only !== undefined) this.#level(depth + 1).children.push(this.#write(level, depth + 1));
    }
    throw new Error('regalia: assertion failed: a content is below 2^53 bytes');
  }

  #level(depth: number): Level {
    let level = this.#levels[depth];
    if (level === undefined) this.#levels.push((level = { children: [], written: false }));
    return level;
  }

  #write(level: Level, number: number): Child {
    const { children } = level;
    level.children = [];
    level.written = true;
    const plainLength = writeManifest(this.#body, this.#algorithm, number, children);
    let length = 0;
    for (const child of children) length += child.length;
    return { ...this.#sink.keep(this.#body, plainLength, this.#algorithm), length };
  }
}
