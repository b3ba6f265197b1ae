/**
 * Parts of streams through the public surface: written, appended, truncated, in turns, against
 * plain bytes.
 */

import fc from 'fast-check';
import t from 'tap';
import { Regalia, type Transaction } from '../../src/index.js';
import { runs } from '../runs.js';
import { bytes, noise } from './setup.js';

const options = {
  streams: {
    content: { inlineMax: 100, chunking: { kind: 'fixed', bytes: 4_096 } },
    text: { encoding: 'utf8', inlineMax: 10 },
    data: { encoding: 'cbor' },
  },
} as const;

async function read(tx: Pick<Transaction, 'get'>, stream = 'content'): Promise<Uint8Array> {
  return (await tx.get('/f', stream)?.bytes()) ?? new Uint8Array(0);
}

type Step = { readonly at: number; readonly bytes: Uint8Array; readonly kind: string };

async function take(tx: Transaction, { kind, at, bytes }: Step): Promise<number> {
  if (kind === 'append') return tx.append('/f', 'content', bytes);
  if (kind === 'truncate') return tx.truncate('/f', 'content', at);
  return tx.write('/f', 'content', bytes, { at });
}

function model(before: Uint8Array, { kind, at, bytes }: Step): Uint8Array {
  if (kind === 'truncate') {
    const after = new Uint8Array(at);
    after.set(before.subarray(0, at));
    return after;
  }
  const from = kind === 'append' ? before.length : at;
  if (bytes.length === 0) return before;
  const after = new Uint8Array(Math.max(before.length, from + bytes.length));
  after.set(before);
  after.set(bytes, from);
  return after;
}

const some = fc.oneof(
  fc.uint8Array({ maxLength: 120 }),
  fc.tuple(fc.nat(20_000), fc.nat()).map(([length, seed]) => noise(length, seed)),
  fc.constantFrom(65_535, 65_536, 80_000).map((length) => new Uint8Array(length)),
);
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom('write', 'append', 'truncate'),
    at: fc.oneof(fc.nat(150), fc.nat(100_000)),
    bytes: some,
  }),
  { minLength: 1, maxLength: 8 },
);

t.test(
  'any changes, inline and not, in one transaction or several, are those of bytes',
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, fc.array(fc.boolean()), async (steps, commits) => {
        await using store = await Regalia.memory(options);
        await using anew = await Regalia.memory(options);
        let tx = store.begin();
        let expected: Uint8Array = new Uint8Array(0);
        for (const [i, step] of steps.entries()) {
          const size = await take(tx, step);
          expected = model(expected, step);
          if (size !== expected.length) return false;
          if (Buffer.compare(await read(tx), expected) !== 0) return false;
          if (commits[i] === true) {
            await tx.commit();
            tx = store.begin();
          }
        }
        await tx.commit();
        const whole = anew.begin();
        await whole.write('/f', 'content', expected);
        const { root } = await whole.commit();
        return store.snapshot().root === root;
      }),
      { numRuns: runs(60) },
    );
  },
);

t.test('a stream that shrinks is inline again, one that grows is content', async (t) => {
  await using store = await Regalia.memory(options);
  const tx = store.begin();
  t.equal(await tx.append('/f', 'content', bytes('ab')), 2);
  t.same(tx.get('/f', 'content')?.inline, bytes('ab'));
  t.equal(await tx.write('/f', 'content', bytes('z'), { at: 1_000 }), 1_001);
  t.equal(tx.get('/f', 'content')?.inline, undefined);
  t.equal(await tx.truncate('/f', 'content', 100), 100);
  t.same(tx.get('/f', 'content')?.inline?.subarray(0, 3), Uint8Array.of(97, 98, 0));
  t.equal(await tx.truncate('/f', 'content', 2 ** 50), 2 ** 50);
  t.equal(tx.get('/f', 'content')?.size, 2 ** 50);
  t.equal(await tx.truncate('/f', 'content', 0), 0);
  t.same(tx.get('/f', 'content')?.inline, new Uint8Array(0));
});

t.test('what lies outside, or breaks an encoding, is refused by code', async (t) => {
  await using store = await Regalia.memory(options);
  const tx = store.begin();
  tx.put('/f', 'content', noise(500, 1));
  tx.put('/f', 'text', 'some words');
  tx.put('/f', 'data', 1);
  const part = Uint8Array.of(1);
  for (const at of [-1, 0.5, Number.NaN, 2 ** 51]) {
    await t.rejects(tx.write('/f', 'content', part, { at }), { code: 'REGALIA_RANGE' });
    await t.rejects(tx.truncate('/f', 'content', at), { code: 'REGALIA_RANGE' });
  }
  const last = tx.write('/f', 'content', bytes('ab'), { at: 2 ** 51 - 2 });
  await t.rejects(last, { code: 'REGALIA_RANGE' });
  const encoding = { code: 'REGALIA_ENCODING' };
  await t.rejects(tx.write('/f', 'text', 'x', { at: 0 }), encoding);
  await t.rejects(tx.truncate('/f', 'text', 1), encoding);
  await t.rejects(tx.append('/f', 'data', part), encoding);
  await t.rejects(tx.append('/f', 'text', Uint8Array.of(0xc3)), encoding);
  t.equal(await tx.append('/f', 'text', ', and more: é'), 24);
  t.equal(await tx.get('/f', 'text')?.text(), 'some words, and more: é');
  t.same(await read(tx), noise(500, 1));
  await t.rejects(tx.append('/f', 'a/b', part), { code: 'REGALIA_STREAM' });
  await t.rejects(tx.truncate('f', 'content', 1), { code: 'REGALIA_KEY' });
});

t.test('writes to one stream take turns, in the order in which they were asked for', async (t) => {
  await using store = await Regalia.memory(options);
  const tx = store.begin();
  const slowly = async function* (text: string): AsyncGenerator<Uint8Array> {
    for (const letter of text) {
      await new Promise((resolve) => setTimeout(resolve, 2));
      yield bytes(letter);
    }
  };
  const sizes = await Promise.all([
    tx.write('/f', 'content', slowly('0123456789')),
    tx.append('/f', 'content', slowly('abc')),
    tx.append('/f', 'content', 'def'),
    tx.write('/f', 'content', 'XY', { at: 11 }),
    tx.truncate('/f', 'content', 15),
    tx.append('/f', 'other', 'free'),
  ]);
  t.same(sizes, [10, 13, 16, 16, 15, 4]);
  t.equal(Buffer.from(await read(tx)).toString(), '0123456789aXYde');
  await t.rejects(
    Promise.all([tx.append('/f', 'content', slowly('long')), tx.commit()]),
    { code: 'REGALIA_OPTION' },
    'a commit waits for none',
  );
});

t.test('a failed or aborted write leaves the stream, and those behind it go on', async (t) => {
  await using store = await Regalia.memory(options);
  const tx = store.begin();
  const before = noise(20_000, 4);
  await tx.write('/f', 'content', before);
  const failing = async function* (): AsyncGenerator<Uint8Array> {
    yield noise(9_000, 5);
    throw new Error('torn');
  };
  const abort = new AbortController();
  const never = new ReadableStream<Uint8Array>({ pull: () => new Promise(() => undefined) });
  const failed = tx.write('/f', 'content', failing(), { at: 5_000 });
  const stuck = tx.append('/f', 'content', never, { signal: abort.signal });
  const waiting = tx.truncate('/f', 'content', 1, { signal: abort.signal });
  const next = tx.append('/f', 'content', 'end');
  await t.rejects(failed, /torn/);
  abort.abort();
  await t.rejects(stuck, { code: 'REGALIA_ABORTED' });
  await t.rejects(waiting, { code: 'REGALIA_ABORTED' });
  t.equal(await next, 20_003);
  t.same((await read(tx)).subarray(0, 20_000), before);
  const early = tx.append('/f', 'content', 'x', { signal: AbortSignal.abort() });
  await t.rejects(early, { code: 'REGALIA_ABORTED' });
  await tx.commit();
  await t.rejects(tx.append('/f', 'content', 'x'), { code: 'REGALIA_CLOSED' });
});

t.test('what is put while a part is written is not lost', async (t) => {
  await using store = await Regalia.memory(options);
  const tx = store.begin();
  tx.put('/f', 'content', noise(500, 1));
  const putting = async function* (edit: () => void): AsyncGenerator<Uint8Array> {
    yield bytes('part');
    edit();
  };
  for (const edit of [
    () => tx.put('/f', 'content', bytes('new')),
    () => tx.del('/f'),
    () => tx.put('/f', 'content', noise(600, 2)),
  ]) {
    const change = tx.append('/f', 'content', putting(edit));
    await t.rejects(change, { code: 'REGALIA_OPTION' });
  }
  t.same(await read(tx), noise(600, 2));
  const moved = tx.append(
    '/f',
    'content',
    putting(() => tx.move('/f', '/g')),
  );
  await t.rejects(moved, { code: 'REGALIA_OPTION' });
  t.equal(tx.entry('/f'), undefined);
  const own = tx.append(
    '/g',
    'content',
    putting(() => void tx.entry('/g')),
  );
  t.equal(await own, 604, 'reading, which may put edits in place, is no change');
});

t.test(
  'a change reads the stream: a serializable transaction conflicts, others by the stream',
  async (t) => {
    await using store = await Regalia.memory(options);
    await store.transact((tx) => tx.put('/f', 'content', noise(500, 1)));
    for (const isolation of ['snapshot', 'serializable'] as const) {
      const tx = store.begin({ isolation });
      await tx.append('/f', 'content', 'more');
      await store.transact((other) =>
        other.append('/f', 'content', isolation).then(() => undefined),
      );
      await t.rejects(tx.commit(), { code: 'REGALIA_CONFLICT' });
    }
    const tx = store.begin({ isolation: 'serializable' });
    await tx.truncate('/f', 'content', 512);
    await store.transact((other) => other.put('/f', 'else', bytes('x')));
    t.ok((await tx.commit()).changed);
  },
);

t.test('streams that are long and empty are bounded in their sum', async (t) => {
  await using store = await Regalia.memory(options);
  const most = 2 ** 51 - 1;
  await store.transact(async (tx) => {
    for (const name of ['a', 'b', 'c']) await tx.truncate(`/deep/${name}`, 'content', most);
  });
  t.equal(store.snapshot().entry('/')?.totals.bytes, 3 * most);
  const tx = store.begin();
  for (const name of ['d', 'e']) await tx.truncate(`/${name}`, 'content', most);
  await t.rejects(tx.commit(), { code: 'REGALIA_RANGE' });
  t.equal(store.snapshot().entry('/')?.totals.bytes, 3 * most);
  const stream = store.snapshot().get('/deep/a', 'content');
  await t.rejects(stream?.bytes() as Promise<unknown>, { code: 'REGALIA_RANGE' });
  t.throws(() => stream?.decoded(), { code: 'REGALIA_RANGE' });
  let faults = -1;
  for await (const row of store.verify()) if (row.kind === 'summary') faults = row.faults;
  t.equal(faults, 0);
});
