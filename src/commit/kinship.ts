/**
 * How two commits of a bucket are akin: through each of their best common ancestors, and the maps
 * from there on.
 *
 *     before  <-  base  ->  after       where one comes before the other, it is the base
 *
 * What history has forgotten is not asked: where it is cut off, nothing is known.
 */
import { isRegaliaError } from '../ground/errors.js';
import { mergeBases } from '../log/ancestry.js';
import type { Kinship } from '../merge/pairs.js';
import type { Steps } from '../tree/steps.js';
import { relationsOf } from './bases.js';
import type { Line, LocalCommit } from './line.js';
import { areUnmoved } from './moves-within.js';

export function* kinshipSteps(
  line: Line,
  before: LocalCommit,
  after: LocalCommit,
): Steps<Kinship[]> {
  if (areUnmoved(before.address, before.commit, after.address, after.commit)) return [];
  const relations = relationsOf(line);
  try {
    const bases = mergeBases(line.core.history, [before.address], [after.address]);
    const kinships: Kinship[] = [];
    for (const base of bases) {
      kinships.push({
        base: line.treeOf(line.commitAt(base)),
        before: yield* relations.between(base, before.address),
        after: yield* relations.between(base, after.address),
      });
    }
    return kinships;
  } catch (error) {
    const isForgotten =
      isRegaliaError(error, 'REGALIA_HORIZON') || isRegaliaError(error, 'REGALIA_MISSING');
    if (isForgotten) return [];
    throw error;
  }
}
