/**
 * What a conflict says: its kind, the key that names it, what base and both sides have, and where.
 * It is named by its key in the base, or where there is none by the key where both meet.
 */
import t from 'tap';
import { noise } from '../store/setup.js';
import { world, wrongs } from './branch.js';
import { linesOf } from './vocabulary.js';

t.test('an entry at two places is named by where it was', async (t) => {
  const { A, B } = await world((main) => main.put('/album/photo'));
  await A.move('/album', '/2024');
  await B.move('/album', '/holiday');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['moved two-places /album']);
  const [conflict] = conflicts;
  t.equal(conflict?.base?.key, '/album');
  t.equal(conflict?.ours?.key, '/2024');
  t.equal(conflict?.theirs?.key, '/holiday');
  t.equal(conflict?.stream, undefined);
});

t.test('a stream is named by where it was, and says where it is', async (t) => {
  const { A, B } = await world((main) => main.put('/a/f', 'base'));
  await A.move('/a', '/b');
  await A.put('/b/f', 'of A');
  await B.put('/a/f', 'of B, a bit longer');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['both-changed /a/f s']);
  t.match(conflicts, [
    {
      base: { key: '/a/f', size: 4 },
      ours: { key: '/b/f', size: 4 },
      theirs: { key: '/a/f', size: 18 },
    },
  ]);
});

t.test('what both added is named by the key where both meet', async (t) => {
  const { A, B } = await world((main) => main.put('/d/f'));
  await A.move('/d', '/e');
  await A.put('/e/n', 'of A');
  await B.put('/d/n', 'of B');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['both-added /e/n s']);
  const [conflict] = conflicts;
  t.equal(conflict?.base, undefined);
  t.equal(conflict?.ours?.key, '/e/n');
  t.equal(conflict?.theirs?.key, '/d/n');
});

t.test('who removed an entry has nothing there', async (t) => {
  const { A, B } = await world((main) => main.putEach('/d/f', '/e/f'));
  await A.del('/d');
  await A.put('/e/f', 'edited');
  await B.put('/d/f', 'edited');
  await B.del('/e');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['changed/removed /e', 'removed/changed /d']);
  const removed = conflicts.find(({ key }) => key === '/d');
  t.strictSame([removed?.ours, removed?.theirs?.key], [undefined, '/d']);
  t.equal(removed?.base?.key, '/d');
  const kept = conflicts.find(({ key }) => key === '/e');
  t.strictSame([kept?.ours?.key, kept?.theirs], ['/e', undefined]);
});

t.test('who removed a stream of an entry that stays has nothing in it', async (t) => {
  const { A, B } = await world(async (main) => {
    await main.put('/a');
    await main.put('/a', 't', 't');
  });
  await A.del('/a', 't');
  await B.put('/a', 'edited', 't');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['removed/changed /a t']);
  t.strictSame([conflicts[0]?.ours, conflicts[0]?.theirs?.size], [undefined, 6]);
});

t.test('a kept entry that moved as well says where it is', async (t) => {
  const { A, B } = await world((main) => main.put('/d/f'));
  await A.del('/d');
  await B.move('/d', '/e');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['removed/changed /d']);
  t.equal(conflicts[0]?.theirs?.key, '/e');
});

t.test('contents in metadata are said, and sizes of all', async (t) => {
  const { A, B } = await world((main) => main.put('/a', 'base'));
  await A.put('/a', 'of A');
  await B.transact((tx) => tx.put('/a', 's', noise(100_000)));
  const { conflicts } = await A.try(B);
  const [conflict] = conflicts;
  const texts = [conflict?.base, conflict?.ours].map((one) =>
    String(Buffer.from(one?.inline ?? [])),
  );
  t.strictSame(texts, ['base', 'of A']);
  t.strictSame([conflict?.theirs?.inline, conflict?.theirs?.size], [undefined, 100_000]);
});

t.test('one conflict for a whole removed directory, however much changed in it', async (t) => {
  const { A, B } = await world((main) => main.putEach('/d/a', '/d/b/c', '/d/b/d', '/x'));
  await A.del('/d');
  await B.put('/d/a', 'edited');
  await B.put('/d/b/c', 'edited');
  await B.put('/d/new');
  await B.move('/x', '/d/b/x');
  await B.move('/d/b/d', '/d/b/e');
  t.strictSame(linesOf((await A.try(B)).conflicts), ['removed/changed /d']);
});

t.test(
  'a directory that only lost more of what it had is removed without a question',
  async (t) => {
    const { store, A, B } = await world((main) => main.putEach('/d/a', '/d/b/c', '/x'));
    await A.del('/d');
    await B.del('/d/b');
    await A.merge(B);
    t.strictSame(A.contents(), { '/x': 'x' });
    t.strictSame(await wrongs(store), []);
  },
);

t.test(
  'a bucket at two places, or removed and changed, is a conflict as of any entry',
  async (t) => {
    const { A, B } = await world(async (main) => {
      for (const key of ['/m', '/n', '/m/o']) await main.makeBucket(key);
      await main.putEach('/m/f', '/n/f', '/m/o/f');
    });
    await A.move('/m', '/x');
    await A.del('/n');
    await A.put('/x/o/f', 'of A');
    await B.move('/m', '/y');
    await B.put('/n/f', 'edited');
    await B.put('/y/o/f', 'of B');
    const { conflicts } = await A.try(B);
    const lines = ['both-changed /m/o/f s', 'moved two-places /m', 'removed/changed /n'];
    t.strictSame(linesOf(conflicts), lines);
    const inner = await A.within('/x').try(B.within('/y'));
    t.strictSame(linesOf(inner.conflicts), ['both-changed /o/f s'], 'as seen from within');
    t.match(inner.conflicts, [{ base: { key: '/o/f' }, ours: { key: '/o/f' } }]);
  },
);

t.test('a merge with conflicts writes nothing', async (t) => {
  const { store, A, B } = await world((main) => main.putEach('/a', '/b'));
  await A.put('/a', 'of A');
  await B.put('/a', 'of B');
  await B.put('/b', 'of B');
  const [a, b] = [A.head, B.head];
  const commits = [...store.log()].length;
  const { merged, fastForward, commit } = await A.try(B);
  t.strictSame([merged, fastForward, commit.commit], [false, false, a]);
  t.strictSame([A.head, B.head, [...store.log()].length], [a, b, commits]);
  t.strictSame(A.contents(), { '/a': 'of A', '/b': 'b' });
});
