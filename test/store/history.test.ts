/**
 * The past: logs, snapshots that stay, commits by address, branch, tag and date, differences, forks
 * and restores.
 */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { bytes, codeOf, keysOf, put, textAt } from './setup.js';

t.test('a snapshot stays what it was, and every commit can be read', async (t) => {
  await using store = await Regalia.memory();
  const commits: string[] = [];
  const snapshots = [];
  for (let i = 0; i < 30; i++) {
    commits.push(await put(store, { '/a': `${i}`, [`/k${i % 7}`]: `${i}` }, `${i}`));
    snapshots.push(store.snapshot());
  }
  for (const [i, commit] of commits.entries()) {
    const then = store.snapshot(commit);
    t.equal(textAt(then, '/a'), `${i}`);
    t.equal(then.base, commit);
    t.equal(then.root, snapshots[i]?.root);
    t.strictSame(keysOf(then), keysOf(snapshots[i] ?? then));
    t.equal(store.snapshot({ commit }).root, then.root);
    t.equal(store.snapshot(commit.slice(7, 27)).root, then.root, 'by its first digits');
  }
  const log = [...store.log()];
  t.strictSame(
    log.slice(0, -1).map(({ commit }) => commit),
    [...commits].reverse(),
  );
  t.equal(log.at(-1)?.message, 'init');
  t.strictSame(
    [...store.log({ reverse: true, limit: 2 })].map((c) => c.message),
    ['init', '0'],
  );
  const part = [...store.log({ from: commits[9] as string, until: commits[6] as string })];
  t.strictSame(
    part.map(({ message }) => message),
    ['9', '8', '7'],
  );
  const ofKey = [...store.log({ key: '/k3' })].map(({ message }) => message);
  t.strictSame(ofKey, ['24', '17', '10', '3']);
});

t.test('a date names the last commit that is not later', async (t) => {
  let now = 1_000;
  await using store = await Regalia.memory({ now: () => now });
  for (const time of [2_000, 3_000, 2_500, 4_000]) {
    now = time;
    await put(store, { '/a': `${time}` });
  }
  const at = (date: number | Date): string | undefined => textAt(store.snapshot({ date }), '/a');
  t.equal(at(2_000), '2000');
  t.equal(at(new Date(2_999)), '2000');
  t.equal(at(3_000), '2500', 'time does not go back where a clock does');
  t.equal(at(1e12), '4000');
  t.equal(at(1_500), undefined);
  t.throws(() => store.snapshot({ date: 999 }), { code: 'REGALIA_NOT_FOUND' });
  t.throws(() => store.snapshot({ date: Number.NaN }), { code: 'REGALIA_OPTION' });
});

t.test('what names no commit is not found', async (t) => {
  await using store = await Regalia.memory();
  const absent = `sha256:${'0'.repeat(64)}`;
  for (const at of [
    'nope',
    absent,
    'abcdef12',
    { tag: 'x' },
    { branch: 'x' },
    { commit: absent },
  ]) {
    t.throws(() => store.snapshot(at), { code: 'REGALIA_NOT_FOUND' }, JSON.stringify(at));
  }
  t.throws(() => store.branch('x'), { code: 'REGALIA_NOT_FOUND' });
  t.throws(() => store.snapshot({ commit: 'sha256:xyz' }), { code: 'REGALIA_FORMAT' });
});

t.test('branches go apart, are listed, reset and deleted', async (t) => {
  await using store = await Regalia.memory();
  const first = await put(store, { '/a': '1' });
  const draft = await store.fork('draft');
  await draft.transact((tx) => tx.put('/b', 's', bytes('2')));
  await put(store, { '/a': '3' });
  t.strictSame(keysOf(store.snapshot()), ['/', '/a']);
  t.strictSame(keysOf(store.snapshot('draft')), ['/', '/a', '/b']);
  t.strictSame(
    [...store.branches].map(({ name }) => name),
    ['draft', 'main'],
  );
  t.equal(store.branches.get('draft')?.commit, draft.info().commit);
  t.equal(store.branches.get('none'), undefined);
  t.equal(await codeOf(store.fork('draft')), 'REGALIA_EXISTS');
  for (const name of ['', 'a\0b', '/x', 'x'.repeat(2_000)]) {
    t.not(await codeOf(store.fork(name)), 'done', `branch ${JSON.stringify(name).slice(0, 20)}`);
  }
  const old = await store.fork('old', { at: first });
  t.equal(textAt(old.snapshot(), '/a'), '1');
  await store.branches.reset('old', 'main');
  t.equal(textAt(store.snapshot('old'), '/a'), '3');
  await store.branches.delete('draft');
  t.throws(() => store.snapshot({ branch: 'draft' }), { code: 'REGALIA_NOT_FOUND' });
  t.equal(await codeOf(store.branches.delete('draft')), 'REGALIA_NOT_FOUND');
  t.equal(await codeOf(store.branches.delete('main')), 'REGALIA_OPTION');
  t.equal(await codeOf(store.branches.reset('draft', first)), 'REGALIA_NOT_FOUND');
  await put(store, { '/goes': 'on' });
});

t.test('tags name commits once', async (t) => {
  await using store = await Regalia.memory();
  const first = await put(store, { '/a': '1' });
  t.strictSame(await store.tags.set('v1'), { name: 'v1', commit: first });
  await put(store, { '/a': '2' });
  await store.tags.set('again', 'v1');
  t.equal(textAt(store.snapshot('v1'), '/a'), '1');
  t.equal(textAt(store.snapshot({ tag: 'again' }), '/a'), '1');
  t.equal(await codeOf(store.tags.set('v1')), 'REGALIA_EXISTS');
  t.strictSame(
    [...store.tags].map(({ name }) => name),
    ['again', 'v1'],
  );
  await store.tags.delete('v1');
  t.equal(store.tags.get('v1'), undefined);
  t.equal(await codeOf(store.tags.delete('v1')), 'REGALIA_NOT_FOUND');
});

t.test('a difference tells streams, whole subtrees, and moves', async (t) => {
  await using store = await Regalia.memory();
  const before = await put(store, { '/a': '1', '/d/x': '1', '/d/y': '1', '/gone/deep': '1' });
  await store.transact((tx) => {
    tx.put('/a', 's', bytes('2'));
    tx.put('/a', 'more', bytes('2'));
    tx.move('/d', '/moved');
    tx.put('/moved/y', 's', bytes('2'));
    tx.del('/gone');
    tx.put('/new/deep', 's', bytes('1'));
  });
  const rows = [...store.diff(before, 'main')];
  t.strictSame(rows, [
    { key: '/a', stream: 'more', kind: 'added' },
    { key: '/a', stream: 's', kind: 'changed' },
    { key: '/gone', kind: 'removed' },
    { key: '/moved', kind: 'moved', from: '/d' },
    { key: '/moved/y', stream: 's', kind: 'changed' },
    { key: '/new', kind: 'added' },
  ]);
  t.strictSame([...store.diff('main', 'main')], []);
  const back = [...store.diff('main', before)].map(({ key, kind }) => `${kind} ${key}`);
  t.ok(back.includes('moved /d') && back.includes('added /gone'), back.join());
  const within = [...store.diff(before, 'main', { key: '/new', deep: true })];
  t.ok(
    within.some(({ key, stream }) => key === '/new/deep' && stream === 's'),
    JSON.stringify(within),
  );
});

t.test('a key, or all, is restored from an earlier commit by a new one', async (t) => {
  await using store = await Regalia.memory();
  const before = await put(store, { '/a/b': '1', '/c': '1' });
  const { root } = store.info();
  await store.transact((tx) => {
    tx.put('/a/b', 's', bytes('2'));
    tx.put('/a/new', 's', bytes('2'));
    tx.del('/c');
  });
  await store.restore(before, '/a');
  t.strictSame(keysOf(store.snapshot()), ['/', '/a', '/a/b']);
  t.equal(textAt(store.snapshot(), '/a/b'), '1');
  const { message } = await store.restore(before, '/c');
  t.match(message, /^restore \/c from sha256:/);
  t.equal(store.info().root, root);
  const { changed } = await store.restore(before);
  t.equal(changed, false);
  await store.restore(before, '/never');
  await put(store, { '/\udc80': 'x' });
  await store.restore(before, '/\udc80');
  t.equal(store.info().root, root, 'also by names that are no text');
});
