/**
 * Repair: copies and shards that are lost or damaged are made anew from sound ones; what has none
 * left is reported.
 */
import t from 'tap';
import { noise } from '../chunks/setup.js';
import { HEAD, Lab } from '../volumes/lab.js';

const MIRRORED = { kind: 'mirrored', copies: 2 } as const;
const CODED = { kind: 'coded', data: 4, parity: 2, from: 100_000 } as const;
const NOTHING = {
  copiesRestored: 0,
  shardsRestored: 0,
  thin: 0,
  lost: 0,
  lostAddresses: [],
  coded: { groups: 0, chunks: 0, bytes: 0, shardBytes: 0 },
};

t.test('damaged copies are made anew, each beside a sound one', async (t) => {
  const lab = new Lab(t, MIRRORED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(300_000, 1), '/b': noise(70_000, 2) });
  const rows = await lab.chunks();
  // Heads, bytes, and both by turns.
  for (const [i, { row }] of rows.entries()) {
    const place = row.copies[i % 2];
    if (place !== undefined) lab.flip(place, [0, 20, HEAD - 1, HEAD, HEAD + 300][i % 5] as number);
  }
  const store = await lab.reopen();
  t.same(await lab.unreadable(), []);
  const faults = await lab.faults();
  t.equal(faults.length, rows.length, 'each is reported');
  t.ok(faults.every((fault) => fault.startsWith('corrupt: a copy')));
  t.match(await store.repair(), { ...NOTHING, copiesRestored: rows.length, chunks: rows.length });
  t.same(await lab.faults(), []);
  for (const { row } of await lab.chunks()) {
    t.equal(new Set(row.copies.map(({ volume }) => volume)).size, 2, 'on two volumes');
  }
  t.match(await store.repair(), NOTHING, 'a second run finds nothing to do');
  await store.gc({ graceMs: 0 });
  await lab.reopen();
  t.same(await lab.unreadable(), []);
});

t.test('a copy that another of its volume replaces goes first', async (t) => {
  const lab = new Lab(t, { kind: 'mirrored', copies: 3 });
  await lab.volumes(3);
  await lab.write({ '/a': noise(100_000, 1) });
  const rows = await lab.chunks();
  for (const { row } of rows) {
    const place = row.copies.find(({ volume }) => volume === 3);
    if (place !== undefined) lab.flip(place, HEAD + 9);
  }
  lab.hide(2);
  const store = await lab.reopen();
  t.match(await store.repair(), { copiesRestored: rows.length, lost: 0 });
  lab.show(2);
  await lab.reopen();
  t.same(await lab.faults(), [], 'the damaged ones are gone, and those that were away are back');
  for (const { row } of await lab.chunks()) {
    t.same(row.copies.map(({ volume }) => volume).sort(), [1, 2, 3]);
  }
});

t.test('a lost volume, mirrored', async (t) => {
  const lab = new Lab(t, MIRRORED);
  await lab.volumes(3);
  await lab.write({ '/a': noise(600_000, 1) });
  await lab.close();
  lab.destroy(2);
  const store = await lab.store();
  t.same(await lab.unreadable(), []);
  const { copiesRestored, lost, thin } = await store.repair();
  t.ok(copiesRestored > 0);
  t.same([lost, thin], [0, 0]);
  for (const { row } of await lab.chunks()) {
    t.same(row.copies.map(({ volume }) => volume).sort(), [1, 3]);
  }
  t.same(await lab.faults(), []);
  t.same(await store.removeVolume(lab.path(2)), { lost: 0 }, 'nothing names it');
});

t.test('lost shards are restored onto new volumes', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/a': noise(900_000, 1), '/b': noise(100_000, 2) });
  await (await lab.store()).repair({ restedMs: 0 });
  await (await lab.store()).gc({ graceMs: 0 });
  await lab.close();
  lab.destroy(2);
  lab.destroy(5);
  const store = await lab.store();
  t.same(await lab.unreadable(), []);
  for (const number of [2, 5]) await store.removeVolume(await lab.id(number), { lost: true });
  t.same(await lab.unreadable(), []);
  const lost = (await lab.groups()).flatMap(({ row }) => row.shards).filter((one) => !one);
  t.equal(lost.length, 2 * (await lab.groups()).length);
  await lab.volumes(8);
  const { shardsRestored } = await store.repair();
  t.equal(shardsRestored, lost.length);
  for (const { row } of await lab.groups()) {
    t.equal(new Set(row.shards.map((place) => place?.volume)).size, 6, 'on six volumes again');
  }
  t.same(await lab.faults(), []);
  t.match(await store.repair(), NOTHING);
  lab.hide(1, 8);
  await lab.reopen();
  t.same(await lab.unreadable(), [], 'and any two may be lost again');
  lab.show(1, 8);
});

t.test('chunks that nothing gives back are counted and named', async (t) => {
  const lab = new Lab(t, { kind: 'none' });
  await lab.volumes(2);
  await lab.write({ '/a': noise(50_000, 1), '/b': noise(50_000, 2), '/c': noise(50_000, 3) });
  const rows = await lab.chunks();
  const hit = rows.filter((_, i) => i % 3 === 0);
  for (const { row } of hit) if (row.copies[0] !== undefined) lab.flip(row.copies[0], HEAD + 3);
  const store = await lab.reopen();
  const result = await store.repair();
  t.equal(result.lost, hit.length);
  t.equal(result.lostAddresses.length, hit.length);
  t.equal(new Set(result.lostAddresses).size, hit.length);
  t.equal(result.copiesRestored, 0);
  // Written again they are sound.
  await lab.write(Object.fromEntries(lab.contents));
  for (const { row } of hit) if (row.copies[0] !== undefined) lab.flip(row.copies[0], HEAD + 3);
  t.equal((await store.repair()).lost, 0);
  t.same(await lab.faults(), []);
});

t.test('a chunk whose group has no row is lost', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/a': noise(200_000, 1) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  await store.gc({ graceMs: 0 });
  await lab.clear('groups');
  t.equal((await store.repair()).lost, (await lab.chunks()).length);
  t.match(await store.rescan(), { groups: 1, chunks: (await lab.chunks()).length });
  await lab.reopen();
  t.same(await lab.unreadable(), [], 'until a rescan finds it');
});

t.test('a rule that asks for more copies', async (t) => {
  const lab = new Lab(t, { kind: 'none' });
  await lab.volumes(3);
  await lab.write({ '/a': noise(400_000, 1), '/b': noise(20_000, 2) });
  await lab.close();
  const redundancy = { kind: 'mirrored', copies: 3 } as const;
  const store = await lab.store({ default: { redundancy } });
  const chunks = (await lab.chunks()).length;
  t.match(await store.repair(), { ...NOTHING, copiesRestored: 2 * chunks });
  for (const { row } of await lab.chunks()) {
    t.same(row.copies.map(({ volume }) => volume).sort(), [1, 2, 3]);
  }
  t.match(await store.repair(), NOTHING);
  for (const number of [1, 2, 3]) {
    const others = [1, 2, 3].filter((one) => one !== number);
    lab.hide(...others);
    await lab.reopen();
    t.same(await lab.unreadable(), [], `with volume ${number} alone`);
    lab.show(...others);
  }
});
