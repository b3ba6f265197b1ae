/**
 * Streams through the public surface: what is put is read, what is absent is undefined, limits have
 * codes.
 */
import { Readable } from 'node:stream';
import t from 'tap';
import { Regalia, type Stream } from '../../src/index.js';
import { bytes, codeOf, keysOf, noise, textAt } from './setup.js';

t.test('what was put is read, by the transaction and by later snapshots', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  tx.put('/photos/cat.jpg', 'acl', bytes('cat'));
  tx.put('/', 'stat', bytes('top'));
  tx.put(['photos', new Uint8Array([0xff, 0x80])], 'acl', bytes('odd'));
  t.equal(textAt(tx, '/photos/cat.jpg', 'acl'), 'cat');
  t.equal(textAt(store.snapshot(), '/photos/cat.jpg', 'acl'), undefined, 'nobody else sees it');
  const { changed, root } = await tx.commit({ message: 'first' });
  t.equal(changed, true);
  const snapshot = store.snapshot();
  t.equal(snapshot.root, root);
  t.equal(textAt(snapshot, '/', 'stat'), 'top');
  t.strictSame(keysOf(snapshot), ['/', '/photos', '/photos/cat.jpg', '/photos/\udcff\udc80']);
  t.equal(
    textAt(snapshot, '/photos/\udcff\udc80', 'acl'),
    'odd',
    'names of other bytes round-trip',
  );
  const [last] = [...snapshot.children('/photos', { reverse: true, limit: 1 })];
  t.strictSame(last?.nameBytes, new Uint8Array([0xff, 0x80]));
});

t.test('absence is undefined, and removing nothing is no error', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  t.equal(tx.entry('/no'), undefined);
  t.equal(tx.get('/no', 's'), undefined);
  t.strictSame([...tx.children('/no')], []);
  t.strictSame([...tx.walk('/no')], []);
  tx.del('/no');
  tx.del('/no', 's');
  tx.del('/no/deeper');
  const { changed, commit } = await tx.commit();
  t.equal(changed, false, 'nothing changed, no commit');
  t.equal(commit, store.info().commit);
  t.equal(store.snapshot().entry('/')?.key, '/');
});

t.test('inline bytes are a private copy', async (t) => {
  await using store = await Regalia.memory();
  const given = bytes('given');
  const tx = store.begin();
  tx.put('/a', 's', given);
  given[0] = 0;
  await tx.commit();
  const stream = store.snapshot().get('/a', 's');
  const copy = stream?.inline as Uint8Array;
  copy.fill(0);
  t.equal(textAt(store.snapshot(), '/a'), 'given');
});

t.test('keys and stream names outside the limits are refused by code', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  const badKeys = [
    '',
    'a',
    '//',
    '/a/',
    '/.',
    '/..',
    '/a/../b',
    '/a\0b',
    `/${'n'.repeat(256)}`,
    '/\ud800',
    `/${Array.from({ length: 20 }, () => 'x'.repeat(210)).join('/')}`,
  ];
  for (const key of [...badKeys, ['a/b'], [''], [new Uint8Array([0])]]) {
    for (const run of [
      () => tx.put(key, 's', bytes('')),
      () => tx.get(key, 's'),
      () => tx.entry(key),
      () => tx.del(key),
      () => tx.move(key, '/x'),
      () => [...tx.children(key)],
      () => tx.guard(key),
    ]) {
      t.throws(run, { code: 'REGALIA_KEY' }, JSON.stringify(key).slice(0, 40));
    }
    t.equal(await codeOf(tx.write(key, 's', 'x')), 'REGALIA_KEY');
  }
  for (const stream of ['', 'a/b', 'a\nb', 'x'.repeat(65), '\ud800']) {
    t.throws(() => tx.put('/a', stream, bytes('')), { code: 'REGALIA_STREAM' });
    t.throws(() => tx.del('/a', stream), { code: 'REGALIA_STREAM' });
    t.equal(await codeOf(tx.write('/a', stream, 'x')), 'REGALIA_STREAM');
  }
  const longest = `/${Array.from({ length: 16 }, () => 'x'.repeat(255)).join('/')}`;
  tx.put(longest, 'x'.repeat(64), bytes('at the limit'));
  await tx.commit();
  t.equal(textAt(store.snapshot(), longest, 'x'.repeat(64)), 'at the limit');
});

t.test('an entry has at most 256 streams', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  for (let i = 0; i < 256; i++) tx.put('/a', `s${i}`, bytes(`${i}`));
  await tx.commit();
  const entry = store.snapshot().entry('/a');
  t.equal(entry?.streams.length, 256);
  for (let i = 0; i < 256; i++) {
    t.equal(Buffer.from(entry?.get(`s${i}`)?.inline as Uint8Array).toString(), `${i}`);
  }
  t.equal(
    await codeOf(store.transact((tx) => tx.put('/a', 'one-more', bytes('')))),
    'REGALIA_STREAM',
  );
  t.equal(store.snapshot().entry('/a')?.streams.length, 256, 'and the store goes on');
});

t.test('put and write take what the rule encodes, from every kind of source', async (t) => {
  await using store = await Regalia.memory({
    streams: { note: { encoding: 'utf8' }, tags: { encoding: 'cbor' } },
  });
  const tx = store.begin();
  tx.put('/a', 'note', 'grüße');
  tx.put('/a', 'tags', { b: [1, 'x'], a: null });
  t.throws(() => tx.put('/a', 'note', new Uint8Array([0xff])), { code: 'REGALIA_ENCODING' });
  t.throws(() => tx.put('/a', 'raw', 5), { code: 'REGALIA_ENCODING' });
  const halves = [bytes('hel'), bytes('lo')];
  const sources = {
    bytes: bytes('hello'),
    text: 'hello',
    list: halves,
    generator: (async function* () {
      yield* halves;
    })(),
    node: Readable.from(halves),
    web: new Blob(['hello']).stream() as ReadableStream<Uint8Array>,
  };
  for (const [stream, source] of Object.entries(sources)) {
    t.equal(await tx.write('/sources', stream, source), 5, stream);
  }
  t.equal(await codeOf(tx.write('/a', 'note', new Uint8Array([0xc3]))), 'REGALIA_ENCODING');
  await tx.commit();
  const snapshot = store.snapshot();
  t.equal(snapshot.get('/a', 'note')?.decoded(), 'grüße');
  t.strictSame(snapshot.get('/a', 'tags')?.decoded(), { a: null, b: [1, 'x'] });
  for (const stream of Object.keys(sources)) {
    t.equal(await snapshot.get('/sources', stream)?.text(), 'hello', stream);
  }
});

t.test('a stream lies in metadata up to its rule, and is contents above', async (t) => {
  await using store = await Regalia.memory({ streams: { acl: { inlineMax: 8_192 } } });
  const lengths = {
    s: [0, 1, 511, 512, 513, 16_384, 16_385, 65_536, 262_145, 300_000],
    acl: [4_096, 8_192, 8_193],
  };
  const tx = store.begin();
  for (const [stream, list] of Object.entries(lengths)) {
    for (const length of list) {
      tx.put(`/put/${length}`, stream, noise(length, length));
      await tx.write(`/written/${length}`, stream, noise(length, length));
    }
  }
  await tx.commit();
  const snapshot = store.snapshot();
  for (const [stream, list] of Object.entries(lengths)) {
    for (const length of list) {
      const one = snapshot.get(`/put/${length}`, stream);
      const other = snapshot.get(`/written/${length}`, stream);
      t.equal(one?.size, length);
      t.equal(one?.inline !== undefined, length <= (stream === 's' ? 512 : 8_192), `${length}`);
      t.ok(Buffer.from(noise(length, length)).equals((await one?.bytes()) as Uint8Array));
      t.ok(other !== undefined && (await one?.equals(other)), 'put and write agree');
      const middle = await one?.bytes({ start: length >> 1 });
      t.ok(Buffer.from(noise(length, length).subarray(length >> 1)).equals(middle as Uint8Array));
    }
  }
  const large = snapshot.get('/put/300000', 's');
  const chunks: Uint8Array[] = [];
  const readable = large?.readable({ start: 100, end: 200_000 });
  for await (const chunk of (readable ?? []) as AsyncIterable<Uint8Array>) {
    chunks.push(chunk);
  }
  t.ok(Buffer.concat(chunks).equals(noise(300_000, 300_000).subarray(100, 200_000)));
  for (const range of [{ start: -1 }, { start: 5, end: 4 }, { end: 300_001 }, { start: 0.5 }]) {
    t.equal(await codeOf(large?.bytes(range) as Promise<unknown>), 'REGALIA_RANGE');
  }
});

t.test('records that overflow keep every part', async (t) => {
  await using store = await Regalia.memory({ default: { inlineMax: 8_192 } });
  const tx = store.begin();
  for (let i = 0; i < 40; i++) {
    tx.put('/full', `s${i}`, noise(i % 4 === 0 ? 8_192 : 512, i + 1));
    tx.put(`/full/child${i}`, 's', noise(100, i + 1));
  }
  await tx.commit();
  const check = (): void => {
    const entry = store.snapshot().entry('/full');
    for (let i = 0; i < 40; i++) {
      const expected = noise(i % 4 === 0 ? 8_192 : 512, i + 1);
      t.ok(Buffer.from(expected).equals(entry?.get(`s${i}`)?.inline as Uint8Array), `s${i}`);
    }
    t.equal([...store.snapshot().children('/full')].length, 40);
  };
  check();
  const { root } = store.info();
  await store.transact((tx) => tx.put('/full', 'one-more', noise(8_000)));
  check();
  await store.transact((tx) => tx.del('/full', 'one-more'));
  t.equal(store.info().root, root, 'and are placed as before when it has gone');
});

t.test('an aborted signal is heard at every await', async (t) => {
  await using store = await Regalia.memory();
  const gone = AbortSignal.abort(new Error('no more'));
  const tx = store.begin();
  t.equal(await codeOf(tx.write('/a', 's', 'x', { signal: gone })), 'REGALIA_ABORTED');
  const controller = new AbortController();
  const slow = (async function* () {
    yield bytes('begun');
    controller.abort();
    await new Promise(() => {});
  })();
  t.equal(
    await codeOf(tx.write('/a', 's', slow, { signal: controller.signal })),
    'REGALIA_ABORTED',
  );
  t.equal(tx.get('/a', 's'), undefined, 'and the stream is as it was');
  await tx.write('/a', 's', noise(200_000));
  t.equal(await codeOf(tx.commit({ signal: gone })), 'REGALIA_ABORTED');
  t.throws(() => tx.get('/a', 's'), { code: 'REGALIA_CLOSED' }, 'an aborted commit ends it');
  t.equal(store.snapshot().entry('/a'), undefined);
  await store.transact((tx) => tx.write('/a', 's', noise(200_000)));
  const stream = store.snapshot().get('/a', 's');
  t.equal(await codeOf(stream?.bytes({ signal: gone }) as Promise<unknown>), 'REGALIA_ABORTED');
  t.throws(() => [...store.log({ signal: gone })], { code: 'REGALIA_ABORTED' });
  t.equal(await codeOf(store.transact(() => {}, { signal: gone })), 'REGALIA_ABORTED');
  await store.transact((tx) => tx.put('/b', 's', bytes('goes on')));
});

t.test('what a source throws is thrown by write, and a second try works', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  const broken = (async function* () {
    yield noise(100_000);
    throw new Error('the disk is gone');
  })();
  await t.rejects(tx.write('/a', 's', broken), { message: 'the disk is gone' });
  await tx.write('/a', 's', 'better');
  await tx.commit();
  t.equal(textAt(store.snapshot(), '/a'), 'better');
});

t.test(
  'streams are equal by their bytes, under whatever rules and in whatever store',
  async (t) => {
    const fixed = { kind: 'fixed', bytes: 8_192 } as const;
    await using plain = await Regalia.memory();
    await using other = await Regalia.memory({
      streams: { s: { inlineMax: 8_192, chunking: fixed } },
    });
    const put = async (store: Regalia, key: string, bytes: Uint8Array): Promise<Stream> => {
      await store.transact((tx) => tx.write(key, 's', bytes));
      return store.snapshot().get(key, 's') as Stream;
    };
    for (const length of [0, 300, 4_000, 8_192, 100_000, 3_000_000]) {
      const bytes = noise(length, length);
      const [a, b] = [await put(plain, '/a', bytes), await put(other, '/b', bytes)];
      t.ok(await a.equals(b), `${length} bytes`);
      t.ok(await b.equals(a));
      if (length === 0) continue;
      bytes[length - 1] = (bytes[length - 1] as number) ^ 1;
      t.notOk(await a.equals(await put(plain, '/a', bytes)), 'another last byte');
      t.notOk(await a.equals(await put(other, '/b', bytes)));
      t.notOk(await a.equals(await put(plain, '/a', bytes.subarray(1))), 'another length');
    }
    const zeros = new Uint8Array(500_000);
    zeros[499_999] = 1;
    const [a, b] = [await put(plain, '/z', zeros), await put(other, '/z', zeros)];
    t.ok(await a.equals(b), 'holes and all');
    const aborted = { signal: AbortSignal.abort() };
    t.equal(await codeOf(a.equals(b, aborted)), 'REGALIA_ABORTED');
  },
);
