/**
 * Commits that were built and not published, with transactions that were begun on them meanwhile:
 * what these stored as patches on blocks of the failed commit must be readable afterwards, by
 * others and after a restart.
 */
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { RegaliaError } from '../../src/ground/errors.js';
import { Regalia, type Transaction } from '../../src/index.js';
import { draftOf } from '../../src/store/transaction.js';

const names = Array.from({ length: 300 }, (_, i) => `f${String(i).padStart(5, '0')}`);

function fill(byte: number): Uint8Array {
  return new Uint8Array(100).fill(byte);
}

async function makeStore(folder: string): Promise<Regalia> {
  const store = await Regalia.open(folder);
  await store.transact((tx) => {
    for (const directory of ['/d0', '/d1', '/d2', '/d3']) {
      for (const name of names) tx.put(`${directory}/${name}`, 'content', fill(0));
    }
  });
  return store;
}

/** Calls `before` once, when the write that shall publish a transaction is about to begin. */
function beforePublish(tx: Transaction, before: () => Promise<void>): void {
  const { line, started } = draftOf(tx);
  const engine = line.core.engine as { write: Engine['write'] };
  const { write } = engine;
  engine.write = async (body, durability) => {
    if (line.tip().address !== started.address) {
      engine.write = write;
      await before();
    }
    return write.call(line.core.engine, body, durability) as never;
  };
}

/**
 * Begins on the commit under way, with an edit in its private tree, beside what that commit
 * changed.
 */
function beginBeside(store: Regalia): Transaction {
  const tx = store.begin();
  tx.put('/d1/f00011', 'content', fill(2));
  tx.entry('/');
  return tx;
}

async function bytesAt(store: Regalia, key: string): Promise<number | undefined> {
  return (await store.snapshot().get(key, 'content')?.bytes())?.[0];
}

async function faultsOf(store: Regalia): Promise<number> {
  let faults = 0;
  for await (const row of store.verify()) if (row.kind !== 'summary') faults++;
  return faults;
}

t.test('another process was quicker: the commit is built again', async (t) => {
  const folder = t.testdir();
  const store = await makeStore(folder);
  const other = await Regalia.open(folder);
  const tx = store.begin();
  tx.put('/d1/f00010', 'content', fill(1));
  let beside: Transaction | undefined;
  beforePublish(tx, async () => {
    beside = beginBeside(store);
    await other.transact((tx) => tx.put('/d3/f00010', 'content', fill(3)));
  });
  await tx.commit();
  t.not(beside?.base, tx.base, 'it began on the commit that was not published');
  await beside?.commit();
  await store.close();
  await other.close();
  await using again = await Regalia.open(folder);
  t.equal(await faultsOf(again), 0);
  t.equal(await bytesAt(again, '/d1/f00010'), 1);
  t.equal(await bytesAt(again, '/d1/f00011'), 2);
  t.equal(await bytesAt(again, '/d3/f00010'), 3);
});

t.test('the disk was full: the commit is refused', async (t) => {
  const folder = t.testdir();
  const store = await makeStore(folder);
  const tx = store.begin();
  tx.put('/d1/f00010', 'content', fill(1));
  let beside: Transaction | undefined;
  beforePublish(tx, async () => {
    beside = beginBeside(store);
    throw new RegaliaError('REGALIA_FULL', 'no room', { path: folder });
  });
  await t.rejects(tx.commit(), { code: 'REGALIA_FULL' });
  t.not(beside?.base, tx.base, 'it began on the commit that was not published');
  await t.rejects(async () => beside?.commit(), { code: 'REGALIA_CONFLICT', retryable: true });
  const next = beginBeside(store);
  t.not(next.base, beside?.base);
  await next.commit();
  await store.close();
  await using again = await Regalia.open(folder);
  t.equal(await faultsOf(again), 0);
  t.equal(await bytesAt(again, '/d1/f00010'), 0, 'what was refused is not there');
  t.equal(await bytesAt(again, '/d1/f00011'), 2);
});
