/**
 * Which of two sides changed something last: by causality, then by time, then by address.
 */
import { type Address, compareAddresses } from '../blocks/address.js';
import { commitsSince, isAncestor } from '../log/ancestry.js';
import type { Side } from '../merge/conflict.js';
import type { Subject } from '../merge/resolve.js';
import { sameStreamAt, sameSubtree } from '../tree/equal.js';
import { type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { Line, LocalCommit } from './line.js';

interface Changed {
  readonly address: Address;
  readonly timeMs: number;
}

export class Newest {
  readonly #line: Line;
  readonly #bases: readonly Address[];
  readonly #sides: Readonly<Record<Side, LocalCommit>>;

  constructor(line: Line, bases: readonly Address[], ours: LocalCommit, theirs: LocalCommit) {
    this.#line = line;
    this.#bases = bases;
    this.#sides = { ours, theirs };
  }

  /** The side that changed it last. */
  of(subject: Subject): Side {
    const ours = this.#lastChange('ours', subject);
    const theirs = this.#lastChange('theirs', subject);
    const { history } = this.#line.core;
    if (isAncestor(history, ours.address, theirs.address)) return 'theirs';
    if (isAncestor(history, theirs.address, ours.address)) return 'ours';
    const order = ours.timeMs - theirs.timeMs || compareAddresses(ours.address, theirs.address);
    return order < 0 ? 'theirs' : 'ours';
  }

  /** The last commit of a side that changed it, at the key that it has or had there. */
  #lastChange(side: Side, { conflict, what }: Subject): Changed {
    const { history } = this.#line.core;
    const head = this.#sides[side];
    const names = parseKey((conflict[side] ?? conflict.base ?? conflict).key);
    for (const { address, parents } of commitsSince(history, this.#bases, [head.address])) {
      const after = this.#treeOf(address);
      const changes = parents.every((parent) => {
        const before = this.#treeOf(parent);
        if (what === 'place') return isThere(before, names) !== isThere(after, names);
        return conflict.stream === undefined
          ? !sameSubtree(before, after, names)
          : !sameStreamAt(before, after, names, conflict.stream);
      });
      if (changes) return { address, timeMs: history.commit(address).timeMs };
    }
    return { address: head.address, timeMs: head.commit.timeMs };
  }

  #treeOf(address: Address): Tree {
    return this.#line.treeOf(this.#line.commitAt(address));
  }
}

function isThere(tree: Tree, names: Names): boolean {
  return tree.find(names) !== undefined;
}
