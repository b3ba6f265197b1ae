/**
 * Records that follow each other are read by one call, whatever lies on other volumes between them.
 */
import t from 'tap';
import type { Address } from '../../src/blocks/address.js';
import { readRuns } from '../../src/volumes/chunk-reads.js';
import type { ChunkRow, Place } from '../../src/volumes/chunk-row.js';
import { RECORD_HEADER, RecordKind } from '../../src/volumes/segment-format.js';
import type { RecordPlace } from '../../src/volumes/segment-reader.js';

const stored_length = 1_000;

function itemAt(index: number, volume: number, segment: number, offset: number) {
  const address = new Uint8Array(33).fill(index + 1) as Address;
  address[0] = 1;
  const place: Place = { volume, segment, offset };
  const row: ChunkRow = {
    address,
    plainLength: stored_length,
    codec: 0,
    storedLength: stored_length,
    copies: [place],
  };
  return { row, place };
}

type Item = ReturnType<typeof itemAt>;

/** Volumes that hold the items, and note for each call how many records it asks of which volume. */
function volumesOf(items: readonly Item[]) {
  const calls: string[] = [];
  return {
    calls,
    segments: (volume: number) => ({
      readRun: async (places: readonly RecordPlace[]) => {
        calls.push(`${places.length} of ${volume}`);
        return places.map(({ segment, offset }) => {
          const found = items.find(
            ({ place }) =>
              place.volume === volume && place.segment === segment && place.offset === offset,
          );
          if (found === undefined) throw new Error('no record is there');
          const digest = found.row.address.subarray(1);
          return {
            head: {
              ...({ kind: RecordKind.chunk, codec: 0, algorithm: 1, digest } as const),
              ...{ plainLength: stored_length, storedLength: stored_length },
            },
            stored: new Uint8Array(stored_length).fill(digest[0] as number),
          };
        });
      },
    }),
  };
}

const step = RECORD_HEADER + stored_length;

async function callsFor(
  t: Pick<typeof import('tap').t, 'strictSame'>,
  items: readonly Item[],
): Promise<string[]> {
  const volumes = volumesOf(items);
  const groups = { read: () => Promise.reject(new Error('no chunk is in a group')) };
  const found = await readRuns({ volumes, groups }, items);
  t.strictSame(
    items.map((item) => found.get(item)?.[0]),
    items.map((_, i) => i + 1),
    'each item has its own bytes',
  );
  return volumes.calls;
}

t.test('chunks striped over two volumes take one call each', async (t) => {
  const items = Array.from({ length: 8 }, (_, i) =>
    itemAt(i, 1 + (i % 2), 7 + (i % 2), Math.floor(i / 2) * step),
  );
  t.strictSame(await callsFor(t, items), ['4 of 1', '4 of 2']);
});

t.test('a gap, another segment, and an earlier record begin another call', async (t) => {
  const places = [0, step, 3 * step, 4 * step, 0];
  const items = places.map((offset, i) => itemAt(i, 1, i === 4 ? 8 : 7, offset));
  t.strictSame(await callsFor(t, items), ['2 of 1', '2 of 1', '1 of 1']);
  const back = [step, 0].map((offset, i) => itemAt(i, 1, 7, offset));
  t.strictSame(await callsFor(t, back), ['1 of 1', '1 of 1']);
});
