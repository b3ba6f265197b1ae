/** A store's state as the model's tree. */
import type { Snapshot } from '../../src/index.js';
import { makeBucket, newPlace, type Place, putStream } from './truth.js';

export function placeOf(snapshot: Snapshot): Place {
  const top = newPlace();
  for (const entry of snapshot.walk()) {
    const { key, bucket } = entry;
    if (bucket !== undefined && key !== '/') makeBucket(top, key, bucket);
    for (const stream of entry.streams) {
      const bytes = entry.get(stream)?.inline as Uint8Array;
      putStream(top, key, stream, Buffer.from(bytes).toString());
    }
  }
  return top;
}
