/**
 * On which volumes the shards of a group go: each on one of its own as long as there are enough, and never more on one
 * than the group can lose with it.
 */
import type { AlgorithmNumber } from '../blocks/address.js';
import { assert } from '../errors.js';
import { sha256 } from '../kernels/hash.js';
import type { Place } from '../volumes/piece-row.js';
import { RecordKind } from '../volumes/segment-format.js';
import type { SegmentRecord } from '../volumes/segment-reader.js';
import type { VolumeSet } from '../volumes/volume-set.js';

/** How many shards of data, and of parity. */
export interface Coding {
  readonly data: number;
  readonly parity: number;
}

/** A volume for each shard; undefined where there are too few. `address` spreads groups over them. */
export function volumesForShards(
  volumes: VolumeSet,
  { data, parity }: Coding,
  address: Uint8Array,
  taken: readonly number[] = [],
): number[] | undefined {
  const care = { redundancy: { kind: 'mirrored', copies: 1 }, content: 0, index: 0 } as const;
  const able = volumes.candidates(care, address);
  const held = new Map<number, number>(able.map((volume) => [volume, 0]));
  for (const volume of taken) held.set(volume, (held.get(volume) ?? 0) + 1);
  const chosen: number[] = [];
  for (let shard = taken.length; shard < data + parity; shard++) {
    // The one that holds fewest; of these the most preferred.
    let best: number | undefined;
    for (const volume of able) {
      if (best === undefined || (held.get(volume) ?? 0) < (held.get(best) ?? 0)) best = volume;
    }
    const count = best === undefined ? parity : (held.get(best) ?? 0);
    if (best === undefined || count >= parity) return undefined;
    held.set(best, count + 1);
    chosen.push(best);
  }
  return chosen;
}

/** Appends records of shards, each to its volume, and resolves with where they are. Errors as `VolumeSet.append`. */
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
