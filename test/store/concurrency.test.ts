/**
 * Transactions side by side: isolation, conflicts and who settles them, retries, and many
 * committers at once.
 */
import t from 'tap';
import { type Conflict, isRegaliaError, Regalia } from '../../src/index.js';
import { bytes, codeOf, noise, put, textAt } from './setup.js';

t.setTimeout(300_000);

t.test('two transactions that touch different streams both land', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': '0', '/b': '0' });
  const [one, two] = [store.begin(), store.begin()];
  one.put('/a', 's', bytes('1'));
  one.put('/c', 's', bytes('one'));
  two.put('/b', 's', bytes('2'));
  two.put('/a', 'other', bytes('two'));
  await one.commit();
  const { parents } = await two.commit();
  t.equal(parents.length, 1, 'as one commit with one parent');
  const snapshot = store.snapshot();
  t.strictSame(
    ['/a', '/b', '/c'].map((key) => textAt(snapshot, key)),
    ['1', '2', 'one'],
  );
  t.equal(textAt(snapshot, '/a', 'other'), 'two');
});

t.test('the same stream is a conflict that says what it is about', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': '0', '/d/x': '0', '/d/y': '0' });
  const [one, two, three] = [store.begin(), store.begin(), store.begin()];
  one.put('/a', 's', bytes('1'));
  one.del('/d/x');
  two.put('/a', 's', bytes('2'));
  three.put('/a', 's', bytes('1'));
  await one.commit();
  const error = await two.commit().then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!isRegaliaError(error, 'REGALIA_CONFLICT')) return t.fail(String(error));
  const inline = (digit: string) => ({ key: '/a', size: 1, inline: bytes(digit) });
  t.strictSame(error.data.conflicts, [
    {
      key: '/a',
      stream: 's',
      kind: 'both-changed',
      base: inline('0'),
      ours: inline('2'),
      theirs: inline('1'),
      answers: ['ours', 'theirs'],
    },
  ]);
  t.equal(error.retryable, true);
  t.equal(error.outcome, 'none');
  t.throws(() => two.get('/a', 's'), { code: 'REGALIA_CLOSED' });
  await t.rejects(three.commit(), { code: 'REGALIA_CONFLICT' }, 'an equal change is one as well');
  return t.equal(textAt(store.snapshot(), '/a'), '1');
});

t.test('a neighbour that pushes a stream out of its record does not change it', async (t) => {
  await using store = await Regalia.memory();
  const setup = store.begin();
  setup.put('/e', 'x', noise(500, 1));
  await setup.commit();
  const [one, two, reader] = [
    store.begin(),
    store.begin(),
    store.begin({ isolation: 'serializable' }),
  ];
  for (let i = 0; i < 12; i++) one.put('/e', `neighbour ${i}`, noise(400, i));
  two.put('/e', 'x', bytes('two'));
  reader.put('/seen', 's', reader.get('/e', 'x')?.inline ?? bytes('nothing'));
  await one.commit();
  await reader.commit();
  await two.commit();
  t.equal(textAt(store.snapshot(), '/e', 'x'), 'two');
  t.strictSame(store.snapshot().get('/seen', 's')?.inline, noise(500, 1));
});

t.test('counting up from one number at the same time loses no count', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/count': '0' });
  const countUp = (): Promise<unknown> =>
    store.transact((tx) => tx.put('/count', 's', bytes(`${Number(textAt(tx, '/count')) + 1}`)), {
      retries: 100,
    });
  await Promise.all(Array.from({ length: 20 }, countUp));
  t.equal(textAt(store.snapshot(), '/count'), '20');
});

t.test('an equal change conflicts in a transaction that had settled, too', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/count': '0', '/d/x': '0' });
  const large = store.begin();
  large.put('/count', 's', bytes('1'));
  large.move('/d', '/e');
  await put(store, { '/count': '1' });
  await t.rejects(large.commit(), { code: 'REGALIA_CONFLICT' });
});

t.test('removals and changes of the same meet in a conflict', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/d/x': '0', '/d/y': '0', '/e/x': '0' });
  const remover = store.begin();
  const changer = store.begin();
  remover.del('/d');
  changer.put('/e/x', 's', bytes('1'));
  const other = store.begin();
  other.put('/d/x', 's', bytes('1'));
  other.del('/e');
  await other.commit();
  t.equal(await codeOf(remover.commit()), 'REGALIA_CONFLICT');
  t.equal(await codeOf(changer.commit()), 'REGALIA_CONFLICT');
  t.equal(textAt(store.snapshot(), '/d/x'), '1');
});

t.test('policies settle: ours, theirs, newest, a function, and the rule of a stream', async (t) => {
  await using store = await Regalia.memory({ streams: { clock: { merge: 'newest' } } });
  const collide = async (stream: string, options: object): Promise<string> => {
    await store.transact((tx) => tx.put('/a', stream, bytes('0')));
    const [ours, theirs] = [store.begin(), store.begin()];
    ours.put('/a', stream, bytes('ours'));
    ours.put('/beside', 's', noise(8));
    theirs.put('/a', stream, bytes('theirs'));
    await theirs.commit();
    const code = await codeOf(ours.commit(options));
    return code === 'done' ? (textAt(store.snapshot(), '/a', stream) ?? '') : code;
  };
  t.equal(await collide('s', {}), 'REGALIA_CONFLICT');
  t.equal(await collide('s', { policy: 'ours' }), 'ours');
  t.equal(await collide('s', { policy: 'theirs' }), 'theirs');
  t.equal(await collide('s', { policy: 'newest' }), 'ours');
  t.equal(await collide('clock', {}), 'ours');
  t.equal(await collide('clock', { policy: 'conflict' }), 'REGALIA_CONFLICT');
  const asked: Conflict[] = [];
  const policy = (conflict: Conflict): 'theirs' => {
    asked.push(conflict);
    return 'theirs';
  };
  t.equal(await collide('s', { policy }), 'theirs');
  t.match(asked, [{ key: '/a', stream: 's', kind: 'both-changed' }]);
  t.equal(await collide('s', { policy: () => undefined }), 'REGALIA_CONFLICT');
});

t.test('write skew: snapshot lets it pass, serializable does not', async (t) => {
  for (const isolation of ['snapshot', 'serializable'] as const) {
    await using store = await Regalia.memory();
    await put(store, { '/oncall/ann': 'yes', '/oncall/bob': 'yes' });
    const leave = (who: string) => {
      const tx = store.begin({ isolation });
      const yes = [...tx.children('/oncall')].filter((entry) => textAt(tx, entry.key) === 'yes');
      if (yes.length > 1) tx.put(`/oncall/${who}`, 's', bytes('no'));
      return tx;
    };
    const [ann, bob] = [leave('ann'), leave('bob')];
    await ann.commit();
    const expected = isolation === 'snapshot' ? 'done' : 'REGALIA_CONFLICT';
    t.equal(await codeOf(bob.commit()), expected, isolation);
  }
});

t.test('a serializable transaction checks streams, absences, lists and aggregates', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/d/a': '0', '/e/a': '0' });
  const reads = {
    stream: (tx: ReturnType<Regalia['begin']>) => tx.get('/d/a', 's'),
    absence: (tx: ReturnType<Regalia['begin']>) => tx.get('/d/new', 's'),
    entry: (tx: ReturnType<Regalia['begin']>) => tx.entry('/d')?.totals,
    children: (tx: ReturnType<Regalia['begin']>) => [...tx.children('/d')],
    walk: (tx: ReturnType<Regalia['begin']>) => [...tx.walk('/d')],
    find: (tx: ReturnType<Regalia['begin']>) => [...tx.find('/d/n*')],
  };
  let count = 0;
  for (const [name, read] of Object.entries(reads)) {
    for (const touched of ['/d', '/e']) {
      const tx = store.begin({ isolation: 'serializable' });
      read(tx);
      tx.put('/own', 's', bytes(`${++count}`));
      await put(store, { [`${touched}/a`]: `${count}`, [`${touched}/new`]: `${count}` });
      const expected = touched === '/d' ? 'REGALIA_CONFLICT' : 'done';
      t.equal(await codeOf(tx.commit()), expected, `${name}, others changed ${touched}`);
      await store.transact((tx) => tx.del(`${touched}/new`));
    }
  }
  t.throws(() => store.begin({ isolation: 'none' as 'snapshot' }), { code: 'REGALIA_OPTION' });
});

t.test('guard makes any change below a key a conflict', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/d/e/f': '0', '/g': '0' });
  for (const [changed, expected] of [
    ['/d/e/f', 'REGALIA_CONFLICT'],
    ['/g', 'done'],
  ] as const) {
    const tx = store.begin();
    tx.guard('/d');
    tx.put('/own', 's', noise(8, changed.length));
    await put(store, { [changed]: 'other' });
    t.equal(await codeOf(tx.commit()), expected);
  }
});

t.test('transact begins again after a conflict, and gives up when told', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/count': '0' });
  const add = () =>
    store.transact(
      (tx) => {
        const now = Number(textAt(tx, '/count'));
        tx.put('/count', 's', bytes(`${now + 1}`));
        return now;
      },
      { retries: 100, isolation: 'serializable' },
    );
  const results = await Promise.all(Array.from({ length: 20 }, add));
  t.equal(textAt(store.snapshot(), '/count'), '20', 'no increment is lost');
  t.strictSame(
    results.map(({ result }) => result).sort((a, b) => a - b),
    [...Array(20).keys()],
  );
  let tries = 0;
  const never = store.transact(
    async (tx) => {
      tx.put('/count', 's', bytes(`${++tries}`));
      await put(store, { '/count': `other ${tries}` });
    },
    { retries: 3 },
  );
  t.equal(await codeOf(never), 'REGALIA_CONFLICT');
  t.equal(tries, 4);
  await t.rejects(
    store.transact(() => {
      throw new Error('own');
    }),
    { message: 'own' },
  );
});

t.test('64 committers at once all land, in one line', async (t) => {
  const folder = t.testdir();
  for (const place of [undefined, `${folder}/store`]) {
    await using store = place === undefined ? await Regalia.memory() : await Regalia.open(place);
    const commits = await Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        store.transact((tx) => tx.put(`/c/${i}`, 's', bytes(`${i}`)), { message: `${i}` }),
      ),
    );
    t.equal([...store.snapshot().children('/c')].length, 64);
    const log = [...store.log()];
    t.equal(log.length, 65);
    t.equal(new Set(commits.map(({ commit }) => commit.commit)).size, 64);
    t.ok(
      log.every(({ parents }, i) => parents[0] === log[i + 1]?.commit),
      'each on the one before',
    );
  }
});

t.test('a large transaction settles on the way, also onto a moved head', async (t) => {
  await using store = await Regalia.memory({ transactionBytes: 2 * 1024 * 1024 });
  await put(store, { '/other': '0' });
  const tx = store.begin();
  const large = (i: number): Uint8Array => noise(400, i + 1);
  for (let i = 0; i < 12_000; i++) tx.put(`/d${i % 7}/k${i}`, 's', large(i));
  await put(store, { '/other': '1', '/d3/foreign': 'x' });
  await tx.commit();
  const snapshot = store.snapshot();
  t.equal(snapshot.entry('/')?.totals.entries, 12_000 + 7 + 2);
  t.equal(textAt(snapshot, '/other'), '1');
  t.equal(textAt(snapshot, '/d3/foreign'), 'x');
  for (let i = 0; i < 12_000; i += 97) {
    const inline = snapshot.get(`/d${i % 7}/k${i}`, 's')?.inline;
    t.ok(inline !== undefined && Buffer.from(large(i)).equals(inline), `k${i}`);
  }
});

t.test('writes and puts at once lose nothing, though edits are applied meanwhile', async (t) => {
  await using store = await Regalia.memory({ transactionBytes: 2 * 1024 * 1024 });
  const tx = store.begin();
  const jobs: Promise<unknown>[] = [];
  let puts = 0;
  let writing = true;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  const putting = (async () => {
    for (; writing; await turn()) {
      for (let i = 0; i < 20; i++) tx.put(`/p/k${puts++}`, 's', bytes('x'));
    }
  })();
  for (let i = 0; i < 20_000; i++) {
    jobs.push(tx.write(`/w${i % 5}/k${i}`, 's', noise(300, i + 1)));
    if (i % 1_000 === 0) await turn();
  }
  await Promise.all(jobs);
  writing = false;
  await putting;
  await tx.commit();
  const totals = store.snapshot().entry('/')?.totals;
  t.equal(totals?.entries, 20_000 + 5 + puts + 1);
  t.equal(totals?.bytes, 20_000 * 300 + puts);
});
