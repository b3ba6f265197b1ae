/**
 * Rescan: the index of chunks from the segments alone, whatever of it was lost, and from segments
 * that are damaged.
 */
import { closeSync, cpSync, openSync, statSync, truncateSync, writeSync } from 'node:fs';
import t, { type Test } from 'tap';
import type { ChunkRow } from '../../src/volumes/chunk-row.js';
import { putChunk } from '../../src/volumes/row-changes.js';
import { noise } from '../chunks/setup.js';
import { engineOf, HEAD, Lab } from '../volumes/lab.js';

const CODED = { kind: 'coded', data: 4, parity: 2, from: 100_000 } as const;
const ONCE = { kind: 'none' } as const;
const NOW = { graceMs: 0 };

async function filled(t: Test): Promise<Lab> {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/large': noise(900_000, 1), '/other': noise(150_000, 2) });
  await (await lab.store()).repair({ restedMs: 0 });
  await (await lab.store()).gc(NOW);
  await lab.write({ '/small': noise(60_000, 3), '/tiny': noise(500, 4) });
  return lab;
}

for (const tables of [
  ['chunks'],
  ['groups'],
  ['addresses'],
  ['chunks', 'addresses'],
  ['chunks', 'groups'],
  ['groups', 'addresses'],
  ['chunks', 'groups', 'addresses'],
] as const) {
  t.test(`rows of ${tables.join(' and ')} are lost`, async (t) => {
    const lab = await filled(t);
    const [chunks, groups] = [(await lab.chunks()).length, (await lab.groups()).length];
    await lab.clear(...tables);
    await lab.reopen();
    if (tables.some((table) => table !== 'addresses')) t.ok((await lab.unreadable()).length > 0);
    const store = await lab.store();
    const result = await store.rescan();
    t.equal(result.damaged, 0);
    await lab.reopen();
    t.same(await lab.unreadable(), [], 'all reads back');
    t.equal((await lab.chunks()).length, chunks);
    t.equal((await lab.groups()).length, groups);
    // Links of manifests lead elsewhere by now, which can be mended; nothing else is wrong.
    const faults = await lab.faults();
    t.same(
      faults.filter((fault) => !fault.startsWith('link: ')),
      [],
    );
    const again = await (await lab.store()).rescan();
    t.match(again, { chunks: 0, copies: 0, groups: 0, shards: 0 }, 'a second one finds nothing');
    const after = await lab.store();
    t.match(await after.gc(NOW), { deferred: undefined, condemned: 0, forgotten: 0 });
    t.match(await after.repair(), { lost: 0, thin: 0, copiesRestored: 0, shardsRestored: 0 });
    t.same(await lab.unreadable(), []);
  });
}

t.test('what the rules ask for is known after a rescan, too', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/large': noise(200_000, 1), '/small': noise(60_000, 3) });
  await lab.close();
  lab.destroy(3);
  const store = await lab.store();
  await lab.clear('chunks', 'addresses');
  await store.rescan();
  // As if numbers had begun anew: those of old links are those of other chunks.
  const rows = (await lab.chunks()).map(({ row }) => row);
  await lab.clear('chunks', 'addresses');
  await engineOf(store).write((batch) => {
    for (let i = 0; i < rows.length; i++) {
      putChunk(batch, i + 1, rows[(i + 5) % rows.length] as ChunkRow);
    }
  }, 'sync');
  t.same(await lab.unreadable(), []);
  await store.removeVolume(await lab.id(3), { lost: true });
  await lab.volumes(7);
  const { coded } = await store.repair({ restedMs: 0 });
  t.equal(coded.chunks, Math.ceil(200_000 / 16_384));
  const coding = (await lab.chunks()).filter(({ row }) => row.coded !== undefined);
  const lengths = coding.map(({ row }) => row.plainLength).sort((a, b) => a - b);
  t.same(lengths, [200_000 % 16_384, ...new Array(12).fill(16_384)], 'the chunks of the large one');
  for (const { row } of await lab.chunks()) {
    t.equal(row.copies.length, row.coded === undefined ? 3 : 0);
  }
  const use = (await store.contentStats()).streams.find(({ stream }) => stream === 'content');
  t.match(use, { contents: 2, logicalBytes: 260_000, plainBytes: 260_000, storedBytes: 260_000 });
  await store.gc(NOW);
  await lab.reopen();
  t.same(await lab.unreadable(), []);
});

t.test('a damaged head in the middle of a segment is passed over', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(10 * 16_384, 1), '/b': noise(50_000, 2) });
  const rows = await lab.chunks();
  const [head, bytes] = [rows[3]?.row.copies[0], rows[6]?.row.copies[0]];
  if (head !== undefined) lab.flip(head, 13);
  if (bytes !== undefined) lab.flip(bytes, HEAD + 8_000);
  await lab.clear('chunks', 'addresses');
  const store = await lab.reopen();
  const result = await store.rescan();
  t.match(result, { chunks: rows.length - 2, damaged: 2, records: rows.length - 1 });
  await lab.reopen();
  t.same(await lab.unreadable(), ['/a'], 'the rest reads back');
  await lab.write({ '/a': noise(10 * 16_384, 1) });
  await lab.reopen();
  t.same(await lab.unreadable(), [], 'and what is written again, too');
});

t.test('torn ends, and bytes that look like records', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(40_000, 1) });
  await lab.close();
  const [segment = ''] = lab.segments();
  const size = statSync(segment).size;
  const descriptor = openSync(segment, 'r+');
  writeSync(
    descriptor,
    Buffer.from([0xa7, 0x52, 0xe9, 0x1c, ...noise(70_000, 9)]),
    0,
    70_004,
    size,
  );
  closeSync(descriptor);
  await lab.clear('chunks', 'addresses');
  t.match(await (await lab.store()).rescan(), { chunks: 3, damaged: 1, records: 3 });
  t.same(await lab.unreadable(), []);
  await lab.close();
  truncateSync(segment, size - 1);
  await lab.clear('chunks', 'addresses');
  t.match(await (await lab.store()).rescan(), { chunks: 2, damaged: 1 });
  await lab.close();
  truncateSync(segment, 30);
  await lab.clear('chunks', 'addresses');
  t.match(await (await lab.store()).rescan(), { chunks: 0 }, 'less than a header');
});

t.test('one group that contradicts itself does not hide the others', async (t) => {
  const lab = await filled(t);
  const groups = await lab.groups();
  const [first] = groups;
  for (const place of (first?.row.shards ?? []).slice(0, 3)) {
    if (place !== undefined) lab.flip(place, HEAD + 40);
  }
  await lab.clear('chunks', 'groups', 'addresses');
  const store = await lab.reopen();
  const result = await store.rescan();
  t.equal(result.groups, groups.length - 1);
  t.equal(result.damaged, 3);
  await lab.reopen();
  const lost = await lab.unreadable();
  t.ok(lost.length > 0 && lost.length < lab.contents.size, lost.join());
});

t.test('copies that a volume brings back', async (t) => {
  const lab = new Lab(t, { kind: 'mirrored', copies: 2 });
  await lab.volumes(2);
  await lab.write({ '/a': noise(100_000, 1) });
  const before = await lab.chunks();
  lab.hide(2);
  await lab.clear('chunks', 'addresses');
  const store = await lab.reopen();
  t.match(await store.rescan(), { chunks: before.length, copies: 0 });
  t.same(await lab.unreadable(), []);
  lab.show(2);
  t.match(await store.rescan(), { chunks: 0, copies: before.length });
  t.ok((await lab.chunks()).every(({ row }) => row.copies.length === 2));
  lab.hide(1);
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  lab.show(1);
});

t.test('a volume that was moved, and a copy of one', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(2);
  for (let i = 0; i < 6; i++) await lab.write({ [`/${i}`]: noise(50_000, i + 1) });
  const store = await lab.store();
  const to = `${lab.folder}/elsewhere`;
  cpSync(lab.path(2), to, { recursive: true });
  await t.rejects(store.addVolume(to), { code: 'REGALIA_VOLUME' }, 'a second copy is refused');
  await lab.close();
  lab.destroy(2);
  const moved = await lab.store();
  t.ok((await lab.unreadable()).length > 0);
  await moved.addVolume(to);
  lab.paths[1] = to;
  t.same(await lab.unreadable(), []);
  await lab.clear('chunks', 'addresses');
  await moved.rescan();
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.match(await (await lab.store()).rescan(), { chunks: 0, copies: 0, damaged: 0 });
});

t.test('rows that are damaged are replaced', async (t) => {
  const lab = await filled(t);
  const [chunks, groups] = [await lab.chunks(), await lab.groups()];
  await engineOf(await lab.store()).write((batch) => {
    for (const { number } of chunks.filter((_, i) => i % 2 === 0)) {
      const row = batch.get('chunks', number)?.slice() ?? new Uint8Array(0);
      row[20] = (row[20] as number) ^ 1;
      batch.put('chunks', number, row);
    }
    for (const { number } of groups) batch.put('groups', number, new Uint8Array(9));
  }, 'sync');
  const store = await lab.reopen();
  t.ok((await lab.unreadable()).length > 0);
  t.match((await store.gc({ ...NOW, deadShare: 0 })).deferred, /rescan/);
  await store.rescan();
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  const faults = await lab.faults();
  t.same(
    faults.filter((fault) => !fault.startsWith('link: ')),
    [],
  );
  t.equal((await lab.chunks()).length, chunks.length);
});

t.test('a rescan that is aborted', async (t) => {
  const lab = await filled(t);
  await lab.clear('chunks', 'groups', 'addresses');
  const store = await lab.reopen();
  await t.rejects(store.rescan({ signal: AbortSignal.abort() }), { code: 'REGALIA_ABORTED' });
  for (let steps = 1; steps < 8; steps++) {
    const aborting = new AbortController();
    let left = steps;
    const onProgress = (): void => {
      if (--left === 0) aborting.abort();
    };
    await store.rescan({ signal: aborting.signal, onProgress }).catch(() => undefined);
  }
  await store.rescan();
  await lab.reopen();
  t.same(await lab.unreadable(), []);
});
