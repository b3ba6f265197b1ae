/**
 * Faults that reads went around: told to who wants to know, while the read goes on with another
 * copy or other shards.
 *
 *     a copy, or a shard, that is not sound -> each time it is met
 *     a volume that is away                 -> once, until it is back
 */
import { addressText } from '../blocks/address.js';
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import type { Place } from './chunk-row.js';
import type { ChunkStore } from './chunk-store.js';

export interface ContentFault {
  readonly kind: 'copy' | 'shard' | 'volume';
  /** The folder of the volume. */
  readonly volume: string;
  /** Of the chunk whose copy it is. */
  readonly address: string | undefined;
  readonly error: RegaliaError;
}

/**
 * Tells faults from now on, behind the read that met them: what a listener throws is not the
 * read's.
 */
export function reportFaults(chunks: ChunkStore, listener: (fault: ContentFault) => void): void {
  const { volumes, groups } = chunks;
  const tell = (fault: ContentFault): void => queueMicrotask(() => listener(fault));
  const tellAt = (
    kind: 'copy' | 'shard',
    place: Place | undefined,
    address: string | undefined,
    error: unknown,
  ): void => {
    // That a volume is away was told of the volume.
    if (place === undefined || !volumes.isHere(place.volume) || !isRegaliaError(error)) return;
    tell({ kind, volume: volumes.pathOf(place.volume), address, error });
  };
  chunks.onFault = ({ address, place, error }) => {
    tellAt('copy', place, addressText(address), error);
  };
  groups.onFault = ({ place, error }) => tellAt('shard', place, undefined, error);
  volumes.onAway = (volume) => {
    const data = { address: volume, source: volume };
    const error = new RegaliaError('REGALIA_MISSING', `the volume at ${volume} is not here`, data);
    tell({ kind: 'volume', volume, address: undefined, error });
  };
}
