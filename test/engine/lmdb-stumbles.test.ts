/**
 * LMDB stumbles over its own list of free pages and takes a transaction back: it is tried again,
 * and who waits for it hears nothing of that.
 */
import t from 'tap';
import { DURABILITIES, type Durability } from '../../src/engine/engine.js';
import { LmdbEnvironment } from '../../src/engine/lmdb-environment.js';
import { hasStumbled } from '../../src/engine/lmdb-errors.js';
import { DataFile } from '../../src/engine/lmdb-place.js';
import { ON_THIS_THREAD } from '../../src/engine/lmdb-root.js';
import { openMemory } from '../../src/engine/memory.js';

const OPTIONS = { readOnly: false, commitTimeoutMs: 60_000 };

function lmdbError(code: number): Error {
  return Object.assign(new Error('LMDB'), { code });
}

/** Makes the next transactions of an environment end as LMDB ends them where it stumbles. */
function stumble({ tables: { root } }: LmdbEnvironment, times: number): void {
  const { transactionSync, transaction } = root;
  let left = times;
  const takenBack = (body: () => void): void => {
    const work = (): void => {
      body();
      throw lmdbError(-30_781);
    };
    transactionSync.call(root, work, ON_THIS_THREAD);
  };
  root.transactionSync = (body, flags) => {
    if (left-- > 0) takenBack(body);
    else transactionSync.call(root, body, flags);
  };
  root.transaction = async (body) => {
    if (left-- > 0) takenBack(body);
    else await transaction.call(root, body);
  };
}

async function opened(folder: string) {
  const environment = new LmdbEnvironment(folder, OPTIONS);
  const writer = { reads: openMemory(), file: new DataFile(folder) };
  const put = (key: number, durability: Durability, isLong = false) => {
    let runs = 0;
    return environment.write(
      (batch) => {
        batch.put('extents', key, Uint8Array.of(key));
        return ++runs;
      },
      durability,
      isLong,
      writer,
    );
  };
  return { environment, put };
}

for (const durability of DURABILITIES) {
  for (const isLong of [false, true]) {
    t.test(`a ${isLong ? 'long' : 'short'} commit, ${durability}, is tried again`, async (t) => {
      const folder = t.testdir();
      const { environment, put } = await opened(folder);
      await put(1, 'sync');
      stumble(environment, 3);
      t.ok((await put(2, durability, isLong)) >= 2, 'its body ran again');
      t.equal(await put(3, durability, isLong), 1);
      t.equal(environment.tables.count('extents'), 3);
      await environment.close();
      const again = new LmdbEnvironment(folder, OPTIONS);
      t.equal(again.tables.count('extents'), 3);
      await again.close();
    });
  }
}

t.test('what goes from the log into the tables is tried again', async (t) => {
  const folder = t.testdir();
  const { environment, put } = await opened(folder);
  for (let key = 1; key <= 50; key++) await put(key, 'sync');
  t.ok(environment.tables.log.isOpen);
  stumble(environment, 2);
  await environment.close();
  const again = new LmdbEnvironment(folder, OPTIONS);
  t.equal(again.tables.count('extents'), 50);
  await again.close();
});

t.test('what stumbles for ever is given up, and nothing of it is there', async (t) => {
  const folder = t.testdir();
  const { environment, put } = await opened(folder);
  await put(1, 'sync');
  stumble(environment, Number.POSITIVE_INFINITY);
  await t.rejects(put(2, 'sync'), { code: 'REGALIA_IO', outcome: 'unknown' });
  await t.rejects(put(3, 'sync'), { code: 'REGALIA_IO' });
  await environment.close();
  const again = new LmdbEnvironment(folder, OPTIONS);
  t.equal(again.tables.count('extents'), 1);
  await again.close();
});

t.test('what stumbles, by its number', async (t) => {
  for (const code of [-30_798, -30_782, -30_781]) t.ok(hasStumbled(lmdbError(code)), `${code}`);
  for (const code of [-30_792, -30_796, -30_795, 5, 28]) t.notOk(hasStumbled(lmdbError(code)));
  for (const other of [new Error('MDB_BAD_TXN'), undefined, 'x']) t.notOk(hasStumbled(other));
});
