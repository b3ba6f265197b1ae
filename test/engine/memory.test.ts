/** Memory under the conformance suite of engines. */
import t from 'tap';
import { openMemory } from '../../src/engine/memory.js';
import { conformance } from './conformance.js';

await conformance(t, async () => openMemory());

t.test('a store in memory has no file to copy', async (t) => {
  await t.rejects(openMemory().backup('/nowhere/at/all'), { code: 'REGALIA_OPTION' });
});
