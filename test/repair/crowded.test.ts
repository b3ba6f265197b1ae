/** Shards that shared volumes for want of others: a repair parts them once there are others. */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { Regalia } from '../../src/index.js';

t.test('with a new volume, a crowded group can lose any two volumes again', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-crowded-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const folder = join(dir, 'store');
  const content = randomBytes(300_000);
  const coded = { kind: 'coded', data: 2, parity: 2, from: 1 } as const;
  const store = await Regalia.open(folder, { workers: 0, default: { redundancy: coded } });
  await store.addVolume(join(dir, 'two'));
  await store.addVolume(join(dir, 'three'));
  await store.transact((tx) => tx.write('/a', 'content', content));
  t.match(await store.repair({ restedMs: 0 }), { thin: 0, coded: { groups: 1 } });
  await store.addVolume(join(dir, 'four'));
  t.match(await store.repair(), { groups: 1, shardsRestored: 1, thin: 0, lost: 0 });
  t.match(await store.repair(), { shardsRestored: 0 }, 'what is parted stays');
  await store.gc({ graceMs: 0 });
  const paths = (await store.volumes()).map((volume) => volume.path);
  await store.close();
  for (const [i, one] of paths.entries()) {
    for (const other of paths.slice(i + 1)) {
      for (const lost of [one, other]) renameSync(lost, `${lost}-lost`);
      const reader = await Regalia.open(folder, { readOnly: true, workers: 0 });
      const bytes = await reader.snapshot().get('/a', 'content')?.bytes();
      t.ok(bytes !== undefined && content.equals(bytes), `without ${one} and ${other}`);
      await reader.close();
      for (const lost of [one, other]) renameSync(`${lost}-lost`, lost);
    }
  }
});
