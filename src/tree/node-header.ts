/** What a node block says of itself before its entries. */
import {
  type AlgorithmNumber,
  algorithmName,
  BLOCK_VERSION,
  BlockKind,
} from '../blocks/address.js';
import { ByteReader } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';

/** Kind, version, algorithm and level: what an inline child map leaves out. */
export const NODE_HEADER = 4;
/** A tree's height is far below: 2^53 entries under nodes of two children. */
export const LEVEL_MAX = 48;

/**
 * The level and algorithm that a node block names. REGALIA_FORMAT, REGALIA_VERSION where it is
 * none.
 */
export function readNodeHeader(
  bytes: Uint8Array,
  start: number,
  plainEnd: number,
): { level: number; algorithm: AlgorithmNumber } {
  const reader = new ByteReader(bytes, 'node', start, plainEnd);
  const kind = reader.u8();
  if (kind !== BlockKind.node) reader.fail(`kind ${BlockKind.node}`, `${kind}`);
  const version = reader.u8();
  if (version !== BLOCK_VERSION) {
    throw new RegaliaError(
      'REGALIA_VERSION',
      `a node of version ${version} is unknown to this release`,
      {
        what: 'node',
        expected: `${BLOCK_VERSION}`,
        actual: `${version}`,
      },
    );
  }
  const algorithm = reader.u8();
  if (algorithmName(algorithm) === undefined) reader.fail('a known algorithm', `${algorithm}`);
  const level = reader.u8();
  if (level > LEVEL_MAX) reader.fail(`a level of at most ${LEVEL_MAX}`, `${level}`);
  return { level, algorithm: algorithm as AlgorithmNumber };
}
