/** The overlay of a write: its ranges cost what they return, however much was put before. */
import t from 'tap';
import { openMemory } from '../../src/engine/memory.js';
import { u48Bytes } from '../../src/ground/integers.js';

/** How many keys are gone through and sorted while something runs. */
async function keysSeen(work: () => Promise<unknown>): Promise<number> {
  const { keys } = Map.prototype;
  let seen = 0;
  Map.prototype.keys = function counted(this: Map<unknown, unknown>) {
    seen += this.size;
    return keys.call(this);
  };
  try {
    await work();
  } finally {
    Map.prototype.keys = keys;
  }
  return seen;
}

t.test('a range between puts does not go through all that was put', async (t) => {
  const engine = openMemory();
  const count = 3_000;
  const keyAt = (i: number) => u48Bytes((i * 7_919) % count).reverse();
  const seen = await keysSeen(() =>
    engine.write((batch) => {
      for (let i = 0; i < count; i++) {
        batch.put('heads', keyAt(i), Uint8Array.of(1));
        const before = { lte: keyAt(i), reverse: true, limit: 1 };
        for (const { key } of batch.range('heads', before)) t.same(key, keyAt(i));
      }
    }, 'none'),
  );
  t.ok(seen < 5 * count, `${seen} keys for ${count} puts`);
  await engine.close();
});

t.test('what a body puts and deletes in front of a range is seen once, in order', async (t) => {
  const engine = openMemory();
  await engine.write((batch) => {
    for (let i = 0; i < 50; i += 2) batch.put('heads', Uint8Array.of(i), Uint8Array.of(0));
  }, 'none');
  await engine.write((batch) => {
    batch.put('heads', Uint8Array.of(1), Uint8Array.of(1));
    let last = -1;
    let met = 0;
    for (const { key } of batch.range('heads')) {
      const at = key[0] as number;
      if (at <= last) t.fail(`${at} behind ${last}`);
      last = at;
      met++;
      if (at < 60) batch.put('heads', Uint8Array.of(at + 11), Uint8Array.of(1));
      if (at % 5 === 0) batch.del('heads', key);
    }
    t.ok(met >= 26, 'all that was there before');
  }, 'none');
  await engine.close();
});
