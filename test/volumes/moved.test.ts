/** A volume that is moved while its store is open. */
import { rename } from 'node:fs/promises';
import path from 'node:path';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { noise } from '../chunks/setup.js';

t.test('what was appended before a volume was moved is collected afterwards', async (t) => {
  const folder = t.testdir();
  const [here, there] = [path.join(folder, 'here'), path.join(folder, 'there')];
  const mirrored = { kind: 'mirrored', copies: 2 } as const;
  const options = { workers: 0, default: { inlineMax: 0, redundancy: mirrored } } as const;
  const store = await Regalia.open(path.join(folder, 'store'), options);
  await store.addVolume(here);
  await store.transact((tx) => tx.write('/a', 's', noise(300_000, 1)));
  await rename(here, there);
  await store.addVolume(there);
  const { compacted } = await store.gc({ graceMs: 0, deadShare: 0 });
  t.equal(compacted.segments, 2, 'the segments of both volumes are emptied');
  t.equal(compacted.stuck, 0);
  t.same(await store.snapshot().get('/a', 's')?.bytes(), noise(300_000, 1));
  for await (const row of store.verify()) if (row.kind === 'summary') t.equal(row.faults, 0);
  await store.close();
});
