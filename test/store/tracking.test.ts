/** Tracking branches: imports alone make them, and take them forward unless asked otherwise. */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { codeOf, put } from './setup.js';

/** A store, and another made from it, which tracks its main. */
async function tracked(folder: string) {
  const source = await Regalia.memory();
  await put(source, { '/a': '1' });
  const first = await packOf(source);
  const replica = await Regalia.receive(`${folder}/replica`, [first]);
  return { source, replica, first, name: `replica/${source.stats().replica}/main` };
}

async function packOf(store: Regalia): Promise<Uint8Array> {
  return new Uint8Array(await new Response(store.export()).arrayBuffer());
}

t.test('names under replica/ are taken by imports alone', async (t) => {
  const { source, replica, name } = await tracked(t.testdir());
  for (const own of [name, 'replica/x', 'replica/0/main', `${name}/x`]) {
    t.equal(await codeOf(source.fork(own)), 'REGALIA_OPTION', own);
    t.equal(await codeOf(source.tags.set(own)), 'REGALIA_OPTION', own);
  }
  await source.fork('replica');
  await source.fork('replicas/x');
  t.equal(replica.branch(name).info().commit, source.info().commit);
  const fork = await replica.branch(name).fork('mine');
  t.equal(fork.info().commit, source.info().commit);
  await replica.close();
});

t.test('an older pack leaves a tracking branch, and the outcome says so', async (t) => {
  const { source, replica, first, name } = await tracked(t.testdir());
  const old = source.info().commit;
  await put(source, { '/a': '2' });
  const { commit } = source.info();
  const second = await packOf(source);
  t.match(await replica.import([second]), { branches: [{ name, commit }], left: [] });
  t.same(await replica.import([first]).then(({ branches, left }) => ({ branches, left })), {
    branches: [],
    left: [{ name, commit, offered: old }],
  });
  t.equal(replica.branch(name).info().commit, commit);
  t.match(await replica.import([second]), { branches: [{ name, commit }], left: [] });
  t.same([...replica.branch(name).reflog()].length, 2);
  await replica.close();
});

t.test('a sender that went back or elsewhere is followed where that is asked for', async (t) => {
  const { source, replica, name } = await tracked(t.testdir());
  await put(source, { '/a': '2' });
  await replica.import([await packOf(source)]);
  const { commit } = source.info();
  await source.undo();
  await put(source, { '/b': 'instead' });
  const pack = await packOf(source);
  const offered = source.info().commit;
  t.match(await replica.import([pack]), { branches: [], left: [{ name, commit, offered }] });
  t.match(await replica.import([pack], { reset: true }), {
    branches: [{ name, commit: offered }],
    left: [],
  });
  t.equal(replica.branch(name).info().commit, offered);
  await replica.close();
});
