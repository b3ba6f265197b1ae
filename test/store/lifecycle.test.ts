/**
 * Opening and closing, rules, read-only use, copies, durability, expiry, disposal, and two
 * processes on one store.
 */
import { execFile, spawn } from 'node:child_process';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { isRegaliaError, type OpenOptions, Regalia } from '../../src/index.js';
import { bare } from '../bare.js';
import { bytes, codeOf, keysOf, noise, put, textAt } from './setup.js';

const child = fileURLToPath(new URL('./process-child.js', import.meta.url));
const folder = fs.mkdtempSync(path.join(tmpdir(), 'regalia-lifecycle-'));
t.teardown(() => fs.rmSync(folder, { recursive: true }));
let count = 0;

function place(): string {
  return path.join(folder, `store-${++count}`);
}

t.setTimeout(300_000);

t.test('a store is made, closed and found again', async (t) => {
  const here = place();
  t.equal(await codeOf(Regalia.open(here, { create: false })), 'REGALIA_NOT_FOUND');
  t.equal(await codeOf(Regalia.open(here, { readOnly: true })), 'REGALIA_NOT_FOUND');
  const store = await Regalia.open(here);
  const commit = await put(store, { '/a': '1' }, 'first');
  await store.transact((tx) => tx.write('/large', 's', noise(500_000)));
  const { root, entries } = store.stats();
  await store.close();
  await store.close();
  await using again = await Regalia.open(here, { create: false });
  t.match(again.stats(), { root, entries, commits: 3 });
  t.equal(textAt(again.snapshot(commit), '/a'), '1');
  const found = await again.snapshot().get('/large', 's')?.bytes();
  t.ok(Buffer.from(noise(500_000)).equals(found as Uint8Array));
  t.equal(fs.statSync(here).mode & 0o777, 0o700, 'for its owner alone');
});

t.test('other files are not taken for a store', async (t) => {
  const here = place();
  fs.mkdirSync(here);
  fs.writeFileSync(path.join(here, 'letter.txt'), 'dear');
  t.equal(await codeOf(Regalia.open(here)), 'REGALIA_FORMAT');
  t.strictSame(fs.readdirSync(here), ['letter.txt']);
  const file = place();
  fs.writeFileSync(file, '');
  t.not(await codeOf(Regalia.open(file)), 'done');
  for (const options of [
    { durability: 'fast' },
    { cacheBytes: 1 },
    { transactionBytes: Number.NaN },
  ]) {
    t.equal(await codeOf(Regalia.open(place(), options as object)), 'REGALIA_OPTION');
  }
});

t.test('rules: declared, repeated, contradicted, and fixed at first use', async (t) => {
  const here = place();
  const rules = { streams: { acl: { inlineMax: 4_096 } } };
  {
    await using store = await Regalia.open(here, rules);
    await store.transact((tx) => tx.put('/a', 'acl', noise(4_000)));
    await store.transact((tx) => tx.put('/a', 'used', bytes('1')));
  }
  for (const options of [{}, rules, { streams: { fresh: { inlineMax: 0 } } }]) {
    await using store = await Regalia.open(here, options);
    t.equal(store.snapshot().get('/a', 'acl')?.inline?.length, 4_000);
  }
  {
    await using store = await Regalia.open(here);
    await store.transact((tx) => tx.put('/a', 'fresh', bytes('1')));
    t.equal(store.snapshot().get('/a', 'fresh')?.inline, undefined, 'the new rule is kept');
  }
  for (const streams of [{ acl: { inlineMax: 100 } }, { used: { inlineMax: 1_000 } }]) {
    t.equal(await codeOf(Regalia.open(here, { streams })), 'REGALIA_RULE');
  }
});

t.test('policies: declared when they decide nothing yet, then fixed', async (t) => {
  const here = place();
  const policies = async () => {
    await using store = await Regalia.open(here);
    const { entries, places } = store.rules();
    return [entries, places, store.info().message];
  };
  t.same(await policies(), ['conflict', 'conflict', 'init']);
  await (await Regalia.open(here, { entries: 'keep' })).close();
  t.same(await policies(), ['keep', 'conflict', 'rules of entries']);
  await (await Regalia.open(here, { entries: 'keep', places: 'newest' })).close();
  const both = ['keep', 'newest', 'rules of places'];
  t.same(await policies(), both);
  await (await Regalia.open(here, { entries: 'keep', streams: { acl: {} } })).close();
  for (const rules of [{ entries: 'remove' }, { entries: 'conflict' }, { places: 'conflict' }]) {
    t.equal(await codeOf(Regalia.open(here, rules as OpenOptions)), 'REGALIA_RULE');
  }
  t.same(await policies(), both);
});

t.test('read-only: all reads, no writes', async (t) => {
  const here = place();
  {
    await using store = await Regalia.open(here);
    await put(store, { '/a': '1' });
  }
  await using store = await Regalia.open(here, { readOnly: true });
  t.equal(textAt(store.snapshot(), '/a'), '1');
  t.equal([...store.log()].length, 2);
  t.throws(() => store.begin(), { code: 'REGALIA_READ_ONLY' });
  for (const work of [
    store.fork('x'),
    store.tags.set('x'),
    store.branches.delete('x'),
    store.restore('main'),
  ]) {
    t.equal(await codeOf(work), 'REGALIA_READ_ONLY');
  }
});

t.test('a backup is a whole store, and a copied folder is told from its original', async (t) => {
  const [here, copy, stolen] = [place(), place(), place()];
  await using store = await Regalia.open(here);
  await put(store, { '/a': '1' });
  const busy = Promise.all(
    Array.from({ length: 20 }, (_, i) => put(store, { [`/busy/${i}`]: noise(400, i + 1).join() })),
  );
  await store.backup(copy);
  await busy;
  t.equal(await codeOf(store.backup(copy)), 'REGALIA_EXISTS');
  t.equal(await codeOf(Regalia.open(copy)), 'REGALIA_CLONED', 'it is written to by nobody yet');
  {
    await using opened = await Regalia.open(copy, { adopt: true });
    t.equal(textAt(opened.snapshot(), '/a'), '1');
    t.ok(keysOf(opened.snapshot()).length <= 24);
    await put(opened, { '/own': '1' });
  }
  fs.cpSync(copy, stolen, { recursive: true });
  t.equal(await codeOf(Regalia.open(stolen)), 'REGALIA_CLONED');
  {
    await using opened = await Regalia.open(stolen, { readOnly: true });
    t.equal(textAt(opened.snapshot(), '/own'), '1', 'it may be read');
  }
  await (await Regalia.open(stolen, { adopt: true })).close();
  await (await Regalia.open(stolen)).close();
});

t.test('what was closed or disposed says so', async (t) => {
  const store = await Regalia.memory();
  await put(store, { '/a': '1' });
  const tx = store.begin();
  const other = store.begin();
  const snapshot = store.snapshot();
  {
    using scoped = store.snapshot();
    using edits = store.begin();
    edits.put('/b', 's', bytes('1'));
    t.equal(textAt(scoped, '/a'), '1');
    setImmediate(() => {
      t.throws(() => scoped.entry('/a'), { code: 'REGALIA_CLOSED' });
      t.throws(() => edits.put('/b', 's', bytes('')), { code: 'REGALIA_CLOSED' });
    });
  }
  await new Promise((resolve) => setImmediate(resolve));
  t.equal(store.snapshot().entry('/b'), undefined);
  tx.put('/c', 's', bytes('1'));
  await tx.commit();
  for (const run of [
    () => tx.put('/c', 's', bytes('')),
    () => tx.get('/c', 's'),
    () => tx.entry('/c'),
    () => tx.del('/c'),
    () => tx.move('/a', '/d'),
    () => tx.copy('/a', '/d'),
    () => tx.createBucket('/d'),
    () => tx.guard('/d'),
    () => [...tx.children('/')],
    () => [...tx.walk('/')],
    () => [...tx.find('**')],
  ]) {
    t.throws(run, { code: 'REGALIA_CLOSED' });
  }
  t.equal(await codeOf(tx.commit()), 'REGALIA_CLOSED');
  const stream = snapshot.get('/a', 's');
  const log = store.log();
  await store.close();
  for (const run of [
    () => store.snapshot(),
    () => store.begin(),
    () => store.stats(),
    () => store.info(),
    () => store.bucket('/a'),
    () => store.watch(),
    () => log.next(),
    () => [...store.branches],
    () => snapshot.entry('/a'),
    () => other.put('/x', 's', bytes('')),
  ]) {
    t.throws(run, { code: 'REGALIA_CLOSED' }, `${run}`);
  }
  t.equal(await codeOf(other.commit()), 'REGALIA_CLOSED');
  t.equal(Buffer.from(stream?.inline as Uint8Array).toString(), '1', 'inline bytes are at hand');
});

t.test('a snapshot expires when it may', async (t) => {
  let now = 0;
  await using store = await Regalia.memory({ now: () => now, snapshotMaxAgeMs: 1_000 });
  const snapshot = store.snapshot();
  now = 1_000;
  t.ok(snapshot.entry('/'));
  now = 1_001;
  t.throws(() => snapshot.entry('/'), { code: 'REGALIA_EXPIRED', data: { ageMs: 1_001 } });
  t.ok(store.snapshot().entry('/'));
});

t.test('every durability keeps what it was given, and a message has its limit', async (t) => {
  const here = place();
  {
    await using store = await Regalia.open(here, { durability: 'none' });
    for (const durability of ['sync', 'group', 'none'] as const) {
      await store.transact((tx) => tx.put(`/${durability}`, 's', bytes(durability)), {
        durability,
      });
    }
    await store.flush();
    const wrong = store.transact(() => {}, { durability: 'fast' as 'sync' });
    t.equal(await codeOf(wrong), 'REGALIA_OPTION');
    const long = { message: 'x'.repeat(65_537) };
    t.equal(
      await codeOf(store.transact((tx) => tx.put('/m', 's', bytes('')), long)),
      'REGALIA_OPTION',
    );
    await store.transact((tx) => tx.put('/m', 's', bytes('')), { message: 'x'.repeat(65_536) });
  }
  await using again = await Regalia.open(here);
  t.strictSame(keysOf(again.snapshot()), ['/', '/group', '/m', '/none', '/sync']);
});

t.test('another process sees commits at once, and both commit to one line', async (t) => {
  const here = place();
  await using store = await Regalia.open(here);
  await put(store, { '/a': '1' });
  const { stdout } = await promisify(execFile)(
    ...bare(process.execPath, child, here, 'read', '/a'),
  );
  t.equal(stdout.trim(), '1');
  const theirs = promisify(execFile)(...bare(process.execPath, child, here, 'write', '25'));
  for (let i = 0; i < 25; i++) await put(store, { [`/ours/${i}`]: `${i}` });
  await theirs;
  const snapshot = store.snapshot();
  t.equal([...snapshot.children('/ours')].length, 25);
  t.equal([...snapshot.children('/theirs')].length, 25);
  const log = [...store.log()];
  t.equal(log.length, 52);
  t.ok(log.every(({ parents }, i) => parents[0] === log[i + 1]?.commit));
});

t.test('a watch hears of commits here and elsewhere, and ends when told', async (t) => {
  const here = place();
  await using store = await Regalia.open(here);
  const stop = new AbortController();
  const heard: string[] = [];
  const watching = (async () => {
    for await (const { message } of store.watch({ key: '/seen', signal: stop.signal })) {
      heard.push(message);
      if (message === 'here') {
        spawn(...bare(process.execPath, child, here, 'put', '/seen/there'));
      } else if (message === 'there') stop.abort();
    }
  })();
  await new Promise((resolve) => setImmediate(resolve));
  await put(store, { '/other': '1' }, 'unseen');
  await put(store, { '/seen/a': '1' }, 'here');
  await watching;
  t.strictSame(heard, ['here', 'there']);
});

t.test('errors say what they left behind', async (t) => {
  await using store = await Regalia.memory();
  const error = await store.fork('main').then(
    () => undefined,
    (error: unknown) => error,
  );
  t.ok(isRegaliaError(error, 'REGALIA_EXISTS'));
  t.match(error, { outcome: 'none', retryable: false, data: { what: 'branch', name: 'main' } });
});
