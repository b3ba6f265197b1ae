/**
 * What is acknowledged: nothing that rests on a commit which may still fail, also where nothing was
 * changed, and every one of many that change the same at once.
 */
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { RegaliaError } from '../../src/ground/errors.js';
import { type CommitResult, Regalia, type Transaction } from '../../src/index.js';
import { draftOf } from '../../src/store/transaction.js';
import { acknowledgedBy, lostOf } from './acknowledging.js';
import { bytes, codeOf, noise, put, textAt } from './setup.js';

t.setTimeout(300_000);

/** Holds the next commit back until it is told how that ends, and those after it. */
function holdNextCommit(tx: Transaction): { fail(): void; goOn(): void } {
  const engine = draftOf(tx).line.core.engine as { write: Engine['write'] };
  const { write } = engine;
  let end = (_: boolean): void => {};
  const ends = new Promise<boolean>((resolve) => {
    end = resolve;
  });
  let isFirst = true;
  engine.write = async (body, durability) => {
    // Leases of numbers are none.
    if (durability === 'none') return write.call(engine, body, durability) as never;
    const mayFail = isFirst;
    isFirst = false;
    const isSound = await ends;
    if (mayFail && !isSound) throw new RegaliaError('REGALIA_FULL', 'no room', { path: '' });
    return write.call(engine, body, durability) as never;
  };
  return { fail: () => end(false), goOn: () => end(true) };
}

/** So many turns of the event loop. */
async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A store with `/x` at 0, and a commit that makes it 1, held back. */
async function heldBack(folder: string) {
  const store = await Regalia.open(folder);
  await put(store, { '/x': '0' });
  const tx = store.begin();
  tx.put('/x', 's', bytes('1'));
  const held = holdNextCommit(tx);
  const commit = tx.commit();
  while (store.begin().base === tx.base) await turns(1);
  return { store, held, commit };
}

function countUp(store: Regalia): Promise<unknown> {
  return store.transact((tx) => {
    tx.put('/count', 's', bytes(`${Number(textAt(tx, '/count')) + 1}`));
  });
}

/** Puts `/x` at 1 once more. */
function again(store: Regalia, retries?: number): Promise<CommitResult> {
  const put = (tx: Transaction): void => tx.put('/x', 's', bytes('1'));
  return store.transact(put, retries === undefined ? {} : { retries }).then(({ commit }) => commit);
}

t.test('what changes nothing is not acknowledged before what it rests on', async (t) => {
  const { store, held, commit } = await heldBack(t.testdir());
  let isAnswered = false;
  const beside = again(store).then((result) => {
    isAnswered = true;
    return result;
  });
  await turns(20);
  t.notOk(isAnswered);
  held.goOn();
  t.equal((await beside).changed, false);
  t.equal((await beside).commit, (await commit).commit);
  await store.close();
});

t.test('what was begun on a commit that fails, fails with it', async (t) => {
  const folder = t.testdir();
  const { store, held, commit } = await heldBack(folder);
  const equal = codeOf(again(store, 0));
  const other = store.begin();
  other.put('/y', 's', other.get('/x', 's')?.inline ?? bytes(''));
  const beside = codeOf(other.commit());
  const reader = store.begin();
  const nothing = codeOf(reader.commit());
  await turns(20);
  held.fail();
  t.equal(await codeOf(commit), 'REGALIA_FULL');
  t.equal(await equal, 'REGALIA_CONFLICT');
  t.equal(await beside, 'REGALIA_CONFLICT');
  t.equal(await nothing, 'REGALIA_CONFLICT');
  await store.close();
  await using stored = await Regalia.open(folder);
  t.equal(textAt(stored.snapshot(), '/x'), '0');
  t.equal(textAt(stored.snapshot(), '/y'), undefined);
});

t.test('a body that read what failed runs again', async (t) => {
  const { store, held, commit } = await heldBack(t.testdir());
  const seen: (string | undefined)[] = [];
  const beside = store.transact((tx) => {
    seen.push(textAt(tx, '/x'));
    tx.put('/y', 's', tx.get('/x', 's')?.inline ?? bytes(''));
  });
  await turns(20);
  held.fail();
  t.equal(await codeOf(commit), 'REGALIA_FULL');
  await beside;
  t.strictSame(seen, ['1', '0']);
  t.equal(textAt(store.snapshot(), '/y'), '0');
  await store.close();
});

t.test('what changes nothing is as durable as it asks for', async (t) => {
  await using store = await Regalia.open(t.testdir());
  const { engine } = draftOf(store.begin()).line.core;
  const flushing = engine as { flush: Engine['flush'] };
  const { flush } = engine;
  let flushes = 0;
  flushing.flush = () => {
    flushes++;
    return flush.call(engine);
  };
  const set = (durability: 'none' | 'group' | 'sync') =>
    store.transact((tx) => tx.put('/x', 's', bytes('1')), { durability });
  t.equal((await set('none')).commit.changed, true);
  t.equal((await set('none')).commit.changed, false);
  t.equal(flushes, 0);
  t.equal((await set('sync')).commit.changed, false);
  t.equal(flushes, 1);
  t.equal((await set('group')).commit.changed, false);
  t.equal(flushes, 2);
});

for (const [count, retries] of [
  [18, undefined],
  [300, undefined],
  [40, 1],
] as const) {
  t.test(`${count} count up from one number, retries ${retries}`, async (t) => {
    await using store = await Regalia.open(t.testdir());
    await put(store, { '/count': '0' });
    let bodies = 0;
    const countUp = (): Promise<unknown> =>
      store.transact(
        (tx) => {
          bodies++;
          tx.put('/count', 's', bytes(`${Number(textAt(tx, '/count')) + 1}`));
        },
        retries === undefined ? {} : { retries },
      );
    await Promise.all(Array.from({ length: count }, countUp));
    t.equal(textAt(store.snapshot(), '/count'), `${count}`);
    t.ok(bodies <= 3 * count, `${bodies} bodies`);
  });
}

t.test('turns share flushes', async (t) => {
  await using store = await Regalia.open(t.testdir());
  await put(store, { '/count': '0' });
  const engine = draftOf(store.begin()).line.core.engine as { write: Engine['write'] };
  const { write } = engine;
  const underway = { now: 0, most: 0 };
  engine.write = async (body, durability, options) => {
    if (durability === 'none') return write.call(engine, body, durability, options) as never;
    underway.most = Math.max(underway.most, ++underway.now);
    await turns(3);
    const written = write.call(engine, body, durability, options);
    return written.finally(() => underway.now--) as never;
  };
  await Promise.all(Array.from({ length: 40 }, () => countUp(store)));
  t.equal(textAt(store.snapshot(), '/count'), '40');
  t.ok(underway.most > 5, `${underway.most} commits were under way at once`);
});

t.test('turns behind a commit that fails: nobody is acknowledged on it', async (t) => {
  const folder = t.testdir();
  const store = await Regalia.open(folder);
  await put(store, { '/count': '0' });
  const engine = draftOf(store.begin()).line.core.engine as { write: Engine['write'] };
  const { write } = engine;
  let count = 0;
  engine.write = async (body, durability, options) => {
    if (durability !== 'none') {
      const isBad = count++ % 7 === 3;
      await turns(3);
      if (isBad) throw new RegaliaError('REGALIA_FULL', 'no room', { path: '' });
    }
    return write.call(engine, body, durability, options) as never;
  };
  const codes = await Promise.all(Array.from({ length: 40 }, () => codeOf(countUp(store))));
  const done = codes.filter((code) => code === 'done').length;
  t.ok(done > 0 && done < 40, `${done} were acknowledged`);
  t.equal(textAt(store.snapshot(), '/count'), `${done}`);
  t.ok(codes.includes('REGALIA_FULL'));
  await store.close();
  await using stored = await Regalia.open(folder);
  t.equal(textAt(stored.snapshot(), '/count'), `${done}`);
});

t.test('without retries one of two that change the same fails', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/count': '0' });
  let bodies = 0;
  const change = (text: string): Promise<string> =>
    codeOf(
      store.transact(
        (tx) => {
          bodies++;
          tx.put('/count', 's', bytes(text));
        },
        { retries: 0 },
      ),
    );
  const codes = await Promise.all([change('1'), change('2')]);
  t.strictSame(codes.sort(), ['REGALIA_CONFLICT', 'done']);
  t.equal(bodies, 2);
});

t.test('eight processes count up from one number', async (t) => {
  const folder = t.testdir();
  {
    await using store = await Regalia.open(folder);
    await put(store, { '/count': '0' });
  }
  const reports = await acknowledgedBy(folder, 8, 'count', 25);
  await using store = await Regalia.open(folder);
  t.equal(textAt(store.snapshot(), '/count'), '200');
  const bodies = reports.reduce((sum, one) => sum + one.bodies, 0);
  t.ok(bodies <= 600, `${bodies} bodies`);
});

t.test('two processes, four commits in flight each: all acknowledged is there', async (t) => {
  const folder = t.testdir();
  await (await Regalia.open(folder)).close();
  const reports = await acknowledgedBy(folder, 2, 'put', 1_500);
  const all = reports.flatMap(({ acknowledged }) => acknowledged);
  t.equal(all.length, 3_000);
  t.strictSame(await lostOf(folder, all), []);
});

t.test('four processes that move, and write long contents, of every durability', async (t) => {
  const folder = t.testdir();
  await (await Regalia.open(folder)).close();
  const reports = await acknowledgedBy(folder, 4, 'mix', 120);
  const all = reports.flatMap(({ acknowledged }) => acknowledged);
  t.equal(all.length, 480);
  t.strictSame(await lostOf(folder, all), []);
  await using store = await Regalia.open(folder);
  const faults: unknown[] = [];
  for await (const row of store.verify()) if (row.kind !== 'summary') faults.push(row);
  t.strictSame(faults, []);
});

t.test('a transaction of large entries is committed where few numbers are left', async (t) => {
  await using store = await Regalia.memory({ streams: { big: { inlineMax: 4_096 } } });
  await put(store, { '/x': '0' });
  const { blocks } = draftOf(store.begin()).line.core;
  while (blocks.available > 1_100) blocks.dropped(blocks.beginExtent());
  for (let round = 0; round < 30; round++) {
    await store.transact((tx) => {
      for (let i = 0; i < 400; i++) tx.put(`/d${i}`, 'big', noise(4_000, round * 400 + i + 1));
    });
  }
  t.strictSame(store.snapshot().get('/d399', 'big')?.inline, noise(4_000, 30 * 400));
});

t.test('a branch that was deleted is committed to no more, and says so', async (t) => {
  await using store = await Regalia.memory();
  const draft = await store.fork('draft');
  const late = Array.from({ length: 3 }, () => draft.begin());
  for (const [i, tx] of late.entries()) tx.put(`/k${i}`, 's', bytes('1'));
  const race = draft.transact((tx) => tx.put('/race', 's', bytes('1')));
  await Promise.allSettled([race, store.branches.delete('draft')]);
  for (const tx of late) t.equal(await codeOf(tx.commit()), 'REGALIA_NOT_FOUND');
  const again = await store.fork('draft');
  await put(again, { '/again': '1' });
  t.equal(textAt(again.snapshot(), '/again'), '1', 'one of that name is another branch');
});
