/** LMDB under the conformance suite of engines, and beside a model. */
import { join } from 'node:path';
import t from 'tap';
import { engineConformance } from '../../src/engine/conformance.js';
import type { Engine } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { properties } from './properties.js';

const folder = t.testdir();
const open = (name: string) => openLmdb(join(folder, name));

/** One that has a log in front of its tables from the beginning. */
async function openLogged(name: string): Promise<Engine> {
  const engine = await open(`logged-${name}`);
  for (let i = 0; i < 6; i++) {
    await engine.write((batch) => batch.put('meta', Uint8Array.of(7), Uint8Array.of(i)), 'none');
  }
  await engine.write((batch) => batch.del('meta', Uint8Array.of(7)), 'none');
  return engine;
}

for (const { name, run } of engineConformance(open, { durable: true })) t.test(name, run);
properties(t, open);

for (const { name, run } of engineConformance(openLogged, { durable: true })) {
  t.test(`with a log: ${name}`, run);
}
properties(t, openLogged);
