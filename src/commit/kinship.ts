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
import { finishSteps } from '../tree/steps.js';
import { relationsOf } from './bases.js';
import type { Line, LocalCommit } from './line.js';
import { areUnmoved } from './moves-within.js';

export function kinshipsOf(line: Line, before: LocalCommit, after: LocalCommit): Kinship[] {
  if (areUnmoved(before.address, before.commit, after.address, after.commit)) return [];
  const relations = relationsOf(line);
  try {
    const bases = mergeBases(line.core.history, [before.address], [after.address]);
    return bases.map((base) => ({
      base: line.treeOf(line.commitAt(base)),
      before: finishSteps(relations.between(base, before.address)),
      after: finishSteps(relations.between(base, after.address)),
    }));
  } catch (error) {
    const isForgotten =
      isRegaliaError(error, 'REGALIA_HORIZON') || isRegaliaError(error, 'REGALIA_MISSING');
    if (isForgotten) return [];
    throw error;
  }
}
