/**
 * Draining and removing volumes, while the store is used: nothing that was acknowledged lies there
 * alone.
 */
import t from 'tap';
import { noise } from '../chunks/setup.js';
import { HEAD, Lab, spilled } from '../volumes/lab.js';

const MIRRORED = { kind: 'mirrored', copies: 2 } as const;
const CODED = { kind: 'coded', data: 4, parity: 2, from: 100_000 } as const;
const ONCE = { kind: 'none' } as const;

async function named(lab: Lab, volume: number): Promise<number> {
  const copies = (await lab.chunks()).flatMap(({ row }) => row.copies);
  const shards = (await lab.groups()).flatMap(({ row }) => row.shards);
  return [...copies, ...shards].filter((place) => place?.volume === volume).length;
}

t.test('a volume is drained while others write', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(3);
  // Volumes have ids by chance, which decide where a content goes.
  for (let i = 0; i < 8 || (await named(lab, 2)) === 0; i++) {
    await lab.write({ [`/old/${i}`]: noise(100_000, i + 1) });
  }
  const store = await lab.store();
  // One that has written to the volume before, and lands in the midst of it.
  const tx = store.begin();
  for (let i = 0; i < 6; i++) await tx.write(`/tx/${i}`, 'content', noise(100_000, 50 + i));
  let landed: Promise<unknown> | undefined;
  let done = false;
  const draining = store.drainVolume(lab.path(2), {
    onProgress: () => {
      landed ??= tx.commit();
    },
  });
  const writing = (async (): Promise<void> => {
    for (let i = 0; !done; i++) await lab.write({ [`/new/${i}`]: noise(60_000, 100 + i) });
  })();
  const { stuck, chunks } = await draining;
  done = true;
  await writing;
  await landed;
  for (let i = 0; i < 6; i++) lab.contents.set(`/tx/${i}`, noise(100_000, 50 + i));
  t.ok(chunks > 0);
  t.equal(stuck, 0);
  await store.drainVolume(lab.path(2));
  t.equal(await named(lab, 2), 0);
  t.same(await store.removeVolume(lab.path(2)), { lost: 0 });
  await lab.close();
  lab.destroy(2);
  const reopened = await lab.store();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
  t.equal((await reopened.volumes()).length, 2);
});

t.test('shards go elsewhere, those that are lost solved for', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(7);
  await lab.write({ '/a': noise(900_000, 1), '/b': noise(120_000, 2), '/c': noise(10_000, 3) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  await store.gc({ graceMs: 0 });
  const [group] = await lab.groups();
  const [first, second] = group?.row.shards ?? [];
  const volume = first?.volume ?? 0;
  if (first !== undefined && second !== undefined) {
    lab.flip(first, HEAD + 40);
    lab.flip(second, HEAD + 40);
  }
  const before = await named(lab, volume);
  const { stuck, shards } = await store.drainVolume(await lab.id(volume));
  t.equal(stuck, 0);
  t.ok(shards > 0 && before > 0);
  t.equal(await named(lab, volume), 0);
  await store.removeVolume(await lab.id(volume));
  await lab.close();
  lab.destroy(volume);
  await lab.store();
  t.same(await lab.unreadable(), []);
  t.equal((await lab.faults()).length, 1, 'the other damaged shard is left to repair');
});

t.test('what is refused leaves the volume as it was', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(50_000, 1) });
  const store = await lab.store();
  const states = async () => (await store.volumes()).map(({ state }) => state);
  const refusal = { code: 'REGALIA_VOLUME' };
  await t.rejects(store.drainVolume(lab.path(1)), refusal, 'the only one is not drained');
  await t.rejects(store.removeVolume(lab.path(1)), refusal, 'nor removed');
  await t.rejects(store.removeVolume(lab.path(1), { lost: true }), refusal);
  await lab.volumes(2);
  await t.rejects(store.removeVolume(lab.path(1)), refusal, 'nor one that something lies on');
  t.same(await states(), ['online', 'online']);
  await store.setVolume(lab.path(2), { state: 'read-only' });
  await t.rejects(store.drainVolume(lab.path(1)), refusal, 'nor where no other takes anything');
  t.same(await states(), ['online', 'read-only']);
  await store.setVolume(lab.path(2), { state: 'online', weight: 0 });
  await t.rejects(store.drainVolume(lab.path(1)), refusal);
  await lab.write({ '/b': noise(50_000, 2) });
  t.same(await lab.unreadable(), []);
  await t.rejects(store.removeVolume('/nowhere'), { code: 'REGALIA_NOT_FOUND' });
});

t.test('a volume that is given up', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(2);
  let [there, elsewhere, count] = [0, 0, 0];
  // Until there is some on either, as chance has it.
  while (count < 6 || there === 0 || elsewhere === 0) {
    await lab.write({ [`/${count++}`]: noise(50_000, count) });
    const chunks = await lab.chunks();
    there = chunks.filter(({ row }) => row.copies[0]?.volume === 2).length;
    elsewhere = chunks.length - there;
  }
  const store = await lab.store();
  const path = lab.path(2);
  t.same(await store.removeVolume(path, { lost: true }), { lost: there });
  await lab.reopen();
  const gone = await lab.unreadable();
  t.ok(gone.length > 0 && gone.length < count, 'what lay there is lost, the rest is not');
  t.ok((await lab.faults()).every((fault) => fault.startsWith('!')));
  for (const key of gone) await lab.write({ [key]: lab.contents.get(key) as Uint8Array });
  await lab.write({ '/new': noise(40_000, 99) });
  t.same(await lab.unreadable(), [], 'until it is written again');
  t.equal(await named(lab, 2), 0);
  const healed = await lab.store();
  await healed.repair();
  t.same(await lab.faults(), [], 'and what was lost has its places');
  await healed.gc({ graceMs: 0 });
  t.same(await lab.unreadable(), []);
});

t.test('nothing new goes to a volume that is draining, whoever writes', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(3);
  const other = await lab.handle();
  // It knows all three, and has begun a segment on each.
  for (let i = 0; i < 12; i++) {
    await other.transact((tx) => tx.write(`/other/${i}`, 'content', noise(40_000, 300 + i)));
    lab.contents.set(`/other/${i}`, noise(40_000, 300 + i));
  }
  const store = await lab.store();
  await store.drainVolume(lab.path(3));
  for (let i = 0; i < 12; i++) {
    await other.transact((tx) => tx.write(`/later/${i}`, 'content', noise(40_000, 400 + i)));
    lab.contents.set(`/later/${i}`, noise(40_000, 400 + i));
  }
  t.equal(await named(lab, 3), 0);
  await other.close();
  t.same(await lab.unreadable(), []);
});

t.test('what another wrote to a volume that is removed by then is written again', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(3);
  const other = await lab.handle();
  const tx = other.begin();
  for (let i = 0; i < 12; i++) await tx.write(`/tx/${i}`, 'content', noise(40_000, 300 + i));
  // Its chunks lie in segments of all volumes; no row names them yet.
  await spilled(tx);
  const store = await lab.store();
  await store.drainVolume(lab.path(3));
  await store.removeVolume(lab.path(3));
  await t.rejects(tx.commit(), { code: 'REGALIA_CONFLICT' });
  tx[Symbol.dispose]();
  await other.transact(async (again) => {
    for (let i = 0; i < 12; i++) await again.write(`/tx/${i}`, 'content', noise(40_000, 300 + i));
  });
  for (let i = 0; i < 12; i++) lab.contents.set(`/tx/${i}`, noise(40_000, 300 + i));
  await other.close();
  lab.destroy(3);
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('the last sound copy is not given up for a damaged one', async (t) => {
  const lab = new Lab(t, MIRRORED);
  await lab.volumes(2);
  await lab.write({ '/a': noise(100_000, 1) });
  for (const { row } of await lab.chunks()) {
    const place = row.copies.find(({ volume }) => volume === 2);
    if (place !== undefined) lab.flip(place, HEAD + 11);
  }
  const store = await lab.reopen();
  const { stuck } = await store.drainVolume(lab.path(1));
  t.equal(stuck, 0, 'a sound copy took the place of the damaged one');
  await store.removeVolume(lab.path(1));
  await lab.close();
  const reopened = await lab.store();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
  t.match(await reopened.repair(), { lost: 0 });
});

t.test('what nothing gives back is stuck, and does not hide the rest', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(2);
  for (let i = 0; i < 6; i++) await lab.write({ [`/${i}`]: noise(50_000, i + 1) });
  const there = (await lab.chunks()).filter(({ row }) => row.copies[0]?.volume === 1);
  const hit = there[0]?.row.copies[0];
  if (hit !== undefined) lab.flip(hit, HEAD);
  const store = await lab.reopen();
  const { stuck, chunks } = await store.drainVolume(lab.path(1));
  t.equal(stuck, 1);
  t.equal(chunks, there.length - 1);
  await t.rejects(store.removeVolume(lab.path(1)), { code: 'REGALIA_VOLUME' });
  t.same(await store.removeVolume(lab.path(1), { lost: true }), { lost: 1 });
});

t.test('an aborted drain goes on where it was', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.volumes(2);
  for (let i = 0; i < 10; i++) await lab.write({ [`/${i}`]: noise(400_000, i + 1) });
  const store = await lab.store();
  const aborting = new AbortController();
  const draining = store.drainVolume(lab.path(1), {
    signal: aborting.signal,
    onProgress: () => aborting.abort(),
  });
  await t.rejects(draining, { code: 'REGALIA_ABORTED' });
  t.same(await lab.unreadable(), []);
  await store.drainVolume(lab.path(1));
  t.equal(await named(lab, 1), 0);
  t.same(await lab.faults(), []);
});
