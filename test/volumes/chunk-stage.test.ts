/**
 * A stage that is discarded while it writes leaves nothing in use behind, whether the write ends
 * well or not.
 */
import t from 'tap';
import type { Address } from '../../src/blocks/address.js';
import { openMemory } from '../../src/engine/memory.js';
import type { NumberedChunk } from '../../src/volumes/chunk-row.js';
import { Stage, type StagedChunk } from '../../src/volumes/chunk-stage.js';
import { putVolume } from '../../src/volumes/registry.js';

/** A home whose writes end when the test ends them. */
function slowHome() {
  const inUse = new Set<number>();
  const ends: ((fail?: Error) => void)[] = [];
  let next = 1;
  return {
    engine: openMemory(),
    volumes: { sync: async () => undefined },
    inUse,
    ends,
    begin: () => {
      inUse.add(next);
      return next++;
    },
    write: (chunks: readonly StagedChunk[]) =>
      new Promise<NumberedChunk[]>((resolve, reject) => {
        ends.push((fail) => (fail === undefined ? resolve(chunks.map(written)) : reject(fail)));
      }),
    resolved: (number: number) => void inUse.delete(number),
    stages: new Set<Stage>(),
  };
}

function written({ number, address, block }: StagedChunk): NumberedChunk {
  const { length } = block;
  const copies = [{ volume: 1, segment: 1, offset: 0 }];
  return { number, row: { address, codec: 0, plainLength: length, storedLength: length, copies } };
}

for (const fail of [undefined, new Error('no room')]) {
  t.test(
    `a write that ends ${fail === undefined ? 'well' : 'with a failure'} after a discard`,
    async (t) => {
      const home = slowHome();
      const stage = new Stage(home);
      for (const byte of [1, 2, 3])
        stage.put(new Uint8Array(20), new Uint8Array(33).fill(byte) as Address);
      await stage.spill();
      stage.put(new Uint8Array(20), new Uint8Array(33).fill(4) as Address);
      t.equal(home.inUse.size, 4);
      stage.discard();
      t.equal(home.inUse.size, 3, 'what is being written is still in use');
      home.ends[0]?.(fail);
      await new Promise((resolve) => setImmediate(resolve));
      t.equal(home.inUse.size, 0);
      t.equal(stage.heavy, false);
      await home.engine.close();
    },
  );
}

for (const fail of [undefined, new Error('no room')]) {
  const end = fail === undefined ? 'well' : 'with a failure';
  t.test(`what is put after a discard stays, when the write before ends ${end}`, async (t) => {
    const home = slowHome();
    const stage = new Stage(home);
    const put = (byte: number): number =>
      stage.put(new Uint8Array(20), new Uint8Array(33).fill(byte) as Address);
    put(1);
    await stage.spill();
    stage.discard();
    put(2);
    home.ends[0]?.(fail);
    await new Promise((resolve) => setImmediate(resolve));
    t.strictSame([...home.inUse], [2], 'what was discarded is not');
    // The failure shows once to who goes on.
    if (fail !== undefined) await t.rejects(stage.prepare(), { message: 'no room' });
    const prepared = stage.prepare();
    await new Promise((resolve) => setImmediate(resolve));
    t.equal(home.ends.length, 2);
    home.ends[1]?.();
    await prepared;
    stage.published();
    t.equal(home.inUse.size, 0);
    await home.engine.close();
  });
}

t.test('streams that spill at once write one after the other, and none is forgotten', async (t) => {
  const home = slowHome();
  await home.engine.write((batch) => {
    const entry = { number: 1, id: new Uint8Array(16), path: '/v', weight: 1, sequence: 1 };
    putVolume(batch, { ...entry, state: 'online' });
  }, 'none');
  const stage = new Stage(home);
  const put = (byte: number): number =>
    stage.put(new Uint8Array(20).fill(byte), new Uint8Array(33).fill(byte) as Address);
  put(1);
  await stage.spill();
  put(2);
  const one = stage.spill();
  put(3);
  const two = stage.spill();
  await new Promise((resolve) => setImmediate(resolve));
  put(4);
  const landing = stage.prepare();
  for (let i = 0; i < 10; i++) {
    t.ok(home.ends.length <= i + 1, 'one at a time');
    home.ends[i]?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
  await Promise.all([one, two, landing]);
  await home.engine.write((batch) => stage.emit(batch), 'none');
  stage.published();
  t.equal(home.engine.count('chunks'), 4);
  t.equal(home.inUse.size, 0);
  await home.engine.close();
});
