/**
 * Transactions side by side, which remove, move and copy: one of two wins, nothing is done twice,
 * nothing is doubled, and conflicts are those of merges.
 */

import t from 'tap';
import { type Conflict, Regalia, type Transaction } from '../../src/index.js';
import { bytes, codeOf, keysOf, noise } from '../store/setup.js';
import { Branch, world, wrongs } from './branch.js';
import { conflictsOf, linesOf } from './vocabulary.js';

const ISOLATIONS = ['snapshot', 'serializable'] as const;

/** What a transaction that was open meanwhile ends with, and what all is then. */
async function raced(
  start: readonly string[],
  ours: (tx: Transaction) => unknown,
  theirs: (tx: Transaction) => unknown,
  isolation: (typeof ISOLATIONS)[number] = 'snapshot',
) {
  const { store, main } = await world((main) => main.putEach(...start));
  const tx = store.begin({ isolation });
  ours(tx);
  await main.transact(theirs);
  const code = await codeOf(tx.commit());
  return { code, contents: main.contents(), faults: await wrongs(store) };
}

t.test('of two that remove one entry, one has a conflict', async (t) => {
  for (const isolation of ISOLATIONS) {
    for (const key of ['/d', '/d/f']) {
      const removes = (tx: Transaction): void => tx.del(key);
      const { code, contents } = await raced(['/d/f', '/x'], removes, removes, isolation);
      t.equal(code, 'REGALIA_CONFLICT', `${isolation} ${key}`);
      t.strictSame(contents, { '/x': 'x' });
    }
    const removes = (tx: Transaction): void => tx.del('/x', 's');
    const { code } = await raced(['/d/f', '/x'], removes, removes, isolation);
    t.equal(code, 'REGALIA_CONFLICT', `${isolation}, of a stream`);
  }
});

t.test('a removal beside that of what lies above, and of what lies beside', async (t) => {
  const above = await raced(
    ['/d/f', '/x'],
    (tx) => tx.del('/d/f'),
    (tx) => tx.del('/d'),
  );
  t.equal(above.code, 'REGALIA_CONFLICT');
  const below = await raced(
    ['/d/f', '/x'],
    (tx) => tx.del('/d'),
    (tx) => tx.del('/d/f'),
  );
  t.equal(below.code, 'REGALIA_CONFLICT');
  const beside = await raced(
    ['/d/f', '/x'],
    (tx) => tx.del('/d'),
    (tx) => tx.del('/x'),
  );
  t.strictSame([beside.code, beside.contents], ['done', {}]);
});

t.test('a queue gives each job to one of its workers', async (t) => {
  const store = await Regalia.memory();
  const jobs = Array.from({ length: 12 }, (_, i) => `${i + 10}`);
  await store.transact((tx) => {
    for (const job of jobs) tx.put(`/queue/${job}`, 's', bytes(job));
  });
  const next = (tx: Transaction): string | undefined => {
    for (const { key, name } of tx.children('/queue', { limit: 1 })) {
      tx.del(key);
      return name;
    }
    return undefined;
  };
  const worker = async (): Promise<string[]> => {
    const done: string[] = [];
    for (;;) {
      const { result } = await store.transact(next, { retries: 1_000 });
      if (result === undefined) return done;
      done.push(result);
    }
  };
  const done = await Promise.all([worker(), worker(), worker()]);
  t.strictSame(done.flat().sort(), jobs);
  await store.close();
});

t.test('of two that move one entry, one has a conflict, and it is at one place', async (t) => {
  for (const isolation of ISOLATIONS) {
    const moved = await raced(
      ['/d/f'],
      (tx) => tx.move('/d', '/e'),
      (tx) => tx.move('/d', '/g'),
      isolation,
    );
    t.strictSame([moved.code, moved.contents], ['REGALIA_CONFLICT', { '/g/f': 'f' }], isolation);
    const same = await raced(
      ['/d/f'],
      (tx) => tx.move('/d', '/e'),
      (tx) => tx.move('/d', '/e'),
      isolation,
    );
    t.strictSame([same.code, same.contents], ['REGALIA_CONFLICT', { '/e/f': 'f' }], isolation);
  }
});

t.test('of two that move one bucket, one has a conflict', async (t) => {
  const { store, main } = await world(async (main) => {
    await main.makeBucket('/m');
    await main.put('/m/f');
  });
  const tx = store.begin();
  tx.move('/m', '/e');
  await main.move('/m', '/g');
  t.equal(await codeOf(tx.commit()), 'REGALIA_CONFLICT');
  t.strictSame(main.contents(), { '/g/': 'm', '/g/f': 'f' });
  t.strictSame(await wrongs(store), []);
});

t.test('a move and a removal of one entry are a conflict', async (t) => {
  const mover = (tx: Transaction): void => tx.move('/d', '/e');
  const remover = (tx: Transaction): void => tx.del('/d');
  const one = await raced(['/d/f'], mover, remover);
  t.strictSame([one.code, one.contents], ['REGALIA_CONFLICT', {}]);
  const other = await raced(['/d/f'], remover, mover);
  t.strictSame([other.code, other.contents], ['REGALIA_CONFLICT', { '/e/f': 'f' }]);
  const inner = await raced(['/d/f', '/d/g'], (tx) => tx.move('/d/f', '/f'), remover);
  t.strictSame([inner.code, inner.contents], ['REGALIA_CONFLICT', {}]);
});

t.test('a move beside others that do not touch it is no conflict', async (t) => {
  const { code, contents, faults } = await raced(
    ['/a/f', '/b/g'],
    (tx) => tx.move('/a', '/x'),
    (tx) => tx.move('/b', '/y'),
  );
  t.strictSame([code, contents, faults], ['done', { '/x/f': 'f', '/y/g': 'g' }, []]);
});

t.test('a move beside an edit below what moves loses neither', async (t) => {
  const moves = (tx: Transaction): void => tx.move('/d', '/e');
  const edits = (tx: Transaction): void => {
    tx.put('/d/f', 's', bytes('edited'));
    tx.put('/d/g', 's', bytes('g'));
  };
  for (const [ours, theirs] of [
    [moves, edits],
    [edits, moves],
  ] as const) {
    const { code, contents, faults } = await raced(['/d/f'], ours, theirs);
    const followed = { '/e/f': 'edited', '/e/g': 'g' };
    const refused = theirs === edits ? { '/d/f': 'edited', '/d/g': 'g' } : { '/e/f': 'f' };
    t.strictSame(contents, code === 'done' ? followed : refused, code);
    t.strictSame(faults, []);
  }
});

t.test('a move to a name that others took is a conflict', async (t) => {
  const moves = (tx: Transaction): void => tx.move('/d', '/e');
  const puts = (tx: Transaction): void => tx.put('/e', 's', bytes('put'));
  const one = await raced(['/d'], moves, puts);
  t.strictSame([one.code, one.contents], ['REGALIA_CONFLICT', { '/d': 'd', '/e': 'put' }]);
  const other = await raced(['/d'], puts, moves);
  t.strictSame([other.code, other.contents], ['REGALIA_CONFLICT', { '/e': 'd' }]);
});

t.test('moves into each other are a conflict', async (t) => {
  const { code, contents } = await raced(
    ['/a', '/b'],
    (tx) => tx.move('/a', '/b/a'),
    (tx) => tx.move('/b', '/a/b'),
  );
  t.strictSame([code, contents], ['REGALIA_CONFLICT', { '/a': 'a', '/a/b': 'b' }]);
});

t.test('what is copied or moved counts as read', async (t) => {
  for (const verb of ['copy', 'move'] as const) {
    for (const key of ['/d/f', '/d/new', '/d']) {
      const { store, main } = await world((main) => main.putEach('/d/f', '/x'));
      const tx = store.begin({ isolation: 'serializable' });
      tx[verb]('/d', '/e');
      await main.put(key, 'edited');
      const kinds = (await conflictsOf(tx.commit())).map(({ kind }) => kind);
      t.strictSame([...new Set(kinds)], ['read/changed'], `${verb}, others changed ${key}`);
      t.notOk('/e/f' in main.contents());
    }
    const beside = await raced(
      ['/d/f', '/x'],
      (tx) => tx[verb]('/d', '/e'),
      (tx) => tx.put('/x', 's', bytes('edited')),
      'serializable',
    );
    t.equal(beside.code, 'done', verb);
  }
});

t.test('what was moved is not there to be moved again', async (t) => {
  const { store, main } = await world((main) => main.put('/d/f'));
  const move = (to: string): Promise<string> =>
    codeOf(store.transact((tx) => tx.move('/d', to), { retries: 100 }));
  const codes = await Promise.all(['/e', '/g', '/h'].map(move));
  t.strictSame(codes.sort(), ['REGALIA_MOVE', 'REGALIA_MOVE', 'done']);
  t.equal(Object.keys(main.contents()).length, 1);
});

/** Conflicts of a commit, of whatever both did to these. */
async function askedBy(
  ours: (tx: Transaction) => unknown,
  theirs: (tx: Transaction) => unknown,
): Promise<readonly Conflict[]> {
  const { store, main } = await world((main) => main.putEach('/a', '/d/f', '/d/g'));
  const tx = store.begin();
  ours(tx);
  await main.transact(theirs);
  return conflictsOf(tx.commit());
}

t.test('conflicts of commits have the words of merges', async (t) => {
  const put =
    (key: string, text: string) =>
    (tx: Transaction): void =>
      tx.put(key, 's', bytes(text));
  const del =
    (key: string) =>
    (tx: Transaction): void =>
      tx.del(key);
  const move =
    (from: string, to: string) =>
    (tx: Transaction): void =>
      tx.move(from, to);
  t.strictSame(linesOf(await askedBy(put('/a', '1'), put('/a', '2'))), ['both-changed /a s']);
  t.strictSame(linesOf(await askedBy(put('/a', '1'), put('/a', '1'))), ['both-changed /a s']);
  t.strictSame(linesOf(await askedBy(put('/n', '1'), put('/n', '2'))), ['both-added /n s']);
  t.strictSame(linesOf(await askedBy(del('/d'), put('/d/f', '2'))), ['removed/changed /d']);
  t.strictSame(linesOf(await askedBy(put('/d/f', '1'), del('/d'))), ['changed/removed /d']);
  t.strictSame(linesOf(await askedBy(put('/d/n', '1'), del('/d'))), ['changed/removed /d']);
  const places = await askedBy(move('/d', '/e'), move('/d', '/h'));
  t.strictSame(linesOf(places), ['moved two-places /d']);
  t.match(places, [{ base: { key: '/d' }, ours: { key: '/e' }, theirs: { key: '/h' } }]);
  const cycle = await askedBy(move('/a', '/d/a'), move('/d', '/a/d'));
  t.match(cycle, [{ kind: 'moved', why: 'cycle' }]);
  const name = await askedBy(move('/a', '/c'), put('/c', 'c'));
  t.match(name, [{ kind: 'moved', why: 'one-name' }]);
  const removals = await askedBy(del('/d'), del('/d'));
  t.match(removals, [{ key: '/d' }]);
  t.equal(removals.length, 1);
});

t.test('a put below a key that has become another bucket is a conflict of one name', async (t) => {
  for (const key of ['/b/x', '/b']) {
    const { store, main } = await world((main) => main.put('/x'));
    const tx = store.begin();
    tx.put(key, 's', bytes('1'));
    await main.transact((other) => other.createBucket('/b', { streams: { s: { inlineMax: 0 } } }));
    t.strictSame(linesOf(await conflictsOf(tx.commit())), ['moved one-name /b'], key);
    t.strictSame(await wrongs(store), []);
  }
  const { store, main } = await world((main) => main.put('/b/x'));
  const tx = store.begin();
  tx.put('/b/x', 's', bytes('1'));
  await main.makeBucket('/b');
  await tx.commit();
  t.match(main.contents(), { '/b/x': '1' }, 'one that was made of what was there is that still');
});

t.test('a conflict of a stream says what each side has', async (t) => {
  const [conflict, ...rest] = await askedBy(
    (tx) => tx.put('/a', 's', bytes('ours')),
    (tx) => tx.put('/a', 's', noise(3_000)),
  );
  t.strictSame(rest, []);
  t.match(conflict, { kind: 'both-changed', base: { size: 1 }, ours: { size: 4 } });
  t.equal(conflict?.theirs?.size, 3_000);
  t.strictSame(Buffer.from(conflict?.ours?.inline ?? []).toString(), 'ours');
  t.strictSame(Buffer.from(conflict?.base?.inline ?? []).toString(), 'a');
});

/** Neighbours enough to push a stream out of its record. */
function crowd(tx: Transaction, key: string): void {
  for (let i = 0; i < 12; i++) tx.put(key, `neighbour ${i}`, noise(400, i));
}

async function startCrowded(): Promise<{ store: Regalia; main: Branch }> {
  const store = await Regalia.memory();
  const main = new Branch(store, new Map());
  await main.transact((tx) => tx.put('/e', 'x', noise(500, 1)));
  return { store, main };
}

t.test('a neighbour that pushes a stream out of its record has not changed it', async (t) => {
  for (const first of ['crowd', 'edit'] as const) {
    const { store, main } = await startCrowded();
    const edit = (tx: Transaction): void => tx.put('/e', 'x', bytes('edited'));
    const crowded = (tx: Transaction): void => crowd(tx, '/e');
    const tx = store.begin({ isolation: 'serializable' });
    (first === 'crowd' ? edit : crowded)(tx);
    await main.transact(first === 'crowd' ? crowded : edit);
    t.equal(await codeOf(tx.commit()), 'done', `${first} first`);
    t.equal(main.contents()['/e x'], 'edited');
    await store.close();
  }
  const { store, main } = await startCrowded();
  const other = await main.fork('other');
  await main.transact((tx) => crowd(tx, '/e'));
  await other.transact((tx) => tx.put('/e', 'x', bytes('edited')));
  await main.merge(other);
  t.equal(main.contents()['/e x'], 'edited');
  const remover = await main.fork('remover');
  await main.transact((tx) => crowd(tx, '/e'));
  await remover.del('/e', 'x');
  await main.merge(remover);
  t.notOk('/e x' in main.contents());
  t.strictSame(keysOf(store.snapshot()), ['/', '/e']);
  await store.close();
});

t.test('a removal beside neighbours that push streams out of their record', async (t) => {
  const { store, main } = await startCrowded();
  await main.transact((tx) => tx.put('/e', 'y', noise(500, 2)));
  const other = await main.fork('other');
  await main.transact((tx) => crowd(tx, '/e'));
  await other.del('/e');
  const { merged, conflicts } = await main.try(other);
  t.strictSame([merged, linesOf(conflicts)], [false, ['changed/removed /e']]);
  await store.close();
});
