/** Actors elsewhere, some of which never answer: who waits for them, and for how long. */
import t from 'tap';
import { type Actor, type Bucket, generateActor, Regalia } from '../../src/index.js';
import { bytes, codeOf } from './setup.js';

const silent: Actor = { ...generateActor(), sign: () => new Promise(() => undefined) };

/** One that answers when it is told to, or after a time. */
function remote(afterMs?: number): { actor: Actor; asked: () => number; answer: () => void } {
  const { publicKey, sign } = generateActor();
  const waiting: (() => void)[] = [];
  let asked = 0;
  const actor = {
    publicKey,
    sign: async (message: Uint8Array) => {
      asked++;
      await new Promise<void>((resolve) => {
        if (afterMs === undefined) waiting.push(resolve);
        else setTimeout(resolve, afterMs);
      });
      return sign(message);
    },
  };
  return { actor, asked: () => asked, answer: () => waiting.splice(0).map((one) => one()) };
}

function put(bucket: Bucket, key: string, options: { actor?: Actor; signal?: AbortSignal } = {}) {
  return bucket.transact((tx) => tx.put(key, 's', bytes(key)), options);
}

function keysIn(store: Regalia): string {
  return Array.from(store.snapshot().walk(), ({ key }) => key)
    .slice(1)
    .join(' ');
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 1));
}

t.test('a signal ends the waiting for a signature, and those behind go on', async (t) => {
  await using store = await Regalia.memory();
  const controller = new AbortController();
  const first = put(store, '/a', { actor: silent, signal: controller.signal });
  const second = put(store, '/b');
  setTimeout(() => controller.abort(new Error('enough')), 20);
  await t.rejects(first, {
    code: 'REGALIA_ABORTED',
    outcome: 'none',
    cause: { message: 'enough' },
  });
  await second;
  t.equal(keysIn(store), '/b');
  t.equal([...store.log()].length, 2);
});

t.test('a signal ends the waiting behind one who waits for a signature', async (t) => {
  await using store = await Regalia.memory();
  const { actor, asked, answer } = remote();
  const controller = new AbortController();
  const first = put(store, '/a', { actor });
  const second = put(store, '/b', { signal: controller.signal });
  const third = put(store, '/c');
  await until(() => asked() > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  controller.abort();
  await t.rejects(second, { code: 'REGALIA_ABORTED' });
  t.equal(keysIn(store), '');
  answer();
  await Promise.all([first, third]);
  t.equal(keysIn(store), '/a /c');
  await t.rejects(put(store, '/d', { signal: controller.signal }), { code: 'REGALIA_ABORTED' });
});

t.test('a signer has a limited time, whoever waits', async (t) => {
  await using store = await Regalia.memory({ signTimeoutMs: 30 });
  const slow = put(store, '/a', { actor: silent });
  const late = { code: 'REGALIA_ABORTED', data: { operation: 'sign' }, outcome: 'none' };
  await Promise.all([
    t.rejects(slow, { ...late, cause: { name: 'TimeoutError' } }),
    put(store, '/b'),
  ]);
  t.equal(keysIn(store), '/b');
  const quick = remote(1);
  await put(store, '/c', { actor: quick.actor });
  t.equal(keysIn(store), '/b /c');
  await put(await store.fork('x'), '/x');
  await put(store, '/d');
  const merging = store.merge('x', { actor: silent, message: 'mine' });
  await t.rejects(merging, late);
});

t.test('a merge hears of its signal while an actor is waited for', async (t) => {
  await using store = await Regalia.memory();
  const other = await store.fork('other');
  await put(other, '/o');
  await put(store, '/a');
  const signal = AbortSignal.timeout(20);
  const merging = store.merge('other', { actor: silent, message: 'mine', signal });
  await t.rejects(merging, { code: 'REGALIA_ABORTED', cause: { name: 'TimeoutError' } });
  t.equal(keysIn(store), '/a');
  t.ok((await store.merge('other')).merged);
});

t.test('closing waits for a signer that answers', async (t) => {
  const folder = t.testdir();
  const store = await Regalia.open(folder);
  const { actor } = remote(300);
  const commits = ['/a', '/b', '/c', '/d', '/e'].map((key) => put(store, key, { actor }));
  await store.close();
  await Promise.all(commits);
  await using again = await Regalia.open(folder);
  t.equal(keysIn(again), '/a /b /c /d /e');
});

t.test('closing waits no longer for one that does not; those behind are committed', async (t) => {
  const folder = t.testdir();
  const store = await Regalia.open(folder);
  const begun = performance.now();
  const commits = Array.from({ length: 12 }, (_, i) => {
    return put(store, `/${i}`, i % 4 === 3 ? {} : { actor: silent });
  });
  const codes = Promise.all(commits.map((commit) => codeOf(commit)));
  await store.close();
  t.ok(performance.now() - begun < 8_000, 'however many asked it');
  const expected = commits.map((_, i) => (i % 4 === 3 ? 'done' : 'REGALIA_CLOSED'));
  t.strictSame(await codes, expected);
  await using again = await Regalia.open(folder);
  t.equal(keysIn(again), '/11 /3 /7');
});
