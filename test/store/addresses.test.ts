/** Addresses of streams and entries, and the sources that a stream is written from. */
import t from 'tap';
import { Regalia, type Source } from '../../src/index.js';
import { bytes, noise } from './setup.js';

t.test('a stream has the same address wherever its bytes lie', async (t) => {
  await using store = await Regalia.memory({ default: { inlineMax: 8_192 } });
  const data = noise(4_000);
  await store.transact((tx) => {
    tx.put('/alone', 's', data);
    // With so much beside it, it leaves its record for a block of its own.
    for (const name of ['s', 't', 'u', 'v'])
      tx.put('/full', name, name === 's' ? data : noise(4_100));
    t.match(tx.get('/alone', 's')?.address, /^sha256:[0-9a-f]{64}$/);
  });
  const snapshot = store.snapshot();
  t.equal(snapshot.get('/alone', 's')?.address, snapshot.get('/full', 's')?.address);
  t.not(snapshot.get('/full', 't')?.address, snapshot.get('/full', 's')?.address);
  const tx = store.begin();
  tx.put('/new', 's', data);
  t.equal(tx.get('/new', 's')?.address, snapshot.get('/alone', 's')?.address, 'before the commit');
});

t.test('equal entries have one address, whatever they are called', async (t) => {
  await using store = await Regalia.memory();
  await store.transact((tx) => {
    for (const key of ['/a', '/b/c']) {
      tx.put(key, 's', bytes('s'));
      tx.put(`${key}/x/y`, 's', noise(100_000));
    }
  });
  const before = store.snapshot();
  t.equal(before.entry('/a')?.address, before.entry('/b/c')?.address);
  t.not(before.entry('/a')?.address, before.entry('/b')?.address);
  await store.transact((tx) => tx.put('/a/x', 's', bytes('s')));
  const after = store.snapshot();
  t.not(after.entry('/a')?.address, before.entry('/a')?.address);
  t.equal(after.entry('/b')?.address, before.entry('/b')?.address);
});

t.test('a stream is written from whatever has bytes', async (t) => {
  await using store = await Regalia.memory();
  const data = noise(70_000);
  const sources: Record<string, () => Source> = {
    bytes: () => data,
    buffer: () => data.buffer as ArrayBuffer,
    blob: () => new Blob([data.slice()]),
    stream: () => new Blob([data.slice()]).stream(),
    body: () => new Response(data.slice()).body as ReadableStream<Uint8Array>,
    list: () => [data.subarray(0, 10), data.subarray(10)],
  };
  const tx = store.begin();
  for (const [name, source] of Object.entries(sources)) {
    t.equal(await tx.write(`/${name}`, 's', source()), data.length, name);
    t.strictSame(await tx.get(`/${name}`, 's')?.bytes(), data, name);
  }
});
