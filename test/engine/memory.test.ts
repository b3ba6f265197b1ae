/** Memory under the conformance suite of engines, and beside a model. */
import t from 'tap';
import { engineConformance } from '../../src/engine/conformance.js';
import { openMemory } from '../../src/engine/memory.js';
import { properties } from './properties.js';

const open = async () => openMemory();

for (const { name, run } of engineConformance(open)) t.test(name, run);
properties(t, open);

t.test('a store in memory has no file to copy', async (t) => {
  await t.rejects(openMemory().backup('/nowhere/at/all'), { code: 'REGALIA_OPTION' });
});
