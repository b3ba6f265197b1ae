/**
 * Any bit flipped anywhere is met with faults, or harms nobody: rows outside blocks are found in
 * every bit, blocks where a commit reaches them. A scrub never fails of it.
 */

import fc from 'fast-check';
import t from 'tap';
import type { Row, Table } from '../../src/engine/engine.js';
import { runs } from '../runs.js';
import { openSample, scrub } from './setup.js';

const sample = await openSample('memory');
t.teardown(() => sample.remove());
const { store, engine } = sample;

/** Runs `body` with one bit of one row of a table flipped. */
async function flipping(
  table: Table,
  pick: readonly [row: number, byte: number, bit: number],
  body: () => Promise<void>,
): Promise<void> {
  const rows = [...engine.range(table)] as Row<never>[];
  const { key, bytes } = rows[pick[0] % rows.length] as Row<never>;
  const damaged = bytes.slice();
  const at = pick[1] % bytes.length;
  damaged[at] = (damaged[at] as number) ^ (1 << pick[2]);
  await engine.write((batch) => batch.put(table, key, damaged), 'none');
  try {
    await body();
  } finally {
    await engine.write((batch) => batch.put(table, key, bytes), 'none');
  }
}

const picks = fc.tuple(fc.nat(), fc.nat(), fc.nat(7));

for (const table of ['commits', 'log', 'heads', 'meta'] as const) {
  t.test(`a flipped bit in table ${table} is found, as one fault`, async (t) => {
    await fc.assert(
      fc.asyncProperty(picks, (pick) =>
        flipping(table, pick, async () => {
          t.equal((await scrub(store)).faults.length, 1);
        }),
      ),
      { numRuns: runs(40) },
    );
  });
}

for (const table of ['extents', 'addressLog'] as const) {
  t.test(`a flipped bit in table ${table} is found where a commit reaches it`, async (t) => {
    let found = 0;
    const flips = runs(80);
    await fc.assert(
      fc.asyncProperty(picks, (pick) =>
        flipping(table, pick, async () => {
          if ((await scrub(store)).faults.length > 0) found++;
        }),
      ),
      { numRuns: flips },
    );
    // What transactions staged and no commit took is a small part.
    t.ok(found > flips * 0.7, `${found} of ${flips}`);
  });
}

t.test('after all that the store is sound', async (t) => {
  t.same((await scrub(store)).faults, []);
});
