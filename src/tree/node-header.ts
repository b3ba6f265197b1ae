/** What a node block says of itself before its entries. */

import {
  type AlgorithmNumber,
  BLOCK_HEADER,
  BlockKind,
  readBlockHeader,
} from '../ground/block-header.js';
import { malformed } from '../ground/errors.js';
import { NODE_LEVEL_MAX } from '../ground/limits.js';

/** Kind, version, algorithm and level: what an inline child map leaves out. */
export const NODE_HEADER = 4;

/**
 * The level and algorithm that a node block names. REGALIA_FORMAT, REGALIA_VERSION where it is
 * none.
 */
export function readNodeHeader(
  bytes: Uint8Array,
  start: number,
  plainEnd: number,
): { level: number; algorithm: AlgorithmNumber } {
  const { algorithm } = readBlockHeader(bytes, 'node', BlockKind.node, start, plainEnd);
  const level = start + BLOCK_HEADER < plainEnd ? (bytes[start + BLOCK_HEADER] as number) : NaN;
  if (!(level <= NODE_LEVEL_MAX)) {
    throw malformed('node', BLOCK_HEADER, `a level of at most ${NODE_LEVEL_MAX}`, `${level}`);
  }
  return { level, algorithm };
}
