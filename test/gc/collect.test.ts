/**
 * Collection: what no commit refers to goes, after its grace; nothing that a commit reaches does,
 * whoever writes, reads or stops meanwhile.
 */
import t from 'tap';
import { utf8Bytes } from '../../src/ground/text.js';
import { isRegaliaError } from '../../src/index.js';
import { draftOf } from '../../src/store/transaction.js';
import { encodeChunkRow } from '../../src/volumes/chunk-row.js';
import { nextEpoch } from '../../src/volumes/row-changes.js';
import { noise } from '../chunks/setup.js';
import { Dice } from '../model/dice.js';
import { engineOf, garbage, Lab, spilled } from '../volumes/lab.js';

const ONCE = { kind: 'none' } as const;
const MIRRORED = { kind: 'mirrored', copies: 2 } as const;
const CODED = { kind: 'coded', data: 2, parity: 1, from: 100_000 } as const;
const NOW = { graceMs: 0 };
/** Every segment is emptied, dead or not. */
const ALL = { graceMs: 0, deadShare: 0 };
const GRACE_MS = 600_000;

t.test(
  'what an abandoned transaction wrote is condemned, forgotten, and its segments go',
  async (t) => {
    const lab = new Lab(t, MIRRORED);
    await lab.volumes(2);
    await lab.write({ '/kept': noise(100_000, 1) });
    const store = await lab.store();
    const kept = (await lab.chunks()).length;
    const tx = store.begin();
    await tx.write('/gone', 'content', noise(400_000, 2));
    await spilled(tx);
    // As a long transaction puts its rows down on the way.
    const { blocks } = draftOf(tx).fork.writers;
    await engineOf(store).write((batch) => blocks.emit(batch), 'none');
    const during = await store.gc();
    t.match(during, { condemned: 0, forgotten: 0, deferred: undefined }, 'not while it goes on');
    tx[Symbol.dispose]();
    const before = lab.segments().length;
    const first = await store.gc();
    const count = Math.ceil(400_000 / 16_384);
    t.match(first, { condemned: count, condemnedBytes: 800_000, forgotten: 0 });
    t.equal(first.due, lab.nowMs + GRACE_MS);
    t.equal((await lab.chunks()).length, kept + count);
    lab.nowMs += GRACE_MS - 1;
    t.match(await store.gc(), { condemned: count, condemnedBytes: 800_000, forgotten: 0 });
    lab.nowMs += 1;
    const last = await store.gc();
    t.match(last, { condemned: 0, condemnedBytes: 0, forgotten: count, due: undefined });
    t.ok(last.compacted.freedBytes >= 800_000, `freed ${last.compacted.freedBytes}`);
    t.equal((await lab.chunks()).length, kept);
    t.ok(lab.segments().length <= before);
    t.same(await lab.unreadable(), []);
    t.same(await lab.faults(), []);
    t.match(await store.gc(NOW), { condemned: 0, forgotten: 0, compacted: { segments: 0 } });
  },
);

t.test('the time of grace ends, however often somebody collects', async (t) => {
  const lab = new Lab(t, ONCE);
  const store = await lab.store();
  let forgotten = 0;
  for (let i = 0; i < 8; i++) {
    const tx = store.begin();
    await tx.write('/gone', 'content', noise(50_000, i + 1));
    await spilled(tx);
    const { blocks } = draftOf(tx).fork.writers;
    await engineOf(store).write((batch) => blocks.emit(batch), 'none');
    tx[Symbol.dispose]();
    forgotten += (await store.gc()).forgotten;
    lab.nowMs += GRACE_MS / 2;
  }
  t.ok(forgotten >= 8, `${forgotten} were forgotten`);
});

t.test('nothing that commits, branches, tags and old states reach is lost', async (t) => {
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);
  const lab = new Lab(t, MIRRORED);
  await lab.volumes(3);
  const store = await lab.store();
  let number = 1;
  for (let i = 0; i < 24; i++) {
    const key = `/k${dice.below(6)}`;
    if (dice.chance(0.2) && lab.contents.has(key)) await lab.remove(key);
    else await lab.write({ [key]: noise(20_000 + dice.below(150_000), number++) });
    if (i === 5) await store.fork('side');
    if (i === 9) await store.tags.set('then');
    if (i % 5 === 4) await store.gc(NOW);
  }
  const side = store.branch('side');
  await side.transact((tx) => tx.write('/side', 'content', noise(90_000, 999)));
  await store.transact((tx) => tx.createBucket('/bucket'));
  const bucket = store.bucket('/bucket');
  await bucket.transact((tx) => tx.write('/inside', 'content', noise(90_000, 998)));
  await bucket.transact((tx) => tx.del('/inside'));
  const [newest, older] = bucket.log();
  for (let i = 0; i < 3; i++) {
    await (await lab.store()).gc(i === 1 ? ALL : NOW);
    await lab.reopen();
  }
  t.ok(await lab.isWhole(), `every commit reads as it was, seed ${seed}`);
  const again = (await lab.store()).branch('side').snapshot().get('/side', 'content');
  t.same(await again?.bytes(), noise(90_000, 999), 'a branch');
  const inside = (await lab.store()).bucket('/bucket').snapshot(older?.commit ?? newest?.commit);
  t.same(await inside.get('/inside', 'content')?.bytes(), noise(90_000, 998), 'a nested bucket');
  t.same(await lab.faults(), []);
});

t.test('chunks that live and dead contents share stay', async (t) => {
  const lab = new Lab(t, ONCE);
  const shared = noise(20 * 16_384, 1);
  await lab.write({ '/kept': shared });
  const store = await lab.store();
  const tx = store.begin();
  await tx.write('/gone', 'content', Buffer.concat([shared, noise(100_000, 2)]));
  await spilled(tx);
  const { blocks } = draftOf(tx).fork.writers;
  await engineOf(store).write((batch) => blocks.emit(batch), 'none');
  tx[Symbol.dispose]();
  const { forgotten } = await store.gc(NOW);
  t.equal(forgotten, Math.ceil(100_000 / 16_384));
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

for (const who of ['this process', 'another handle']) {
  t.test(`a transaction of ${who} that found what is collected`, async (t) => {
    const lab = new Lab(t, ONCE);
    const bytes = noise(200_000, 7);
    await lab.write({ '/x': noise(1_000, 1) });
    await garbage(lab, bytes);
    const store = await lab.store();
    const writer = who === 'this process' ? store : await lab.handle();
    let tries = 0;
    await writer.transact(async (tx) => {
      tries++;
      await tx.write('/found', 'content', bytes);
      if (tries > 1) return;
      const result = await store.gc(NOW);
      const forgets = writer !== store;
      t.equal(result.forgotten > 0, forgets, 'what a transaction of this process counts on stays');
    });
    t.equal(tries, writer === store ? 1 : 2, 'the other is run again');
    lab.contents.set('/found', bytes);
    await store.gc(NOW);
    if (writer !== store) await writer.close();
    await lab.reopen();
    t.same(await lab.unreadable(), []);
    t.same(await lab.faults(), []);
    t.ok((await lab.chunks()).every(({ row }) => row.condemned !== true));
  });
}

t.test('a transaction takes up again what was condemned below it', async (t) => {
  const lab = new Lab(t, ONCE);
  const bytes = noise(200_000, 7);
  await lab.write({ '/x': noise(1_000, 1) });
  await garbage(lab, bytes);
  const store = await lab.store();
  const other = await lab.handle();
  const tx = other.begin();
  await tx.write('/found', 'content', bytes);
  t.match(await store.gc(), { condemned: Math.ceil(200_000 / 16_384), forgotten: 0 });
  await tx.commit();
  await other.close();
  t.ok(
    (await lab.chunks()).every(({ row }) => row.condemned !== true),
    'found by address again',
  );
  lab.contents.set('/found', bytes);
  lab.nowMs += GRACE_MS;
  t.match(await store.gc(), { condemned: 0, forgotten: 0, due: undefined });
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('what is condemned and referred to after all is not forgotten', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(100_000, 1) });
  const store = await lab.store();
  const rows = await lab.chunks();
  await engineOf(store).write((batch) => {
    for (const { number, row } of rows) {
      batch.put('chunks', number, encodeChunkRow(number, { ...row, condemned: true }));
    }
    nextEpoch(batch, 1);
  }, 'sync');
  t.match(await store.gc(), { condemned: 0, forgotten: 0, due: undefined });
  t.same(await lab.chunks(), rows, 'it is as it was');
  t.same(await lab.unreadable(), []);
});

t.test('another process whose segment was emptied goes on in a new one', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(50_000, 1) });
  const other = await lab.handle();
  await other.transact((tx) => tx.write('/b', 'content', noise(50_000, 2)));
  const tx = other.begin();
  await tx.write('/c', 'content', noise(500_000, 3));
  await spilled(tx);
  const { compacted } = await (await lab.store()).gc(NOW);
  t.ok(compacted.segments > 0, 'its segment is mostly dead: no row names what it has written');
  await t.rejects(tx.commit(), { code: 'REGALIA_CONFLICT' });
  tx[Symbol.dispose]();
  await other.transact((again) => again.write('/c', 'content', noise(500_000, 3)));
  for (const [key, seed] of [
    ['/b', 2],
    ['/c', 3],
  ] as const) {
    lab.contents.set(key, noise(seed === 2 ? 50_000 : 500_000, seed));
  }
  t.same(await lab.unreadable(other), [], 'what lay there is read where it lies now');
  await other.close();
  await lab.reopen();
  t.same(await lab.unreadable(), []);
  t.same(await lab.faults(), []);
});

t.test('contents that are being read stay readable', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(3_000_000, 1) });
  const store = await lab.store();
  // Half of each segment dies, so that the other half is moved.
  await garbage(lab, noise(100_000, 2));
  const streams = [store, await lab.handle({ readOnly: false })].map((from) => {
    return { from, stream: from.snapshot().get('/a', 'content')?.readable() };
  });
  for (const { from, stream } of streams) {
    const parts: Uint8Array[] = [];
    for await (const part of stream ?? []) {
      parts.push(part as Uint8Array);
      if (parts.length < 4) await store.gc(ALL);
    }
    t.ok(Buffer.compare(Buffer.concat(parts), noise(3_000_000, 1)) === 0);
    if (from !== store) await from.close();
  }
  t.same(await lab.faults(), []);
});

t.test('an unfinished import defers', async (t) => {
  const lab = new Lab(t, ONCE);
  await lab.write({ '/a': noise(50_000, 1) });
  await garbage(lab, noise(50_000, 2));
  const store = await lab.store();
  const key = utf8Bytes('import/unfinished');
  await engineOf(store).write((batch) => batch.put('meta', key, Uint8Array.of(1)), 'sync');
  const result = await store.gc(NOW);
  t.match(result, { condemned: 0, forgotten: 0 });
  t.match(result.deferred, /import/);
  await engineOf(store).write((batch) => batch.del('meta', key), 'sync');
  t.ok((await store.gc(NOW)).forgotten > 0);
});

t.test('a collection that is aborted anywhere is done by the next', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(3);
  for (let i = 0; i < 4; i++) await lab.write({ [`/${i}`]: noise(250_000, i + 1) });
  let aborted = 0;
  for (let steps = 1; steps < 40; steps++) {
    if (steps % 8 === 1) await garbage(lab, noise(300_000, 100 + steps));
    const store = await lab.store();
    if (steps % 10 === 5) await store.repair({ restedMs: 0 });
    let left = steps;
    // Asked before each slice and each thing that is moved.
    const signal = {
      get aborted(): boolean {
        return --left < 0;
      },
      reason: undefined,
      addEventListener: () => {},
      removeEventListener: () => {},
    } as unknown as AbortSignal;
    try {
      await store.gc({ ...NOW, deadShare: 0.01, signal });
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_ABORTED')) throw error;
      aborted++;
    }
    t.same(await lab.unreadable(), []);
  }
  t.ok(aborted > 20, `${aborted} were aborted`);
  const store = await lab.store();
  await store.gc(NOW);
  t.match(await store.gc(NOW), {
    condemned: 0,
    forgotten: 0,
    compacted: { segments: 0, stuck: 0 },
  });
  await lab.reopen();
  t.ok(await lab.isWhole());
  t.same(await lab.faults(), []);
});
