/**
 * Where moved entries shall be, by what both sides told of them.
 *
 *     base /a, /b    ours /a -> /b/a    theirs /b -> /c       both stand: /c, /c/a
 *     base /a, /b    ours /a -> /b/a    theirs /b -> /a/b     a cycle: the first mover's stands, the other is undone
 *
 * A place is told by the entry that it is within and the way from there, so that moves of parents
 * and children combine. Contradictions are conflicts with one outcome on all replicas: the first
 * mover's place stands, and the other entry stays where the base has it; where it can't, nothing is
 * known of its move any more: it was removed and added. Every round undoes a move or forgets an
 * entry, so this ends, and no subtree is lost or within itself.
 *
 * An entry that one side moved and the other removed stays at its new place, as if it had been
 * added there.
 */
import { equalBytes, hex } from '../ground/bytes.js';
import { keyText } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { NodeCache } from '../tree/node-cache.js';
import { bucketChanges } from './buckets.js';
import type { Side } from './conflict.js';
import { composeMoves, type Moved, presentKey, type SideMoves } from './moves.js';
import type { Judging } from './policy.js';
import { type Places, Settling } from './settling.js';

export interface PlacesOptions {
  readonly cache: NodeCache;
  readonly base: Tree | undefined;
  readonly ours: Tree;
  readonly theirs: Tree;
  readonly moves: SideMoves | undefined;
  readonly judge: Judging;
  readonly firstMover: Side;
}

const NO_PLACES: Places = { base: [], ours: [], theirs: [], keyIn: (_, key) => key };

export function settlePlaces(options: PlacesOptions): Places {
  const { base, ours, theirs, moves } = options;
  if (base === undefined) return NO_PLACES;
  const moved = {
    ours: composeMoves(moves?.ours ?? []),
    theirs: composeMoves(moves?.theirs ?? []),
  };
  addBucketMoves(options, base, ours, moved.ours);
  addBucketMoves(options, base, theirs, moved.theirs);
  if (moved.ours.size === 0 && moved.theirs.size === 0) return NO_PLACES;
  const settling = new Settling({ ...options, base, moved });
  settling.run();
  return settling.places();
}

/** Buckets are found again by their ids, whether their moves were told or not. */
function addBucketMoves({ cache }: PlacesOptions, base: Tree, side: Tree, moved: Moved): void {
  if (equalBytes(base.root.address, side.root.address)) return;
  const from = new Map<string, string>();
  const to = new Map<string, string>();
  for (const { names, before, after } of bucketChanges(cache, [], base.top, side.top)) {
    const key = keyText(names);
    if (before !== undefined) from.set(hex(before.bucket), key);
    if (after !== undefined) to.set(hex(after.bucket), key);
  }
  const targets = new Set(moved.values());
  for (const [id, key] of from) {
    const target = to.get(id);
    if (target === undefined || presentKey(moved, key) === target || targets.has(target)) continue;
    moved.set(key, target);
  }
}
