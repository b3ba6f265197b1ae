/**
 * Reed and Solomon's code: k data shards and m parity shards of one length, any k of which give
 * back all of them. It is systematic: data shards are the data as it is. At each byte, over GF(256)
 * as in gf256.ts:
 *
 *     parity[i]  =  sum over j of c(i, j) × data[j]
 *     c(i, j)    =  (255 ⊕ j) / (255 ⊕ i ⊕ j)
 *
 * With x(i) = 255 ⊕ i and y(j) = j, which are distinct as long as i and j are below 32, 1 / (x(i) ⊕
 * y(j)) is a Cauchy matrix: all its square submatrices can be inverted, hence any k of the k + m
 * rows of identity and parity. Columns are scaled by x(0) ⊕ y(j), which keeps that and makes the
 * first parity the mere sum, as in RAID 5. Since c depends on neither k nor m, missing data shards
 * count as zeros, and parities may be added or left out.
 *
 * Persisted: shards on volumes are written with it.
 */
import { assert } from '../ground/errors.js';
import { SHARDS_MAX } from '../ground/limits.js';
import {
  type Combine,
  divide,
  fastestCombine,
  inverse,
  type Matrix,
  timesMatrix,
} from './gf256.js';

/** What is wrong with shard counts of unknown origin, as evidence for an error; else undefined. */
export function shardsFault(
  k: number,
  m: number,
): { expected: string; actual: string } | undefined {
  const whole = Number.isInteger(k) && Number.isInteger(m);
  if (whole && k >= 1 && m >= 1 && k + m <= SHARDS_MAX) return undefined;
  return { expected: `k >= 1, m >= 1, k + m <= ${SHARDS_MAX}`, actual: `${k}, ${m}` };
}

/** The factor of data shard `j` in parity shard `i`. */
export function parityFactor(i: number, j: number): number {
  return divide(255 ^ j, 255 ^ i ^ j);
}

/** What makes shard `index` of k data shards: a unit for data, factors for parity. */
function rowOf(index: number, k: number): Uint8Array {
  return Uint8Array.from({ length: k }, (_, j) => {
    if (index < k) return index === j ? 1 : 0;
    return parityFactor(index - k, j);
  });
}

/** Overwrites the parity shards with those of the data, all of one length, sharing no bytes. */
export function encode(
  data: readonly Uint8Array[],
  parity: readonly Uint8Array[],
  combine: Combine = fastestCombine(),
): void {
  const k = data.length;
  assert(shardsFault(k, parity.length) === undefined, 'shard counts are without fault');
  const rows = parity.map((_, i) => rowOf(k + i, k));
  combine(rows, data, parity);
}

/**
 * Fills in the shards of `wanted`, or all that are missing, from any k that are there: data shards
 * 0 … k - 1, then parity. At least k are there. Equal ranges of all shards may stand for the whole.
 */
export function reconstruct(
  shards: (Uint8Array | undefined)[],
  k: number,
  m: number,
  wanted: readonly number[] = missingFrom(shards),
  combine: Combine = fastestCombine(),
): void {
  assert(shardsFault(k, m) === undefined, 'shard counts are without fault');
  assert(shards.length === k + m, 'a place for each shard');
  assert(new Set(wanted).size === wanted.length, 'no shard is wanted twice');
  for (const index of wanted) {
    assert(index >= 0 && index < k + m, 'a wanted shard is one of these');
    assert(shards[index] === undefined, 'a wanted shard is missing');
  }
  if (wanted.length === 0) return;
  const indexes = [...shards.keys()].filter((index) => shards[index] !== undefined).slice(0, k);
  assert(indexes.length === k, 'at least k shards are there');
  const inputs = indexes.map((index) => shards[index] as Uint8Array);
  const solved = solve(indexes, k);
  const outputs = wanted.map(() => new Uint8Array(inputs[0].length));
  const rows = wanted.map((index) => timesMatrix(rowOf(index, k), solved));
  combine(rows, inputs, outputs);
  for (const [i, index] of wanted.entries()) shards[index] = outputs[i];
}

function missingFrom(shards: readonly (Uint8Array | undefined)[]): number[] {
  return [...shards.keys()].filter((index) => shards[index] === undefined);
}

/** The matrix that gives the data shards, of k others. */
function solve(indexes: readonly number[], k: number): Matrix {
  const solved = inverse(indexes.map((index) => rowOf(index, k)));
  assert(solved !== undefined, 'any k rows can be inverted');
  return solved;
}
