/**
 * Coding: large contents that rest become shards on six volumes, any two of which may be away or
 * damaged; what is not to be coded keeps its copies.
 */
import t, { type Test } from 'tap';
import { isRegaliaError } from '../../src/index.js';
import type { Place } from '../../src/volumes/chunk-row.js';
import { noise } from '../chunks/setup.js';
import { HEAD, Lab } from '../volumes/lab.js';

const FROM = 200_000;
const CODED = { kind: 'coded', data: 4, parity: 2, from: FROM } as const;
const DAY_MS = 86_400_000;
const NOW = { restedMs: 0 };

async function coded(t: Test): Promise<Lab> {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({
    '/large': noise(600_000, 1),
    '/other': noise(FROM, 2),
    '/small': noise(FROM - 1, 3),
  });
  await (await lab.store()).repair(NOW);
  return lab;
}

t.test('contents of a length are coded once they rest; the others are mirrored', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/large': noise(600_000, 1), '/small': noise(FROM - 1, 3) });
  const store = await lab.store();
  for (const { row } of await lab.chunks()) t.equal(row.copies.length, 3, 'mirrored at first');
  lab.nowMs += DAY_MS - 1;
  t.equal((await store.repair()).coded.groups, 0, 'fresh ones are not coded');
  t.equal((await store.repair({ restedMs: DAY_MS })).coded.groups, 0);
  // Each commit's corrected date is after its parent's.
  lab.nowMs += 1_000;
  await lab.write({ '/fresh': noise(FROM, 4) });
  const { coded, thin } = await store.repair();
  const chunks = Math.ceil(600_000 / 16_384);
  t.match(coded, { groups: 1, chunks }, 'rested ones are, at the state of the day before');
  t.equal(thin, 0);
  const rows = await lab.chunks();
  t.equal(
    rows.filter(({ row }) => row.coded !== undefined && row.copies.length === 0).length,
    chunks,
  );
  t.equal(rows.filter(({ row }) => row.coded === undefined && row.copies.length === 3).length, 26);
  const [group] = await lab.groups();
  const volumes = group?.row.shards.map((place) => place?.volume);
  t.equal(new Set(volumes).size, 6, 'each shard on a volume of its own');
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
  const again = await store.repair();
  t.match(again, { coded: { groups: 0 }, copiesRestored: 0, shardsRestored: 0, thin: 0, lost: 0 });
});

t.test('a content of many groups', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({
    '/huge': noise(9_500_000, 5),
    '/part': noise(9_500_000, 5).subarray(0, 24 * 16_384),
  });
  const store = await lab.store();
  const { coded } = await store.repair(NOW);
  t.equal(coded.groups, 2, 'two megabytes a shard at most, and what is shared once');
  await store.gc({ graceMs: 0 });
  lab.hide(1, 4);
  const reader = await lab.reopen({ readOnly: true });
  t.same(await lab.unreadable(reader), []);
  lab.show(1, 4);
  await lab.reopen();
});

t.test('any two volumes may be away', async (t) => {
  const lab = await coded(t);
  // The coded ones lie nowhere else by now.
  await (await lab.store()).gc({ graceMs: 0 });
  for (let a = 1; a <= 6; a++) {
    for (let b = a + 1; b <= 6; b++) {
      await lab.close();
      lab.hide(a, b);
      const store = await lab.store({ readOnly: true });
      t.same(await lab.unreadable(), [], `without ${a} and ${b}`);
      const large = lab.contents.get('/large') as Uint8Array;
      for (const [start, end] of [
        [0, 1],
        [150_000, 330_001],
        [599_999, 600_000],
      ] as const) {
        const stream = store.snapshot().get('/large', 'content')?.readable({ start, end });
        const parts: Uint8Array[] = [];
        for await (const part of stream ?? []) parts.push(part as Uint8Array);
        const same = Buffer.compare(Buffer.concat(parts), large.subarray(start, end)) === 0;
        if (!same) t.fail(`${start} to ${end} without ${a} and ${b}`);
      }
      await lab.close();
      lab.show(a, b);
    }
  }
  await lab.store();
});

t.test('three volumes too many, until one is back', async (t) => {
  const lab = await coded(t);
  await (await lab.store()).gc({ graceMs: 0 });
  lab.hide(1, 3, 5);
  const store = await lab.reopen({ readOnly: true });
  t.strictSame(
    (await lab.unreadable()).filter((key) => key !== '/small'),
    ['/large', '/other'],
  );
  await t.rejects(async () => store.snapshot().get('/large', 'content')?.bytes(), {
    code: 'REGALIA_MISSING',
  });
  t.ok(
    (await lab.faults()).some((fault) => fault.startsWith('!')),
    'verify reports that it is lost here',
  );
  lab.show(3);
  t.same(await lab.unreadable(), [], 'the same handle reads on');
  lab.show(1, 5);
  t.same(await lab.faults(), []);
  await lab.reopen();
});

t.test('flips in shards are read around, reported and mended', async (t) => {
  const lab = await coded(t);
  await (await lab.store()).gc({ graceMs: 0 });
  for (const behind of [0, 5, 13, 30, HEAD, HEAD + 17, HEAD + 24, HEAD + 40, HEAD + 20_000]) {
    const [first] = await lab.groups();
    const places = first?.row.shards as Place[];
    lab.flip(places[0] as Place, behind);
    lab.flip(places[3] as Place, behind);
    const store = await lab.reopen();
    t.same(await lab.unreadable(), [], `byte ${behind} of two shards`);
    const faults = await lab.faults();
    t.equal(faults.filter((fault) => fault.startsWith('corrupt: shard')).length, 2, faults.join());
    t.notOk(
      faults.some((fault) => fault.startsWith('!')),
      'all can be mended',
    );
    t.match(await store.repair(), { shardsRestored: 2, thin: 0, lost: 0 });
    t.same(await lab.faults(), []);
  }
  t.same(await lab.unreadable(), []);
  const [first] = await lab.groups();
  for (const place of (first?.row.shards ?? []).slice(0, 3)) lab.flip(place as Place, HEAD + 50);
  const store = await lab.reopen();
  const result = await store.repair();
  t.ok(result.lost > 0, 'three are too many');
  t.match(result.lostAddresses[0], /^sha256:/);
  t.ok((await lab.unreadable()).length > 0);
  t.ok((await lab.faults()).some((fault) => fault.startsWith('!')));
});

t.test('with too few volumes contents stay mirrored', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(2);
  await lab.write({ '/large': noise(600_000, 1) });
  const store = await lab.store();
  const { coded, thin } = await store.repair(NOW);
  t.equal(coded.groups, 0);
  t.ok(thin > 0, 'which is reported');
  t.ok((await lab.chunks()).every(({ row }) => row.copies.length === 2 && row.coded === undefined));
  await lab.volumes(3);
  t.match(
    await store.repair(NOW),
    { coded: { groups: 1 }, thin: 0 },
    'two shards on each of three',
  );
  const [group] = await lab.groups();
  const counts = [1, 2, 3].map((volume) => {
    return group?.row.shards.filter((place) => place?.volume === volume).length;
  });
  t.same(counts, [2, 2, 2]);
  lab.hide(2);
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  lab.show(2);
});

t.test('copies go once shards stand, and their segments with a collection', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/large': noise(1_000_000, 1) });
  const store = await lab.store();
  const used = async (): Promise<number> => {
    return (await store.volumes()).reduce((sum, { bytes }) => sum + (bytes ?? 0), 0);
  };
  const before = await used();
  t.ok(before > 3_000_000, `three copies: ${before}`);
  const { coded } = await store.repair(NOW);
  t.equal(
    await used(),
    before + coded.shardBytes + 6 * HEAD + 6 * HEAD,
    'segments are only added to',
  );
  await store.gc({ graceMs: 0 });
  const after = await used();
  t.ok(after < 1_000_000 * 1.6, `as much and a half: ${after}`);
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('an aborted repair leaves all as it was or coded', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  await lab.write({ '/a': noise(2_000_000, 1), '/b': noise(2_000_000, 2) });
  const store = await lab.store();
  for (let steps = 1; steps < 20; steps += 3) {
    const aborting = new AbortController();
    let left = steps;
    const onProgress = (): void => {
      if (--left === 0) aborting.abort();
    };
    try {
      await store.repair({ ...NOW, signal: aborting.signal, onProgress });
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_ABORTED')) throw error;
    }
    t.same(await lab.unreadable(), []);
  }
  await store.repair(NOW);
  t.ok((await lab.chunks()).every(({ row }) => row.coded !== undefined));
  t.same(await lab.faults(), []);
});
