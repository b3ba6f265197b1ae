/** What is at an id, where rows are cut short, lie about their slots, or lead in a circle. */
import t from 'tap';
import { blockId, ExtentBuilder, readBody } from '../../src/blocks/extent.js';
import { openMemory } from '../../src/engine/memory.js';
import { PATCH_DEPTH_MAX } from '../../src/ground/limits.js';

const address = new Uint8Array(33).fill(1);

/** An extent of one whole block, and of patches that each keep all of the one before. */
function chain(number: number, patches: number): ExtentBuilder {
  const extent = new ExtentBuilder(number);
  extent.stored
    .u8(0)
    .varint(4)
    .bytes(Uint8Array.of(1, 2, 3, 4));
  extent.close(address);
  for (let slot = 0; slot < patches; slot++) {
    extent.stored.u8(1).u48(blockId(number, slot)).varint(4).varint(4).varint(8).varint(0);
    extent.close(address);
  }
  return extent;
}

t.test('patches are applied, as many as there may be', async (t) => {
  const engine = openMemory();
  const extent = chain(7, PATCH_DEPTH_MAX + 1);
  await engine.write((batch) => batch.put('extents', 7, extent.encode()), 'none');
  const staged = new Map([[7, extent]]);
  for (let slot = 0; slot <= PATCH_DEPTH_MAX; slot++) {
    const { bytes, start, plainLength, chain: stands } = readBody(engine, blockId(7, slot));
    t.same([...bytes.subarray(start, start + plainLength)], [1, 2, 3, 4]);
    const expected = { depth: slot, whole: blockId(7, 0) };
    t.same(stands, expected);
    t.same(readBody(openMemory(), blockId(7, slot), staged).chain, expected, 'also staged');
  }
  const tooLong = blockId(7, PATCH_DEPTH_MAX + 1);
  t.throws(() => readBody(engine, tooLong), { code: 'REGALIA_FORMAT' });
  t.throws(() => readBody(openMemory(), tooLong, staged), { code: 'REGALIA_FORMAT' });
});

t.test('a patch on itself comes to an end', async (t) => {
  const extent = new ExtentBuilder(7);
  extent.stored.u8(1).u48(blockId(7, 0)).varint(4).varint(4).varint(8).varint(0);
  extent.close(address);
  t.throws(() => readBody(openMemory(), blockId(7, 0), new Map([[7, extent]])), {
    code: 'REGALIA_FORMAT',
  });
});

t.test('no slot, no extent, and a row cut short', async (t) => {
  const engine = openMemory();
  const row = chain(7, 1).encode();
  await engine.write((batch) => batch.put('extents', 7, row), 'none');
  t.throws(() => readBody(engine, blockId(7, 2)), { code: 'REGALIA_FORMAT' });
  for (const id of [blockId(8, 0), 2 ** 48 - 1]) {
    t.throws(() => readBody(engine, id), { code: 'REGALIA_MISSING' });
  }
  for (let length = 0; length < row.length; length++) {
    await engine.write((batch) => batch.put('extents', 7, row.subarray(0, length)), 'none');
    t.throws(() => readBody(engine, blockId(7, 1)), { code: 'REGALIA_FORMAT' });
  }
});
