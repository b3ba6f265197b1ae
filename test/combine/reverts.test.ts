/**
 * Reverting and restoring are merges like others: they follow moves, merge buckets by their own
 * history, ask by the same conflicts and obey policies. A revert of a merge asks for the side that
 * stays, and never guesses.
 */
import { join } from 'node:path';
import t from 'tap';
import { regalia, scratch } from '../cli/regalia.js';
import { bytes } from '../store/setup.js';
import { type Branch, world, wrongs } from './branch.js';
import { conflictsOf, linesOf, type Policy } from './vocabulary.js';

t.test('a revert of a merge asks for the side that stays', async (t) => {
  const { store, A, B } = await world((main) => main.put('/base'));
  await A.put('/a');
  await B.put('/b');
  const [a, b] = [A.head, B.head];
  const { commit } = (await A.merge(B)).commit;
  const data = { option: /parent/ };
  await t.rejects(A.bucket.revert(commit), { code: 'REGALIA_OPTION', data });
  await t.rejects(A.bucket.revert(commit, { policy: 'ours' }), { code: 'REGALIA_OPTION', data });
  t.equal(A.head, commit, 'nothing is written');
  const keep = await A.fork('keep');
  await A.bucket.revert(commit, { parent: a });
  t.strictSame(A.contents(), { '/base': 'base', '/a': 'a' }, 'what came from B is taken back');
  await keep.bucket.revert(commit, { parent: b });
  t.strictSame(keep.contents(), { '/base': 'base', '/b': 'b' }, 'what came from A is taken back');
  t.strictSame(await wrongs(store), []);
});

t.test('the side that stays must be a parent of what is reverted', async (t) => {
  const { main, A, B } = await world((main) => main.put('/base'));
  const root = main.head;
  const a = await A.put('/a');
  await B.put('/b');
  const { commit } = (await A.merge(B)).commit;
  const data = { option: /parent/ };
  for (const parent of [root, commit, 'x', '', 5, null] as string[]) {
    const work = A.bucket.revert(commit, { parent });
    const code = /^REGALIA_(OPTION|NOT_FOUND|FORMAT)$/;
    await t.rejects(work, { code }, `parent ${parent}`);
  }
  await t.rejects(A.bucket.revert(commit, { parent: root }), { code: 'REGALIA_OPTION', data });
  await t.rejects(A.bucket.revert(a, { parent: commit }), { code: 'REGALIA_OPTION', data });
  await A.bucket.revert(a, { parent: root });
  t.strictSame(A.contents(), { '/base': 'base', '/b': 'b' }, 'the one parent may be named');
});

t.test('the command asks for that side, too', async (t) => {
  const store = join(scratch(t), 'store');
  const run = async (...args: string[]) => regalia([...args, '--json'], 'text');
  await run('init', store);
  await run('fork', store, 'other');
  const ours = (await run('put', store, '/a', 's')).rows[0]?.['commit'] as string;
  await run('put', store, '/b', 's', '--branch', 'other');
  const merged = (await run('merge', store, 'other')).rows[0]?.['commit'] as string;
  const refused = await run('revert', store, merged);
  t.not(refused.exit, 0);
  t.match(refused.err, /parent/);
  t.equal((await run('revert', store, merged, '--parent', ours)).exit, 0);
  const left = (await run('ls', store)).rows.map(({ key }) => key);
  t.strictSame(left, ['/a']);
});

t.test('a revert of a merge takes back moves of the other side', async (t) => {
  const { A, B } = await world((main) => main.putEach('/a/f', '/c/g'));
  await A.put('/a/f', 'of A');
  await B.move('/a', '/b');
  await B.put('/b/new');
  const a = A.head;
  const { commit } = (await A.merge(B)).commit;
  t.strictSame(A.contents(), { '/b/f': 'of A', '/b/new': 'new', '/c/g': 'g' });
  await A.bucket.revert(commit, { parent: a });
  t.strictSame(A.contents(), { '/a/f': 'of A', '/c/g': 'g' });
});

t.test('a revert follows later moves', async (t) => {
  const { store, main } = await world((main) => main.putEach('/a/f', '/a/g'));
  const edit = await main.put('/a/f', 'edited');
  await main.move('/a', '/b');
  await main.move('/b/f', '/c');
  await store.revert(edit);
  t.strictSame(main.contents(), { '/b/g': 'g', '/c': 'f' });
});

t.test('a revert takes out what was put where it is by now', async (t) => {
  const { store, main } = await world((main) => main.put('/a/f'));
  const added = await main.put('/a/new');
  await main.move('/a', '/b');
  await store.revert(added);
  t.strictSame(main.contents(), { '/b/f': 'f' });
});

t.test('a revert of a move takes back the move alone', async (t) => {
  const { store, main } = await world((main) => main.put('/a/f'));
  const moved = await main.move('/a', '/b');
  await main.put('/b/f', 'edited');
  await main.put('/b/new');
  await store.revert(moved);
  t.strictSame(main.contents(), { '/a/f': 'edited', '/a/new': 'new' });
  await main.put('/a/f', 'again');
  t.strictSame(main.contents(), { '/a/f': 'again', '/a/new': 'new' });
});

t.test('a revert of a revert does it again', async (t) => {
  const { store, main } = await world((main) => main.putEach('/a/f', '/x'));
  const change = await main.transact((tx) => {
    tx.move('/a', '/b');
    tx.del('/x');
    tx.put('/b/new', 's', bytes('new'));
  });
  const after = main.contents();
  const { commit } = await store.revert(change);
  t.strictSame(main.contents(), { '/a/f': 'f', '/x': 'x' });
  await store.revert(commit);
  t.strictSame(main.contents(), after);
});

t.test('a revert of a move whose entry moved on is a conflict of places', async (t) => {
  const { store, main } = await world((main) => main.put('/a/f'));
  const moved = await main.move('/a', '/b');
  await main.move('/b', '/c');
  t.match(linesOf(await conflictsOf(store.revert(moved))), [/^moved two-places /]);
  await store.revert(moved, { policy: 'theirs' });
  t.strictSame(main.contents(), { '/a/f': 'f' });
});

t.test('a revert of a bucket that was made of an entry leaves the entry', async (t) => {
  const { store, main } = await world((main) => main.putEach('/a', '/a/f', '/x'));
  const made = await main.makeBucket('/a');
  await main.put('/a/new');
  await main.move('/a', '/b');
  await store.revert(made);
  t.strictSame(main.contents(), { '/b': 'a', '/b/f': 'f', '/b/new': 'new', '/x': 'x' });
  t.strictSame(await wrongs(store), []);
});

/** Two that brought back what a third state lacks, each in its way. */
async function broughtBack(back: (branch: Branch, then: string, removal: string) => unknown) {
  const both = await world((main) => main.putEach('/d/f', '/x'));
  const { A, B } = both;
  const then = A.head;
  const removal = await A.transact((tx) => tx.del('/d'));
  await B.merge(A);
  await back(A, then, removal);
  await back(B, then, removal);
  return both;
}

t.test('what both sides brought back is one entry, wherever one moved it then', async (t) => {
  const ways = {
    revert: (branch: Branch, _: string, removal: string) => branch.bucket.revert(removal),
    restore: (branch: Branch, then: string) => branch.bucket.restore(then, '/'),
    'restore of the key': (branch: Branch, then: string) => branch.bucket.restore(then, '/d'),
  };
  for (const [name, back] of Object.entries(ways)) {
    const { store, A, B } = await broughtBack(back);
    await B.move('/d', '/e');
    t.strictSame(linesOf((await A.try(B)).conflicts), ['moved two-places /d'], name);
    await A.merge(B, 'theirs');
    t.strictSame(A.contents(), { '/e/f': 'f', '/x': 'x' }, name);
    t.strictSame(await wrongs(store), [], name);
  }
});

/** A bucket beside an entry, and a bucket within that. */
async function nested() {
  return world(async (main) => {
    await main.makeBucket('/m');
    await main.makeBucket('/m/n');
    await main.putEach('/x', '/m/f', '/m/n/g');
  });
}

t.test('a revert beside buckets that went on leaves these alone', async (t) => {
  const { store, main } = await nested();
  const edit = await main.put('/x', 'edited');
  await main.put('/m/f', 'later');
  await main.put('/m/n/g', 'later');
  const inner = [main.within('/m').head, main.within('/m/n').head];
  await store.revert(edit);
  t.strictSame(main.contents(), {
    '/m/': 'm',
    '/m/f': 'later',
    '/m/n/': 'n',
    '/m/n/g': 'later',
    '/x': 'x',
  });
  t.strictSame([main.within('/m').head, main.within('/m/n').head], inner);
  t.strictSame(await wrongs(store), []);
});

t.test('a revert of what was done within buckets merges each of them', async (t) => {
  const { store, main } = await nested();
  const edit = await main.transact((tx) => {
    tx.put('/m/f', 's', bytes('edited'));
    tx.put('/m/n/g', 's', bytes('edited'));
    tx.put('/x', 's', bytes('edited'));
  });
  await main.put('/m/later');
  await main.put('/m/n/later');
  const counts = (): number[] => ['/m', '/m/n'].map((key) => [...store.bucket(key).log()].length);
  const before = counts();
  await store.revert(edit);
  t.strictSame(main.contents(), {
    '/m/': 'm',
    '/m/f': 'f',
    '/m/later': 'later',
    '/m/n/': 'n',
    '/m/n/g': 'g',
    '/m/n/later': 'later',
    '/x': 'x',
  });
  t.strictSame(
    counts(),
    before.map((count) => count + 1),
    'by a commit of its own in each log',
  );
  t.strictSame(await wrongs(store), []);
});

t.test('a revert within a bucket is of its commits, and asks by its keys', async (t) => {
  const { store, main } = await nested();
  const inner = main.within('/m');
  const edit = await inner.put('/f', 'edited');
  await inner.put('/n/g', 'later');
  const fork = await main.fork('fork');
  await inner.bucket.revert(edit);
  t.strictSame(inner.contents(), { '/f': 'f', '/n/': 'n', '/n/g': 'later' });
  const other = fork.within('/m');
  await other.put('/f', 'more');
  t.strictSame(linesOf(await conflictsOf(other.bucket.revert(edit))), ['both-changed /f s']);
  t.strictSame(await wrongs(store), []);
});

t.test('a removed bucket comes back by a revert, with its id and its log', async (t) => {
  const { store, main } = await nested();
  const { id } = store.bucket('/m');
  const log = [...store.bucket('/m').log()].length;
  const contents = main.contents();
  const removal = await main.del('/m');
  await main.put('/y');
  await store.revert(removal);
  t.strictSame(main.contents(), { ...contents, '/y': 'y' });
  t.equal(store.bucket('/m').id, id);
  t.ok([...store.bucket('/m').log()].length >= log);
  await main.put('/m/f', 'goes on');
  t.strictSame(await wrongs(store), []);
});

t.test('a revert of the move of a bucket brings it back, as it is by now', async (t) => {
  const { store, main } = await nested();
  const moved = await main.move('/m/n', '/e');
  await main.put('/e/g', 'edited');
  await store.revert(moved);
  t.strictSame(main.contents(), {
    '/m/': 'm',
    '/m/f': 'f',
    '/m/n/': 'n',
    '/m/n/g': 'edited',
    '/x': 'x',
  });
  t.strictSame(await wrongs(store), []);
});

t.test('conflicts of a revert have the words of merges, and no inner fields', async (t) => {
  const { store, main } = await world((main) => main.putEach('/s', '/d/f'));
  const change = await main.transact((tx) => {
    tx.put('/s', 's', bytes('edited'));
    tx.put('/d/f', 's', bytes('edited'));
    tx.put('/d/new', 's', bytes('new'));
  });
  await main.put('/s', 'later');
  await main.del('/d');
  const before = main.head;
  const conflicts = await conflictsOf(store.revert(change));
  t.strictSame(linesOf(conflicts), ['both-changed /s s', 'removed/changed /d']);
  const known = new Set(['kind', 'why', 'key', 'stream', 'base', 'ours', 'theirs', 'answers']);
  for (const conflict of conflicts) {
    const unknown = Object.keys(conflict).filter((field) => !known.has(field));
    t.strictSame(unknown, [], conflict.key);
  }
  const [stream] = conflicts.filter(({ key }) => key === '/s');
  t.match(stream, { base: { size: 6 }, ours: { size: 5 }, theirs: { size: 1 } });
  t.equal(main.head, before);
});

t.test('policies settle a revert, of streams, entries and places', async (t) => {
  const cases: readonly (readonly [policy: Policy, gives: object])[] = [
    ['ours', { '/s': 'later', '/r': 'p' }],
    ['theirs', { '/s': 's', '/d/f': 'f', '/p': 'p' }],
    [
      { streams: 'theirs', entries: 'keep', places: 'newest' },
      { '/s': 's', '/d/f': 'f' },
    ],
    [{ streams: 'ours', entries: 'remove', places: 'newest' }, { '/s': 'later' }],
  ];
  for (const [policy, gives] of cases) {
    const { store, main } = await world((main) => main.putEach('/s', '/d/f', '/p'));
    const change = await main.transact((tx) => {
      tx.put('/s', 's', bytes('edited'));
      tx.put('/d/f', 's', bytes('edited'));
      tx.move('/p', '/q');
    });
    await main.put('/s', 'later');
    await main.del('/d');
    await main.move('/q', '/r');
    await store.revert(change, { policy });
    t.match(main.contents(), gives, JSON.stringify(policy));
    t.equal('/d/f' in main.contents(), '/d/f' in gives, JSON.stringify(policy));
    const places = ['/p', '/q', '/r'].filter((key) => key in main.contents());
    t.equal(places.length, 1, `${JSON.stringify(policy)}: at one place`);
  }
});

t.test('restoring all gives what was, and buckets go on from what they are', async (t) => {
  const { store, main } = await nested();
  const [before, contents, root] = [main.head, main.contents(), main.root];
  const ids = ['/m', '/m/n'].map((key) => store.bucket(key).id);
  await main.put('/m/f', 'later');
  await main.move('/m/n', '/e');
  await main.put('/e/g', 'later');
  await main.del('/x');
  await main.put('/y');
  const seen = store.bucket('/m').info().commit;
  await store.restore(before);
  t.strictSame(main.contents(), contents);
  t.equal(main.root, root);
  t.strictSame(
    ['/m', '/m/n'].map((key) => store.bucket(key).id),
    ids,
  );
  const log = [...store.bucket('/m').log()].map(({ commit }) => commit);
  t.ok(log.includes(seen), 'nothing of the log is gone');
  t.strictSame(await wrongs(store), []);
});

t.test('restoring a key leaves all beside it, buckets too', async (t) => {
  const { store, main } = await nested();
  const before = main.head;
  await main.put('/x', 'later');
  await main.put('/m/f', 'later');
  const inner = main.within('/m').head;
  await store.restore(before, '/x');
  t.match(main.contents(), { '/x': 'x', '/m/f': 'later' });
  t.equal(main.within('/m').head, inner);
  t.strictSame(await wrongs(store), []);
});

t.test('restoring a key within a bucket is a commit of that bucket', async (t) => {
  const { store, main } = await nested();
  const before = main.head;
  await main.put('/m/n/g', 'later');
  await main.put('/m/f', 'later');
  await store.restore(before, '/m/n/g');
  t.match(main.contents(), { '/m/n/g': 'g', '/m/f': 'later' });
  const inner = main.within('/m');
  const [, first] = [...inner.bucket.log({ key: '/f' })];
  await inner.bucket.restore(first?.commit ?? '', '/f');
  t.match(main.contents(), { '/m/n/g': 'g', '/m/f': 'f' });
  t.strictSame(await wrongs(store), []);
});

t.test('restoring a key whose entry moved brings it back, and doubles nothing', async (t) => {
  const { store, main } = await world((main) => main.putEach('/a/f', '/z'));
  const before = main.head;
  await main.move('/a', '/b');
  await main.put('/b/f', 'edited');
  await store.restore(before, '/a');
  t.strictSame(main.contents(), { '/a/f': 'f', '/z': 'z' });
});

t.test('restoring the key of a bucket that moved brings it back, with its id', async (t) => {
  const { store, main } = await nested();
  const before = main.head;
  const { id } = store.bucket('/m');
  await main.move('/m', '/u');
  await main.put('/u/f', 'later');
  await store.restore(before, '/m');
  t.strictSame(main.contents(), {
    '/m/': 'm',
    '/m/f': 'f',
    '/m/n/': 'n',
    '/m/n/g': 'g',
    '/x': 'x',
  });
  t.equal(store.bucket('/m').id, id);
  t.strictSame(await wrongs(store), []);
});

t.test('restoring what was removed brings a bucket back, with its log', async (t) => {
  const { store, main } = await nested();
  const [before, contents] = [main.head, main.contents()];
  const { id } = store.bucket('/m');
  await main.del('/m');
  await store.restore(before, '/m');
  t.strictSame(main.contents(), contents);
  t.equal(store.bucket('/m').id, id);
  await main.put('/m/n/g', 'goes on');
  t.ok([...store.bucket('/m').log()].length > 1);
  t.strictSame(await wrongs(store), []);
});

t.test('later merges follow what a revert or a restore moved', async (t) => {
  for (const undo of ['revert', 'restore'] as const) {
    const { store, main, A } = await world((main) => main.put('/a/f'));
    const before = main.head;
    const moved = await main.move('/a', '/b');
    await A.merge(main);
    if (undo === 'revert') await store.revert(moved);
    else await store.restore(before);
    await A.put('/b/f', 'edited');
    await main.merge(A);
    t.strictSame(main.contents(), { '/a/f': 'edited' }, undo);
    t.strictSame(await wrongs(store), []);
  }
});

t.test('a revert is asked, and answered, as a merge is', async (t) => {
  const { store, main } = await world((main) => main.putEach('/s', '/d/f'));
  const change = await main.transact((tx) => {
    tx.put('/s', 's', bytes('edited'));
    tx.put('/d/f', 's', bytes('edited'));
  });
  await main.put('/s', 'later');
  await main.del('/d');
  const unused = { key: '/none', take: 'ours' } as const;
  const answers = [
    { key: '/s', stream: 's', contents: bytes('both') },
    { key: '/d', take: 'theirs' },
    unused,
  ] as const;
  const outcome = await store.revert(change, { answers });
  t.strictSame(main.contents(), { '/s': 'both', '/d/f': 'f' });
  t.strictSame(outcome.unused, [unused]);
  const wrong = store.revert(change, { answers: [{ key: '/s', stream: 's', take: 'both' }] });
  await t.rejects(wrong, { code: 'REGALIA_OPTION' });
});

t.test('a revert of the last commit within buckets is a commit of each', async (t) => {
  const { store, main } = await nested();
  const before = main.root;
  const edit = await main.put('/m/n/g', 'edited');
  const logs = (): number[] => ['/m', '/m/n'].map((key) => [...store.bucket(key).log()].length);
  const counts = logs();
  await store.revert(edit);
  t.equal(main.root, before);
  t.strictSame(
    logs(),
    counts.map((count) => count + 1),
  );
  t.strictSame(await wrongs(store), []);
});

t.test('a commit of another line is reverted, and restored, by what both come from', async (t) => {
  for (const undo of ['revert', 'restore'] as const) {
    const { store, main, A } = await world((main) => main.putEach('/a/f', '/x'));
    await A.move('/a', '/b');
    const edit = await A.put('/b/f', 'edited');
    await main.move('/a', '/c');
    await main.put('/c/f', 'edited');
    if (undo === 'revert') await store.revert(edit);
    else await store.restore(edit);
    const key = undo === 'revert' ? '/c/f' : '/b/f';
    t.strictSame(main.contents(), { [key]: undo === 'revert' ? 'f' : 'edited', '/x': 'x' }, undo);
    t.strictSame(await wrongs(store), []);
  }
});

t.test('restoring a key below what moved brings that alone back', async (t) => {
  const { main, store } = await world((main) => main.putEach('/a/f', '/a/g', '/z'));
  const before = main.head;
  await main.move('/a', '/b');
  await main.put('/b/f', 'edited');
  await store.restore(before, '/a/f');
  t.strictSame(main.contents(), { '/a/f': 'f', '/b/g': 'g', '/z': 'z' });
});

t.test('restoring a key gathers what was there, and drops what came since', async (t) => {
  const { main, store } = await world((main) => main.putEach('/a/f', '/a/g', '/a/h', '/z'));
  const before = main.head;
  await main.move('/a/f', '/f');
  await main.move('/a', '/b');
  await main.move('/b/g', '/a');
  await main.put('/b/new');
  await main.move('/z', '/b/z');
  await store.restore(before, '/a');
  t.strictSame(main.contents(), { '/a/f': 'f', '/a/g': 'g', '/a/h': 'h' });
  await store.restore(before);
  t.strictSame(main.contents(), main.contents(before));
});

t.test('what moved on and was removed is followed when it was restored', async (t) => {
  const { main, store, A } = await world((main) => main.put('/a'));
  const before = main.head;
  await main.move('/a', '/b');
  await A.merge(main);
  await main.del('/b');
  await store.restore(before, '/a');
  await A.put('/b', 'edited');
  await main.merge(A);
  t.strictSame(main.contents(), { '/a': 'edited' });
});

t.test('what a restore moves within buckets is followed, too', async (t) => {
  for (const key of ['/', '/m', '/m/f']) {
    const { main, store, A } = await nested();
    const before = main.head;
    await main.move('/m/f', '/m/moved');
    await A.merge(main);
    await store.restore(before, key);
    await A.put('/m/moved', 'edited');
    await main.merge(A);
    t.match(main.contents(), { '/m/f': 'edited' }, key);
    t.notOk('/m/moved' in main.contents(), key);
    t.strictSame(await wrongs(store), []);
  }
});

t.test('a bucket that moved is restored where it was, with all of its log', async (t) => {
  const { main, store } = await nested();
  const before = main.head;
  await main.move('/m/n', '/e');
  await main.put('/e/g', 'edited');
  await main.put('/e/g', 'g');
  const log = [...store.bucket('/e').log()].map(({ commit }) => commit);
  await store.restore(before, '/m/n');
  t.strictSame(main.contents(), main.contents(before));
  const now = [...store.bucket('/m/n').log()].map(({ commit }) => commit);
  t.strictSame(now.slice(-log.length), log);
  t.strictSame(await wrongs(store), []);
});

t.test('what left a bucket comes back into it', async (t) => {
  const { main, store } = await nested();
  const before = main.head;
  await main.move('/m/n/g', '/m/h');
  await main.move('/m/h', '/y');
  await main.put('/y', 'edited');
  await store.restore(before, '/m');
  t.strictSame(main.contents(), main.contents(before));
  t.strictSame(await wrongs(store), []);
});

t.test('what was made a bucket, and moved, is not there twice when it was restored', async (t) => {
  const { main, store } = await world((main) => main.putEach('/a/f', '/z'));
  const before = main.head;
  await main.makeBucket('/a');
  await main.move('/a', '/b');
  await store.restore(before, '/a');
  t.strictSame(main.contents(), { '/a/f': 'f', '/z': 'z' });
  t.strictSame(await wrongs(store), []);
});

t.test('what others commit while a revert or a restore is made is merged', async (t) => {
  const { main, store } = await nested();
  const before = main.head;
  await main.del('/m');
  const moved = await main.move('/x', '/b');
  await Promise.all([
    store.restore(before, '/m'),
    main.put('/y'),
    store.revert(moved),
    main.put('/b', 'edited'),
  ]);
  t.strictSame(main.contents(), { ...main.contents(before), '/x': 'edited', '/y': 'y' });
  await main.put('/m/f', 'goes on');
  t.strictSame(await wrongs(store), []);
});
