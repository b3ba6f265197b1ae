/** Which transaction is the latest, told from LMDB's two files. */
import { join } from 'node:path';
import t from 'tap';
import { openLmdb } from '../../src/engine/lmdb.js';
import { LatestTransaction } from '../../src/engine/lmdb-latest.js';

const PAGE_BYTES = 4_096;

t.test('a commit of another process behind one that changed nothing is not mistaken', async (t) => {
  const path = join(t.testdir(), 'store');
  const engine = await openLmdb(path);
  const commit = (key: number) =>
    engine.write((batch) => batch.put('extents', key, Uint8Array.of(1)), 'sync');
  await commit(1);
  // As another process would see it.
  const latest = new LatestTransaction(path, PAGE_BYTES, true);
  const next = latest.look() + 1;
  t.equal(latest.isNext(next), true);
  latest.ended(next, false);
  t.equal(latest.isNext(next), true, 'nobody else has committed');
  latest.ended(next, false);
  await commit(2);
  t.equal(latest.look(), next);
  t.equal(latest.isNext(next + 1), false, 'LMDB takes that commit for its own');
  latest.ended(next + 1, false);
  t.equal(latest.isNext(next + 1), true, 'and that one not');
  await commit(3);
  latest.ended(next + 1, true);
  t.equal(latest.isNext(next + 2), true, 'nor one that was its own');
  await engine.close();
  latest.close();
});
