/**
 * On which volumes the shards of a group go: each on one of its own as long as there are enough,
 * and never more on one than the group can lose with it.
 */
import type {} from '../blocks/address.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { assert } from '../ground/errors.js';
import { sha256 } from '../kernels/hash.js';
import type { Place } from './chunk-row.js';
import { RecordKind } from './segment-format.js';
import type { SegmentRecord } from './segment-reader.js';
import type { VolumeSet } from './volume-set.js';

/** How many shards of data, and of parity. */
export interface Coding {
  readonly data: number;
  readonly parity: number;
}

/**
 * A volume for each shard that is not on one yet; undefined where there are too few. `address`
 * spreads groups.
 */
export function volumesForShards(
  volumes: VolumeSet,
  { data, parity }: Coding,
  address: Uint8Array,
  taken: readonly number[] = [],
  count = data + parity - taken.length,
): number[] | undefined {
  const care = { redundancy: { kind: 'mirrored', copies: 1 }, content: 0, index: 0 } as const;
  const able = volumes.candidates(care, address);
  const held = new Map<number, number>(able.map((volume) => [volume, 0]));
  for (const volume of taken) held.set(volume, (held.get(volume) ?? 0) + 1);
  const chosen: number[] = [];
  while (chosen.length < count) {
    // The one that holds fewest; of these the most preferred.
    let best: number | undefined;
    for (const volume of able) {
      if (best === undefined || (held.get(volume) ?? 0) < (held.get(best) ?? 0)) best = volume;
    }
    const holds = best === undefined ? parity : (held.get(best) ?? 0);
    if (best === undefined || holds >= parity) return undefined;
    held.set(best, holds + 1);
    chosen.push(best);
  }
  return chosen;
}

/**
 * Appends records of shards, each to its volume, and resolves with where they are. Errors as
 * `VolumeSet.append`.
 */
export async function appendShards(
  volumes: VolumeSet,
  records: readonly Uint8Array[],
  targets: readonly number[],
): Promise<Place[]> {
  assert(records.length === targets.length, 'a volume for each shard');
  return Promise.all(
    records.map(async (stored, i) => {
      const [place] = await volumes.append(targets[i] as number, [shardRecord(stored)]);
      return place as Place;
    }),
  );
}

function shardRecord(stored: Uint8Array): SegmentRecord {
  const head = {
    kind: RecordKind.shard,
    codec: 0,
    algorithm: 1 as AlgorithmNumber,
    plainLength: stored.length,
    storedLength: stored.length,
    digest: sha256(stored),
  };
  return { head, stored };
}
