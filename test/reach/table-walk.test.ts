/** Walks of tables: every row once, in slices; what is damaged is passed over, and known. */
import t from 'tap';
import { openMemory } from '../../src/engine/memory.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import {
  bucketsIn,
  chunkSlices,
  damagedRows,
  groupSlices,
  tableSlices,
} from '../../src/reach/table-walk.js';
import { type ChunkRow, encodeChunkRow } from '../../src/volumes/chunk-row.js';
import { noise } from '../store/setup.js';

function chunk(seed: number): ChunkRow {
  const address = concatBytes([Uint8Array.of(1), noise(32, seed)]);
  const copies = [{ volume: 1, segment: 1, offset: 64 }];
  return { address, plainLength: 100, codec: 0, storedLength: 100, copies };
}

async function engineWith(count: number) {
  const engine = openMemory();
  await engine.write((batch) => {
    for (let number = 1; number <= count; number++) {
      batch.put('chunks', number, encodeChunkRow(number, chunk(number)));
    }
  }, 'none');
  return engine;
}

t.test('all rows come, in order and in more than one slice', async (t) => {
  const engine = await engineWith(1_000);
  const numbers: number[] = [];
  let slices = 0;
  for await (const slice of chunkSlices(engine, 'test', undefined)) {
    slices++;
    for (const { number, row } of slice) {
      if (!equalBytes(row.address, chunk(number).address)) t.fail(`row ${number}`);
      numbers.push(number);
    }
  }
  t.strictSame(
    numbers,
    Array.from({ length: 1_000 }, (_, i) => i + 1),
  );
  t.ok(slices > 1);
  for await (const _ of groupSlices(engine, 'test', undefined)) t.fail('a group of an empty table');
});

t.test('a row that is damaged is passed over, and listed', async (t) => {
  const engine = await engineWith(600);
  await engine.write((batch) => {
    const row = batch.get('chunks', 300) as Uint8Array;
    row[3] = (row[3] as number) ^ 1;
    batch.put('chunks', 300, row);
    batch.put('groups', 7, Uint8Array.of(1, 2, 3));
  }, 'none');
  const numbers = new Set<number>();
  for await (const slice of chunkSlices(engine, 'test', undefined)) {
    for (const { number } of slice) numbers.add(number);
  }
  t.equal(numbers.size, 599);
  t.notOk(numbers.has(300));
  t.strictSame(await damagedRows(engine, 'test', undefined), [
    { table: 'chunks', number: 300 },
    { table: 'groups', number: 7 },
  ]);
});

t.test('rows that go and come meanwhile do no harm', async (t) => {
  const engine = await engineWith(600);
  const seen: number[] = [];
  for await (const rows of tableSlices(engine, 'chunks', 'test', undefined)) {
    for (const { key } of rows) seen.push(key);
    await engine.write((batch) => {
      for (const { key } of rows) batch.del('chunks', key);
      if (seen.length < 600) batch.put('chunks', 601, encodeChunkRow(601, chunk(601)));
    }, 'none');
  }
  t.strictSame(
    seen,
    Array.from({ length: 601 }, (_, i) => i + 1),
  );
});

t.test('an abort ends a walk at its next slice', async (t) => {
  const engine = await engineWith(600);
  const controller = new AbortController();
  let slices = 0;
  const walk = async (): Promise<void> => {
    for await (const _ of chunkSlices(engine, 'a test', controller.signal)) {
      slices++;
      controller.abort();
    }
  };
  await t.rejects(walk(), { code: 'REGALIA_ABORTED', data: { operation: 'a test' } });
  t.equal(slices, 1);
});

t.test('the buckets of a table are those that its keys begin with', async (t) => {
  const engine = openMemory();
  const buckets = [1, 2, 255].map((byte) => new Uint8Array(16).fill(byte));
  await engine.write((batch) => {
    for (const bucket of buckets) {
      batch.put('log', bucket, Uint8Array.of(1));
      batch.put('log', concatBytes([bucket, new Uint8Array(6).fill(255)]), Uint8Array.of(1));
    }
  }, 'none');
  t.strictSame([...bucketsIn(engine, 'log')], buckets);
  t.strictSame([...bucketsIn(engine, 'heads')], []);
});
