/** What a pack lacks: it is taken in where that is asked for, and the outcome says so. */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { coreOf, headOf, pack } from '../sync/setup.js';
import { codeOf, keysOf, noise, put } from './setup.js';

async function source(): Promise<Regalia> {
  const store = await Regalia.memory();
  await put(store, { '/a': '1' });
  await store.transact(async (tx) => {
    await tx.write('/c', 'content', noise(200_000));
    tx.createBucket('/in');
  });
  await put(store, { '/a': '2' });
  return store;
}

/** A pack as a store sends it, but for what it lacks. */
function packWithout(store: Regalia, lacks: object): Promise<Uint8Array> {
  const branch = `replica/${store.stats().replica}/main`;
  const wants = [{ branch, commit: headOf(store) }];
  return pack({ store, wants, ...lacks });
}

const LACKS = [{ contents: false }, { nested: false }, { shallow: true }] as const;

t.test('a pack that lacks something is refused, and says by which option it is not', async (t) => {
  const store = await source();
  for (const [i, lacks] of LACKS.entries()) {
    const packed = await packWithout(store, lacks);
    const [[name, accepted] = []] = Object.entries(lacks);
    const refused = { code: 'REGALIA_PACK', message: new RegExp(`${name}: ${accepted}`) };
    const place = `${t.testdir()}/replica-${i}`;
    await t.rejects(Regalia.receive(place, [packed]), refused);
    for (const other of LACKS) {
      if (other === lacks) continue;
      t.equal(await codeOf(Regalia.receive(place, [packed], other)), 'REGALIA_PACK');
    }
    const replica = await Regalia.receive(place, [packed], lacks);
    t.same(keysOf(replica.snapshot()), keysOf(store.snapshot()));
    // What is here already is not missed again.
    if (lacks !== LACKS[2]) await t.rejects(replica.import([packed]), refused);
    const { contents, nested, cut } = await replica.import([packed], lacks);
    t.equal(contents, lacks !== LACKS[0]);
    t.equal(nested, lacks !== LACKS[1]);
    t.equal(cut, 0, 'they are here already');
    await replica.close();
  }
});

t.test('a log of a key ends where history is cut off', async (t) => {
  const store = await source();
  const packed = await packWithout(store, { shallow: true });
  const replica = await Regalia.receive(`${t.testdir()}/replica`, [packed], { shallow: true });
  for (const key of ['/a', '/c', undefined]) {
    t.same(
      [...replica.log({ key })].map(({ commit }) => commit),
      [store.info().commit],
    );
  }
  t.same([...replica.log({ key: '/none' })], []);
  t.ok(coreOf(replica).history.entry(headOf(store))?.cut);
  await replica.close();
});
