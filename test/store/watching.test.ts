/** Watching: from the call on, all who watch a branch together, and nothing is left behind. */
import t, { type Test } from 'tap';
import { type CommitInfo, Regalia } from '../../src/index.js';
import { runs } from '../runs.js';
import { bytes, codeOf, put } from './setup.js';

t.setTimeout(300_000);

type Watch = AsyncGenerator<CommitInfo, void, undefined>;

async function messages(watch: Watch, count: number): Promise<string[]> {
  const heard: string[] = [];
  while (heard.length < count) {
    const { done, value } = await watch.next();
    if (done === true) break;
    heard.push(value.message);
  }
  return heard;
}

/** Counts the timers that run, of those that are begun from now on until the test ends. */
function countTimers(t: Test): () => number {
  const running = new Set<unknown>();
  const { setInterval, clearInterval, setTimeout, clearTimeout } = globalThis;
  const begun = (begin: typeof setInterval): typeof setInterval => {
    return ((act: () => void, ms?: number) => {
      const timer = begin(() => {
        if (begin !== setInterval) running.delete(timer);
        act();
      }, ms);
      running.add(timer);
      return timer;
    }) as typeof setInterval;
  };
  const clear = (timer: unknown): void => {
    running.delete(timer);
    clearInterval(timer as NodeJS.Timeout);
  };
  const counted = { setInterval: begun(setInterval), setTimeout: begun(setTimeout as never) };
  Object.assign(globalThis, { ...counted, clearInterval: clear, clearTimeout: clear });
  t.teardown(() => {
    Object.assign(globalThis, { setInterval, clearInterval, setTimeout, clearTimeout });
  });
  return () => running.size;
}

/** Resolves when what waits for the next turn has had it. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

t.test('a watch begins when it is asked for', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/before': '1' }, 'before');
  const [all, keyed, late] = [store.watch(), store.watch({ key: '/d' }), store.watch()];
  await put(store, { '/a': '1' }, 'a');
  await put(store, { '/d/x': '1' }, 'd');
  t.strictSame(await messages(all, 2), ['a', 'd']);
  t.strictSame(await messages(keyed, 1), ['d']);
  const count = 300;
  for (let i = 0; i < count; i++) await put(store, { [`/d/${i}`]: '1' }, `${i}`);
  const rest = Array.from({ length: count }, (_, i) => `${i}`);
  t.strictSame(await messages(all, count), rest, 'though it fell behind');
  t.strictSame(await messages(keyed, count), rest);
  t.strictSame(await messages(late, count + 2), ['a', 'd', ...rest], 'though it was never read');
  const next = [all.next(), all.next(), all.next()];
  await Promise.all([put(store, { '/x': '1' }, 'x'), put(store, { '/y': '1' }, 'y')]);
  await put(store, { '/z': '1' }, 'z');
  const heard = (await Promise.all(next)).map(({ value }) => value?.message);
  t.strictSame(heard.sort(), ['x', 'y', 'z'], 'asked for at once');
});

t.test('a thousand who watch a branch have one timer, and one signal', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error): number => warnings.push(warning);
  process.on('warning', warned);
  await using store = await Regalia.memory();
  const other = await store.fork('other');
  const timers = countTimers(t);
  const stop = new AbortController();
  const { signal } = stop;
  const watches = Array.from({ length: 1_000 }, (_, i) => {
    return store.watch(i % 2 === 0 ? { signal } : { signal, key: `/d/${i}` });
  });
  const beside = Array.from({ length: 100 }, () => other.watch({ signal }));
  const next = watches.map((watch) => watch.next());
  const aside = beside.map((watch) => watch.next());
  await turn();
  t.equal(timers(), 2, 'one for each branch');
  await put(store, { '/d/7': '1' }, 'seven');
  const heard = await Promise.all(next.filter((_, i) => i % 2 === 0 || i === 7));
  t.strictSame([...new Set(heard.map(({ value }) => value?.message))], ['seven']);
  t.equal(new Set(heard.map(({ value }) => value)).size, heard.length, 'each has its own');
  const later = watches.map((watch) => watch.next());
  stop.abort();
  const ends = await Promise.all([...next, ...later, ...aside]);
  const ended = ends.filter(({ done }) => done).length;
  t.equal(ended, ends.length - heard.length);
  await turn();
  t.equal(timers(), 0, 'nothing is left');
  process.off('warning', warned);
  t.strictSame(warnings, []);
});

t.test('many writes with one signal make no warning either', async (t) => {
  const warnings: Error[] = [];
  const warned = (warning: Error): number => warnings.push(warning);
  process.on('warning', warned);
  await using store = await Regalia.memory();
  const { signal } = new AbortController();
  using tx = store.begin();
  let resume = (): void => undefined;
  const wait = new Promise<void>((resolve) => {
    resume = resolve;
  });
  async function* slow(): AsyncGenerator<Uint8Array> {
    await wait;
    yield bytes('1');
  }
  const writes = Array.from({ length: 60 }, (_, i) => {
    return tx.write(`/${i % 30}`, 's', slow(), { signal });
  });
  await turn();
  resume();
  await Promise.all(writes);
  process.off('warning', warned);
  t.strictSame(warnings, []);
});

t.test('what ends a watch lets go of all', async (t) => {
  const store = await Regalia.memory();
  const timers = countTimers(t);
  const [returned, thrown, read, left] = [1, 2, 3, 4].map(() => store.watch()) as [
    Watch,
    Watch,
    Watch,
    Watch,
  ];
  const waiting = [returned.next(), returned.next(), thrown.next(), read.next()];
  await turn();
  t.equal(timers(), 1);
  const end = { done: true, value: undefined };
  t.strictSame(await returned.return(), end, 'though somebody waits');
  await t.rejects(thrown.throw(new Error('mine')), { message: 'mine' });
  t.strictSame(await Promise.all(waiting.slice(0, 3)), [end, end, end]);
  t.strictSame(await returned.next(), end);
  t.strictSame(await thrown.next(), end);
  const loop = (async () => {
    for await (const { message } of left) return message;
    return undefined;
  })();
  await put(store, { '/a': '1' }, 'a');
  t.equal(await loop, 'a');
  t.match(await waiting[3], { done: false, value: { message: 'a' } });
  await turn();
  t.equal(timers(), 0, 'nobody waits');
  const stop = new AbortController();
  const stopped = store.watch({ signal: stop.signal });
  const closed = store.watch();
  const last = [stopped.next(), closed.next(), closed.next()];
  await turn();
  stop.abort();
  await store.close();
  t.strictSame(await Promise.all(last), [end, end, end]);
  t.strictSame(await Promise.all([read.next(), closed.next()]), [end, end]);
  t.equal(timers(), 0);
});

t.test('a bucket or branch that is gone ends those who watch it, with a reason', async (t) => {
  await using store = await Regalia.memory();
  const branch = await store.fork('branch');
  await store.transact((tx) => void tx.createBucket('/bucket'));
  const bucket = store.bucket('/bucket');
  await put(bucket, { '/a': '1' }, 'in it');
  const watches = [branch.watch(), branch.watch(), bucket.watch(), bucket.watch({ key: '/a' })];
  const next = watches.map((watch) => watch.next());
  await put(bucket, { '/a': '2' }, 'again');
  t.match(await Promise.all(next.slice(2)), Array(2).fill({ value: { message: 'again' } }));
  const gone = watches.slice(2).map((watch) => codeOf(watch.next()));
  await turn();
  await store.branches.delete('branch');
  await store.transact((tx) => tx.del('/bucket'));
  t.strictSame(await Promise.all([...next.slice(0, 2).map(codeOf), ...gone]), [
    ...Array(4).fill('REGALIA_NOT_FOUND'),
  ]);
  for (const watch of watches) t.match(await watch.next(), { done: true });
});

t.test('each key hears of what the log has of it', async (t) => {
  const keys = ['/', '/a', '/a/b', '/a/b/c', '/a/x', '/b', '/b/c', '/bucket', '/bucket/a', '/z'];
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  for (let run = 0; run < runs(10); run++) {
    await using store = await Regalia.memory();
    await store.transact((tx) => void tx.createBucket('/bucket'));
    const from = store.info().commit;
    const stop = new AbortController();
    const watched = keys
      .flatMap((key) => [key, key])
      .map((key, i) => {
        const heard: string[] = [];
        const watch = store.watch({ key, signal: stop.signal });
        const done = (async () => {
          // Half of them read at once, half fall behind.
          if (i % 2 === 1) await turn();
          for await (const { commit } of watch) heard.push(commit);
        })();
        return { key, heard, done };
      });
    for (let i = 0; i < 60; i++) {
      const work = store.transact((tx) => {
        const key = one(['/a', '/a/b', '/a/b/c', '/a/x', '/b/c', '/bucket/a', '/z', '/y']);
        if (random(4) === 0) tx.del(key);
        else tx.put(key, 's', bytes(`${random(3)}`));
        if (random(8) === 0) tx.put('/q', 's', bytes(`${i}`));
      });
      if (random(3) > 0) await work;
      if (random(3) === 0) await turn();
      await work;
    }
    await turn();
    for (const { key, heard } of watched) {
      const log = [...store.log({ until: from, key, reverse: true })].map(({ commit }) => commit);
      t.strictSame(heard, log, key);
    }
    stop.abort();
    await Promise.all(watched.map(({ done }) => done));
  }
});

t.test('a branch that goes back is heard of, by those whose key it changes', async (t) => {
  await using store = await Regalia.memory();
  const first = await put(store, { '/a': '1' }, 'first');
  await put(store, { '/a': '2', '/b': '1' }, 'second');
  await put(store, { '/c': '1' }, 'third');
  const [all, ofA, ofC] = [store.watch(), store.watch({ key: '/a' }), store.watch({ key: '/c' })];
  const late = store.watch();
  const waiting = [all, ofA, ofC].map((watch) => watch.next());
  await store.undo();
  t.equal((await waiting[0])?.value?.message, 'second');
  t.equal((await waiting[2])?.value?.message, 'second', '/c is gone');
  const next = all.next();
  await store.branches.reset('main', first);
  t.equal((await next).value?.message, 'first');
  t.equal((await waiting[1])?.value?.message, 'first');
  await put(store, { '/d': '1' }, 'fourth');
  t.strictSame(await messages(all, 1), ['fourth']);
  t.strictSame(await messages(late, 1), ['fourth'], 'of what it missed, where it leads on from');
});
