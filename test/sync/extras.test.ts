/** What a later version says in a commit: kept, hashed and handed on by who does not know it. */
import path from 'node:path';
import t from 'tap';
import { parseAddress } from '../../src/blocks/address.js';
import { Regalia } from '../../src/index.js';
import type { Extra } from '../../src/log/commit.js';
import { scopeOf } from '../../src/store/bucket.js';
import { forge } from '../verify/setup.js';

const EXTRAS: readonly Extra[] = [
  { tag: 7, bytes: new Uint8Array(0) },
  { tag: 300, bytes: Uint8Array.of(1, 2, 3) },
];

function extrasOf(store: Regalia, commit: string): readonly Extra[] | undefined {
  return scopeOf(store).core.history.commit(parseAddress(commit)).extras;
}

t.test('extras go where their commit goes', async (t) => {
  const folder = t.testdir();
  await using store = await Regalia.open(path.join(folder, 'store'));
  await store.transact((tx) => tx.put('/a', 's', Uint8Array.of(1)));
  const { core, line } = scopeOf(store);
  const sample = { core, engine: core.engine, head: () => line.stored() };
  const commit = await forge(sample, ({ commit }) => ({
    ...commit,
    maps: [undefined],
    extras: EXTRAS,
  }));
  await store.branches.reset('main', commit);
  t.same(extrasOf(store, commit), EXTRAS);
  const later = await store.transact((tx) => tx.put('/b', 's', Uint8Array.of(2)));
  t.same(later.commit.parents, [commit]);

  const place = path.join(folder, 'replica');
  await using replica = await Regalia.receive(place, store.export());
  t.same(extrasOf(replica, commit), EXTRAS);
  t.equal(replica.log({ limit: 1 }).next().value?.commit, later.commit.commit);
  for await (const found of replica.verify()) t.notOk('what' in found, 'verify is clean');
});
