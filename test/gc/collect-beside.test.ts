/**
 * Collection beside damage and beside others: rows that are lost, segments that are not sound,
 * backups and repairs that it comes between. Nothing that a commit reaches goes.
 */
import { existsSync, rmSync } from 'node:fs';
import t from 'tap';
import { isRegaliaError, Regalia } from '../../src/index.js';
import { encodeGroupRow } from '../../src/volumes/group-format.js';
import { putChunk, retire } from '../../src/volumes/row-changes.js';
import { noise } from '../chunks/setup.js';
import { coreOf, engineOf, garbage, Lab } from '../volumes/lab.js';

const ONCE = { kind: 'none' } as const;
const CODED = { kind: 'coded', data: 2, parity: 1, from: 100_000 } as const;
const NOW = { graceMs: 0 };
/** Every segment is emptied, dead or not. */
const ALL = { graceMs: 0, deadShare: 0 };

t.test('damage in a segment stops no collection', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(250_000, 1), '/b': noise(60_000, 2), '/c': noise(60_000, 3) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  await store.gc(NOW);
  const [group] = await lab.groups();
  const shard = group?.row.shards[0];
  const chunk = (await lab.chunks()).find(({ row }) => row.coded === undefined);
  const copy = chunk?.row.copies[0];
  for (const place of [shard, copy]) if (place !== undefined) lab.flip(place, 2);
  await lab.reopen();
  for (let i = 0; i < 3; i++) {
    await garbage(lab, noise(50_000, 50 + i));
    const { compacted } = await (await lab.store()).gc(ALL);
    t.ok(compacted.stuck > 0, 'what is not sound stays, with its segment');
    for (const place of [shard, copy]) t.ok(place === undefined || existsSync(lab.file(place)));
    t.same(await lab.unreadable(), []);
  }
  t.match(await (await lab.store()).repair(), { lost: 0 });
  await (await lab.store()).gc(ALL);
  t.same(await lab.faults(), []);
  t.same(await lab.unreadable(), []);
});

t.test('what is condemned in a segment that is being emptied', async (t) => {
  const lab = new Lab(t, ONCE);
  const store = await lab.store();
  await lab.write({ '/a': noise(40_000, 1) });
  await garbage(lab, noise(40_000, 2));
  const rows = await lab.chunks();
  await engineOf(store).write((batch) => {
    for (const { row } of rows) for (const { segment } of row.copies) retire(batch, segment);
  }, 'sync');
  t.match(await store.gc(NOW), { forgotten: 3, compacted: { stuck: 0 } });
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('groups whose chunks are forgotten free their shards', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(250_000, 1) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  // No commit can be taken back: its rows stand in for chunks that none refers to.
  const [group] = await lab.groups();
  const [chunk] = await lab.chunks();
  if (group === undefined || chunk === undefined) throw new Error('one of each is here');
  await engineOf(store).write((batch) => {
    batch.put('groups', 1_000, encodeGroupRow(1_000, group.row));
    const address = chunk.row.address.map((byte, i) => (i === 5 ? byte ^ 1 : byte));
    putChunk(batch, 1_000, { ...chunk.row, address, coded: { group: 1_000, start: 0 } });
  }, 'sync');
  t.match(await store.gc(NOW), { forgotten: 1 });
  t.same(
    (await lab.groups()).map(({ number }) => number),
    [group.number],
  );
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('shards whose segments a collection takes before they have a row', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(250_000, 1) });
  const store = await lab.store();
  const { chunks } = coreOf(store);
  if (chunks === undefined) throw new Error('chunks have a home');
  const { groupNumbers } = chunks;
  const { next } = groupNumbers;
  groupNumbers.next = async () => {
    groupNumbers.next = next;
    await store.gc(ALL);
    return groupNumbers.next();
  };
  await t.rejects(store.repair({ restedMs: 0 }), { code: 'REGALIA_CONFLICT' });
  t.same(await lab.unreadable(), []);
  t.equal((await store.repair({ restedMs: 0 })).coded.groups, 1);
  await store.gc(NOW);
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('a backup that a collection came between', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(250_000, 1), '/b': noise(30_000, 2) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  const engine = engineOf(store);
  const { backup } = engine;
  engine.backup = async (path) => {
    engine.backup = backup;
    await engine.backup(path);
    await store.gc(ALL);
  };
  await t.rejects(store.backup(`${lab.folder}/copy`), { code: 'REGALIA_CONFLICT' });
  await store.backup(`${lab.folder}/copy`);
  const copy = await Regalia.open(`${lab.folder}/copy`, { readOnly: true });
  t.same(await lab.unreadable(copy), []);
  await copy.close();
  // A file that is lost hinders no copy.
  rmSync(lab.segments()[0] as string);
  await store.backup(`${lab.folder}/another`);
});

t.test('where rows are lost or damaged no segment is emptied', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(100_000, 1), '/b': noise(100_000, 2) });
  const store = await lab.store();
  const [first, second] = await lab.chunks();
  await engineOf(store).write((batch) => {
    batch.put('chunks', first?.number ?? 0, new Uint8Array(40));
    batch.del('chunks', second?.number ?? 0);
  }, 'sync');
  const before = lab.segments();
  const { deferred, compacted } = await store.gc(ALL);
  t.match(deferred, /rescan/);
  t.equal(compacted.segments, 0);
  t.same(lab.segments(), before);
  t.equal((await store.rescan()).chunks, 2);
  t.match(await store.gc(ALL), { deferred: undefined });
  await lab.reopen();
  t.same(await lab.unreadable(), []);
});

t.test('two collections, a repair and a writer at once', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(400_000, 1), '/b': noise(50_000, 2) });
  const store = await lab.store();
  for (let i = 0; i < 6; i++) {
    await garbage(lab, noise(200_000, 40 + i));
    const settled = await Promise.allSettled([
      store.gc(NOW),
      store.gc(ALL),
      store.repair({ restedMs: 0 }),
      lab.write({ [`/new/${i}`]: noise(150_000, 60 + i) }),
    ]);
    for (const [at, one] of settled.entries()) {
      if (one.status === 'fulfilled') continue;
      if (at === 3 || !isRegaliaError(one.reason, 'REGALIA_CONFLICT')) throw one.reason;
    }
  }
  await store.gc(NOW);
  await lab.reopen();
  t.ok(await lab.isWhole());
  t.same(await lab.faults(), []);
});
