/** Streams that were read through a transaction, when that has ended without publishing them. */
import path from 'node:path';
import t, { type Test } from 'tap';
import { Regalia, type Stream, type Transaction } from '../../src/index.js';
import { bytes, codeOf, noise, put } from './setup.js';

t.setTimeout(120_000);

const SIZES = [5_000, 300_000, 9_000_000];

async function* stores(folder: string): AsyncGenerator<Regalia> {
  const rules = { streams: { text: { encoding: 'utf8' } } } as const;
  yield await Regalia.memory(rules);
  yield await Regalia.open(path.join(folder, 'store'), rules);
}

async function gathered(stream: Stream): Promise<number> {
  let length = 0;
  for await (const part of stream.readable()) length += part.length;
  return length;
}

/** The codes of all ways to read a content; `other` is of the same length. */
async function codesOf(stream: Stream, other: Stream): Promise<string[]> {
  const reads = [
    ...[() => stream.bytes(), () => stream.bytes({ start: 10, end: 20 }), () => stream.text()],
    ...[() => gathered(stream), async () => stream.decoded(), () => stream.equals(other)],
    () => other.equals(stream),
  ];
  const codes: string[] = [];
  for (const read of reads) codes.push(await codeOf((async () => read())()));
  return codes;
}

/** How a transaction ends without publishing what it has. */
const ENDS: Readonly<Record<string, (t: Test, store: Regalia, tx: Transaction) => Promise<void>>> =
  {
    disposed: async (_, __, tx) => tx[Symbol.dispose](),
    refused: async (t, store, tx) => {
      tx.put('/count', 's', bytes('1'));
      await put(store, { '/count': '2' });
      t.equal(await codeOf(tx.commit()), 'REGALIA_CONFLICT');
    },
    unchanged: async (t, _, tx) => {
      for (const size of SIZES) tx.del(`/new/${size}`);
      tx.del('/entry');
      t.match(await tx.commit(), { changed: false });
    },
  };

for (const [how, end] of Object.entries(ENDS)) {
  t.test(`a transaction that was ${how}: what it has written is closed`, async (t) => {
    for await (const store of stores(t.testdir())) {
      // Contents in volumes are written though nothing refers to them: they heal what was lost.
      const isHere = how === 'unchanged' && store.path !== undefined;
      const old = store.begin();
      for (const [i, size] of SIZES.entries()) await old.write(`/old/${size}`, 's', noise(size, i));
      await old.commit();
      const tx = store.begin();
      const streams: Stream[] = [];
      for (const [i, size] of SIZES.entries()) {
        await tx.write(`/new/${size}`, 's', noise(size, 100 + i));
        const stream = tx.get(`/new/${size}`, 's') as Stream;
        t.equal((await stream.bytes()).length, size, 'it is read until then');
        streams.push(stream);
      }
      for (let i = 0; i < 30; i++) tx.put('/entry', `${i}`, noise(400, i));
      tx.entry('/');
      const placed = Array.from({ length: 30 }, (_, i) => tx.get('/entry', `${i}`) as Stream);
      const kept = SIZES.map((size) => tx.get(`/old/${size}`, 's') as Stream);
      await end(t, store, tx);
      for (const [i, stream] of streams.entries()) {
        const codes = await codesOf(stream, kept[i] as Stream);
        if (isHere) t.notOk(codes.includes('REGALIA_MISSING'), 'it is in the store');
        else t.strictSame(codes, Array(codes.length).fill('REGALIA_CLOSED'));
        t.equal(stream.size, SIZES[i]);
        t.match(stream.address, /^sha256:/);
      }
      const inline = placed.map((stream) => {
        return codeOf((async () => t.equal(stream.inline?.length, 400))());
      });
      const codes = new Set(await Promise.all(inline));
      codes.delete('done');
      t.strictSame([...codes], isHere ? [] : ['REGALIA_CLOSED'], 'in blocks of their own');
      for (const [i, stream] of kept.entries()) {
        const found = await stream.bytes();
        t.ok(Buffer.from(noise(SIZES[i] as number, i)).equals(found), 'what was there is read');
        t.equal(await gathered(stream), SIZES[i]);
      }
      await store.close();
    }
  });
}

t.test('a transaction that was committed: what it has written is read', async (t) => {
  for await (const store of stores(t.testdir())) {
    const tx = store.begin();
    const streams: Stream[] = [];
    for (const [i, size] of SIZES.entries()) {
      await tx.write(`/new/${size}`, 's', noise(size, i));
      streams.push(tx.get(`/new/${size}`, 's') as Stream);
    }
    await tx.write('/new/text', 'text', 'long '.repeat(1_000));
    const text = tx.get('/new/text', 'text');
    await tx.commit();
    for (const [i, stream] of streams.entries()) t.equal(await gathered(stream), SIZES[i]);
    t.equal((await text?.text())?.length, 5_000);
    t.equal(text?.decoded(), 'long '.repeat(1_000));
    await store.close();
  }
});
