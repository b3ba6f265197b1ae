/** Shares of the clock: they never run out, stamps stay small, and no event is counted twice. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { leqEvents } from '../../src/clock/event.js';
import { type Bucket, Regalia } from '../../src/index.js';
import { readEvent } from '../clock/notation.js';
import { bytes, codeOf } from './setup.js';

/** A folder that goes when the test ends. */
function folder(t: { teardown: (then: () => void) => void }): string {
  const made = mkdtempSync(join(tmpdir(), 'regalia-shares-'));
  t.teardown(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

function write(bucket: Bucket, key: string, text = key): Promise<unknown> {
  return bucket.transact((tx) => tx.put(key, 's', bytes(text)));
}

function relation(a: Bucket, b: Bucket): string {
  const [one, other] = [a, b].map((bucket) => readEvent(bucket.info().stamp));
  const below = leqEvents(one, other);
  const above = leqEvents(other, one);
  return below ? (above ? 'equal' : 'before') : above ? 'after' : 'concurrent';
}

t.test('branches that come and go use up nothing', async (t) => {
  const store = await Regalia.memory();
  await write(store, '/a');
  for (let i = 0; i < 1_100; i++) {
    await store.fork('draft');
    await store.branches.delete('draft');
  }
  const late = await store.fork('late');
  await write(late, '/b');
  await write(store, '/c');
  t.equal(relation(late, store), 'concurrent');
  t.match(await store.grant(), /^regalia grant 1 /);
});

t.test('branches with commits that are dropped leave stamps small', async (t) => {
  const store = await Regalia.memory();
  await write(store, '/a');
  for (let i = 0; i < 1_100; i++) {
    const draft = await store.fork('draft');
    await write(draft, `/d${i}`);
    await store.branches.delete('draft');
  }
  await write(store, '/c');
  t.equal(store.info().stamp, '(0, 2, 0)');
  const draft = await store.fork('draft');
  await write(draft, '/late');
  t.ok(draft.info().stamp.length < 200, draft.info().stamp);
});

t.test('a branch that is merged and deleted leaves its share to the next', async (t) => {
  const store = await Regalia.memory();
  await write(store, '/a');
  for (let i = 0; i < 50; i++) {
    const draft = await store.fork('draft');
    await write(draft, `/d${i}`);
    await write(store, `/m${i}`);
    t.equal(relation(draft, store), 'concurrent');
    await store.merge('draft');
    await store.branches.delete('draft');
  }
  t.equal(store.info().stamp, '(0, 51, (0, (0, 50, 0), 0))', 'two shares in all');
});

t.test('a share that was dropped unmerged waits for one who has seen its commits', async (t) => {
  const store = await Regalia.memory();
  await write(store, '/a');
  const draft = await store.fork('draft');
  await write(draft, '/d');
  const [dropped] = [...draft.log()];
  await store.branches.delete('draft');
  const other = await store.fork('other');
  await write(other, '/o');
  t.equal(other.info().stamp, '(0, 1, (0, (0, 0, 1), 0))', 'a share of its own');
  await store.merge(dropped?.commit ?? '');
  const later = await store.fork('later');
  await write(later, '/l');
  t.equal(later.info().stamp, '(0, 1, (0, (0, 2, 0), 0))', 'that of the dropped one');
});

t.test('a branch that was reset counts on where nobody did', async (t) => {
  const store = await Regalia.memory();
  await write(store, '/a');
  const first = store.info().commit;
  await write(store, '/b');
  const aside = await store.fork('aside');
  await store.branches.reset('main', first);
  await write(store, '/c');
  t.equal(relation(store, aside), 'concurrent');
  t.equal((await store.merge('aside')).merged, true);
  t.equal(relation(aside, store), 'before');
});

t.test('a bucket that comes back in an earlier state is beside its later one', async (t) => {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    tx.createBucket('/in');
    tx.put('/in/a', 's', bytes('a'));
  });
  const then = store.info().commit;
  await write(store, '/in/b');
  const later = await store.fork('later');
  await store.transact((tx) => tx.del('/in'));
  await store.restore(then, '/in');
  await write(store, '/in/c');
  t.equal(relation(store.bucket('/in'), later.bucket('/in')), 'concurrent');
});

t.test('branches of a bucket within come and go as well', async (t) => {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    tx.createBucket('/in');
  });
  const bucket = store.bucket('/in');
  for (let i = 0; i < 20; i++) {
    const draft = await bucket.fork('draft');
    await write(draft, `/d${i}`);
    await bucket.merge('draft');
    await bucket.branches.delete('draft');
  }
  t.equal(bucket.info().stamp, '(0, 1, (0, (0, 20, 0), 0))', 'they fast-forward on one share');
});

t.test('of two who commit to a new branch at once, neither has a share alone', async (t) => {
  const place = join(folder(t), 'store');
  const stores = [await Regalia.open(place), await Regalia.open(place)] as const;
  await stores[0].fork('draft');
  const drafts = stores.map((store) => store.branch('draft'));
  await Promise.all(drafts.map((draft, i) => write(draft, `/d${i}`)));
  t.equal(stores[0].branch('draft').info().stamp, '(0, 2, 0)');
  await Promise.all(stores.map((store, i) => write(store, `/m${i}`)));
  t.equal(relation(stores[0], stores[0].branch('draft')), 'concurrent');
  for (const store of stores) await store.close();
});

t.test('grants never run out, and are accepted once', async (t) => {
  const here = await Regalia.memory();
  await write(here, '/a');
  for (let i = 0; i < 1_100; i++) await here.grant();
  const place = folder(t);
  const there = await Regalia.receive(join(place, 'there'), here.export());
  t.equal(await codeOf(write(there, '/b')), 'REGALIA_STAMP');
  t.equal(await codeOf(there.grant()), 'REGALIA_STAMP');
  t.equal(await codeOf(there.clone(join(place, 'clone'))), 'REGALIA_STAMP');
  const grant = await here.grant();
  await there.accept(grant);
  t.equal(await codeOf(there.accept(grant)), 'REGALIA_STAMP');
  await write(there, '/b');
  await write(here, '/c');
  t.equal(relation(here, there), 'concurrent');
  const back = await there.grant();
  await here.accept(back);
  t.equal(await codeOf(here.accept(back)), 'REGALIA_STAMP', 'it is here again');
  t.equal(await codeOf(here.accept(`regalia grant 1 ${here.id} 0`)), 'REGALIA_STAMP', 'of main');
  t.equal(await codeOf(here.accept(`regalia grant 1 ${here.id} 1`)), 'REGALIA_STAMP', 'of many');
  t.equal(await codeOf(here.accept(`regalia grant 1 ${here.id} 2`)), 'REGALIA_OPTION');
  t.equal(await codeOf(here.accept(grant.replace(here.id, '0'.repeat(32)))), 'REGALIA_OPTION');
  await there.close();
});

t.test('who gave a share away cannot accept it: another may have', async (t) => {
  const store = await Regalia.memory();
  await t.rejects(store.accept(await store.grant()), {
    code: 'REGALIA_STAMP',
    message: /of another store, for the first time, not 0, which this one has or gave away/,
  });
});

t.test('a bucket within grants shares to its replicas', async (t) => {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    tx.createBucket('/in');
  });
  const bucket = store.bucket('/in');
  const there = await Regalia.receive(join(folder(t), 'there'), bucket.export());
  await there.accept(await bucket.grant());
  await write(there, '/b');
  await write(bucket, '/c');
  t.equal(relation(bucket, there), 'concurrent');
  await there.close();
});

t.test('clones never run out, and a refused one takes nothing', async (t) => {
  const place = folder(t);
  const store = await Regalia.open(join(place, 'store'));
  await store.clone(join(place, 'first'));
  for (let i = 0; i < 20; i++) {
    t.equal(await codeOf(store.clone(join(place, 'first'))), 'REGALIA_EXISTS');
  }
  t.match(await store.grant(), / 100$/, 'the second share');
  const first = await Regalia.open(join(place, 'first'));
  await write(first, '/a');
  await write(store, '/b');
  t.equal(relation(first, store), 'concurrent');
  await first.clone(join(place, 'second'));
  const second = await Regalia.open(join(place, 'second'));
  await write(second, '/c');
  await write(first, '/d');
  t.equal(relation(first, second), 'concurrent');
  for (const each of [store, first, second]) await each.close();
});

t.test('who has no share learns how to get one, and nobody is accused', async (t) => {
  const here = await Regalia.memory();
  await write(here, '/a');
  const there = await Regalia.receive(join(folder(t), 'there'), here.export());
  await t.rejects(write(there, '/b'), {
    code: 'REGALIA_STAMP',
    message: /^branch main has no share of the clock .*`accept` what `grant` returns/,
    data: { expected: 'a share of the clock', actual: 'none' },
  });
  const [tracking] = [...there.branches].filter(({ name }) => name.startsWith('replica/'));
  await t.rejects(write(there.branch(tracking?.name ?? ''), '/b'), {
    code: 'REGALIA_STAMP',
    message: /it follows a branch of another replica; fork it/,
  });
  await there.close();
});

t.test('a merge that anybody would make needs no share', async (t) => {
  const here = await Regalia.memory();
  await write(here, '/a');
  const there = await Regalia.receive(join(folder(t), 'there'), here.export());
  const draft = await here.fork('draft');
  await write(draft, '/b');
  await write(here, '/c');
  await there.import(here.export({ have: await there.have() }));
  for (const { name } of [...there.branches]) t.equal((await there.merge(name)).merged, true);
  t.equal((await here.merge('draft')).commit.commit, there.info().commit);
  await write(here, '/d');
  await there.import(here.export({ have: await there.have() }));
  await there.close();
});
