/** Reads: what they hand out is the caller's, and they end with what they read. */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { bytes } from './setup.js';

t.test('bytes of a stream are in memory of their own', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => {
    tx.put('/a', 's', bytes('first'));
    tx.put('/b', 's', bytes('second'));
  });
  const read = async (key: string) => (await store.snapshot().get(key, 's')?.bytes()) as Uint8Array;
  const [a, b] = [await read('/a'), await read('/b')];
  t.not(a.buffer, b.buffer);
  structuredClone(a.buffer, { transfer: [a.buffer as ArrayBuffer] });
  t.equal(Buffer.from(b).toString(), 'second', 'a transfer of one leaves the other');
});

t.test('an iterator that was begun ends with its transaction and its store', async (t) => {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    for (const name of ['a', 'b', 'c']) tx.put(`/d/${name}`, 's', bytes(name));
  });
  const expected = { code: 'REGALIA_CLOSED' };
  const begin = {
    children: (from: ReturnType<Regalia['begin']>) => from.children('/d'),
    walk: (from: ReturnType<Regalia['begin']>) => from.walk('/d'),
    find: (from: ReturnType<Regalia['begin']>) => from.find('/d/*'),
  };
  for (const [name, of] of Object.entries(begin)) {
    for (const taken of [0, 1]) {
      const tx = store.begin();
      tx.put('/d/new', 's', bytes('new'));
      const rows = of(tx);
      for (let i = 0; i < taken; i++) rows.next();
      tx[Symbol.dispose]();
      t.throws(() => rows.next(), expected, `${name} after ${taken} rows`);
    }
  }
  const rows = Object.values(begin).map((of) => of(store.begin()));
  await store.close();
  for (const one of rows) t.throws(() => one.next(), expected);
});

t.test('what is undefined counts as not given', async (t) => {
  const rule = { encoding: 'utf8', redundancy: undefined } as const;
  await using store = await Regalia.memory({ streams: { title: rule } });
  await store.transact((tx) => tx.put('/a', 'title', 'a'));
  const at = { commit: undefined, branch: 'main', date: undefined } as unknown as {
    branch: string;
  };
  t.equal(store.snapshot(at).get('/a', 'title')?.decoded(), 'a');
  const other = await store.fork('other');
  await other.transact((tx) => tx.put('/b', 'title', 'b'));
  const policy = { streams: { title: undefined } as unknown as Record<string, 'ours'> };
  t.equal((await store.merge('other', { policy })).merged, true);
});

t.test('a limit without end is none, in serializable transactions too', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => tx.put('/a', 's', bytes('a')));
  using tx = store.begin({ isolation: 'serializable' });
  const limit = Number.POSITIVE_INFINITY;
  t.equal([...tx.find('/**', { limit })].length, 1);
});

t.test('a pack of other parts than bytes is refused, and leaves nothing', async (t) => {
  await using store = await Regalia.memory();
  const pack: Uint8Array[] = [];
  for await (const part of store.export() as unknown as AsyncIterable<Uint8Array>) pack.push(part);
  const [first = bytes('')] = pack;
  const parts = [first.subarray(0, 40), 5] as unknown as Uint8Array[];
  await t.rejects(store.import(parts), { code: 'REGALIA_PACK', retryable: false });
  const controller = new AbortController();
  controller.abort();
  const aborted = { code: 'REGALIA_ABORTED', data: { operation: 'import' } };
  await t.rejects(store.import(pack, { signal: controller.signal }), aborted);
});
