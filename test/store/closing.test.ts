/**
 * Closing: what is under way ends first, what comes later is refused, and nobody who is waited for
 * can keep a store open.
 */
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import {
  Branches,
  Bucket,
  isRegaliaError,
  Regalia,
  Snapshot,
  Stream,
  Tags,
  Transaction,
} from '../../src/index.js';
import { bytes, codeOf, keysOf, noise, put, textAt } from './setup.js';

t.setTimeout(300_000);

const LONG = noise(300_000);

/** What calls are made with: a store that has a branch, tags and a content. */
interface Made {
  readonly store: Regalia;
  readonly tx: Transaction;
  readonly stream: Stream;
  readonly text: Stream;
  readonly folder: string;
  readonly pack: Uint8Array;
  readonly grant: string;
  readonly volume: string;
  /** A name that no call had before. */
  readonly name: string;
}

type Call = (made: Made) => Promise<unknown>;

/** Long work that is told to end, by the name of its call. */
const EARLY = new Set([
  ...['Bucket.export', 'Regalia.contentStats', 'Regalia.drainVolume', 'Regalia.gc'],
  ...['Regalia.removeVolume', 'Regalia.repair', 'Regalia.rescan', 'Regalia.verify'],
  // A step of a stream is work, the stream is not.
  'Stream.readable',
]);
/** Those that end otherwise. */
const OTHERWISE = ['Bucket.watch', 'Regalia.close', `Regalia.${String(Symbol.asyncDispose)}`];

/** Every call that returns before it has ended, by class and name. */
const CALLS: Readonly<Record<string, Call>> = {
  'Bucket.transact': ({ store, name }) => put(store, { [`/${name}`]: name }),
  'Bucket.fork': ({ store, name }) => store.fork(name),
  'Bucket.clone': ({ store, folder, name }) => store.clone(path.join(folder, name)),
  'Bucket.grant': ({ store }) => store.grant(),
  'Bucket.accept': ({ store, grant }) => store.accept(grant),
  'Bucket.have': ({ store }) => store.have(),
  'Bucket.export': ({ store }) => gathered(store.export()),
  'Bucket.import': ({ store, pack }) => store.import(pack),
  'Bucket.undo': ({ store }) => store.undo(),
  'Bucket.merge': ({ store }) => store.merge('other', { message: 'merged' }),
  'Bucket.revert': ({ store }) => store.revert('noted'),
  'Bucket.restore': ({ store }) => store.restore('noted', '/a'),
  'Branches.delete': ({ store }) => store.branches.delete('other'),
  'Branches.reset': ({ store }) => store.branches.reset('other', 'noted'),
  'Tags.set': ({ store, name }) => store.tags.set(name),
  'Tags.delete': ({ store }) => store.tags.delete('noted'),
  'Regalia.volumes': ({ store }) => store.volumes(),
  'Regalia.addVolume': ({ store, folder, name }) => store.addVolume(path.join(folder, name)),
  'Regalia.setVolume': ({ store, volume }) => store.setVolume(volume, { weight: 2 }),
  'Regalia.drainVolume': ({ store, volume }) => store.drainVolume(volume),
  'Regalia.removeVolume': ({ store, volume }) => store.removeVolume(volume),
  'Regalia.repair': ({ store }) => store.repair(),
  'Regalia.rescan': ({ store }) => store.rescan(),
  'Regalia.gc': ({ store }) => store.gc(),
  'Regalia.contentStats': ({ store }) => store.contentStats(),
  'Regalia.backup': ({ store, folder, name }) => store.backup(path.join(folder, name)),
  'Regalia.flush': ({ store }) => store.flush(),
  'Regalia.verify': ({ store }) => gathered(store.verify()),
  'Transaction.write': ({ tx }) => tx.write('/w', 's', new Blob([LONG])),
  'Transaction.append': ({ tx }) => tx.append('/long', 's', LONG),
  'Transaction.truncate': ({ tx }) => tx.truncate('/long', 's', 100_000),
  'Transaction.drain': ({ tx }) => tx.drain(),
  'Transaction.commit': ({ tx }) => tx.commit(),
  'Stream.bytes': ({ stream }) => stream.bytes(),
  'Stream.text': ({ text }) => text.text(),
  'Stream.equals': ({ stream, store }) =>
    stream.equals(store.snapshot().get('/alike', 's') as Stream),
  'Stream.readable': ({ stream }) => gathered(stream.readable()),
};

async function gathered<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const row of rows) all.push(row);
  return all;
}

async function made(folder: string, name: string): Promise<Made> {
  const place = path.join(folder, `${name}-store`);
  const store = await Regalia.open(place, { durability: 'none' });
  await put(store, { '/a': '1' });
  await store.tags.set('noted');
  const other = await store.fork('other');
  await put(other, { '/b': '1' });
  await store.transact(async (tx) => {
    await tx.write('/long', 's', LONG);
    await tx.write('/alike', 's', LONG.slice(), { at: 0 });
    await tx.write('/text', 's', 'words '.repeat(50_000));
  });
  await store.addVolume(path.join(folder, `${name}-volume`));
  await store.setVolume(path.join(folder, `${name}-volume`), { weight: 1 });
  const tx = store.begin();
  tx.put('/mine', 's', bytes('1'));
  const replica = path.join(folder, `${name}-replica`);
  await store.clone(replica);
  await using granting = await Regalia.open(replica);
  return {
    ...{ store, tx, folder, name, grant: await granting.grant() },
    stream: store.snapshot().get('/long', 's') as Stream,
    text: store.snapshot().get('/text', 's') as Stream,
    pack: Buffer.concat(await gathered(store.export())),
    volume: path.join(folder, `${name}-volume`),
  };
}

t.test('every call that takes time is known here', async (t) => {
  const stepped = ['Bucket.export', 'Bucket.watch', 'Regalia.verify', 'Stream.readable'];
  const found = [Bucket, Regalia, Snapshot, Transaction, Stream, Branches, Tags].flatMap((made) => {
    const methods = Object.entries(Object.getOwnPropertyDescriptors(made.prototype));
    const symbols = Object.getOwnPropertySymbols(made.prototype).map((symbol) => {
      return [String(symbol), Object.getOwnPropertyDescriptor(made.prototype, symbol)] as const;
    });
    return [...methods, ...symbols]
      .filter(([, method]) => /^Async/.test(method?.value?.constructor.name ?? ''))
      .map(([name]) => `${made.name}.${name}`);
  });
  const known = [...Object.keys(CALLS), ...OTHERWISE];
  t.strictSame([...new Set([...found, ...stepped])].sort(), known.sort());
});

for (const [name, call] of Object.entries(CALLS)) {
  t.test(`${name} ends before the store is closed, and begins no more`, async (t) => {
    const given = await made(t.testdir(), name);
    let outcome = 'none';
    const work = codeOf(call(given)).then((code) => {
      outcome = code;
    });
    const closing = given.store.close();
    const later = codeOf((async () => call({ ...given, name: `${name}-later` }))());
    await closing;
    const expected = EARLY.has(name) ? ['done', 'REGALIA_CLOSED'] : ['done'];
    t.ok(expected.includes(outcome), outcome);
    t.equal(await later, 'REGALIA_CLOSED', 'while it is being closed');
    const after = codeOf((async () => call({ ...given, name: `${name}-after` }))());
    t.equal(await after, 'REGALIA_CLOSED', 'once it is closed');
    await work;
    const folders = fs.readdirSync(given.folder).filter((one) => /making|later|after/.test(one));
    t.strictSame(folders, []);
  });
}

t.test('what was promised is there, and what was refused is not', async (t) => {
  const place = path.join(t.testdir(), 'store');
  const store = await Regalia.open(place);
  await put(store, { '/a': '1' });
  const work = [store.fork('f'), store.tags.set('t'), put(store, { '/b': '1' })];
  const closing = store.close();
  const refused = [store.fork('g'), store.tags.set('u'), put(store, { '/c': '1' })];
  const again = store.close();
  t.strictSame(await Promise.all(refused.map(codeOf)), Array(3).fill('REGALIA_CLOSED'));
  await Promise.all(work);
  await Promise.all([closing, again]);
  await using found = await Regalia.open(place);
  t.strictSame(
    [...found.branches].map(({ name }) => name),
    ['f', 'main'],
  );
  t.strictSame(
    [...found.tags].map(({ name }) => name),
    ['t'],
  );
  t.strictSame(keysOf(found.snapshot()), ['/', '/a', '/b']);
});

t.test('a transaction under way has its body, and tries again', async (t) => {
  for (const place of [undefined, path.join(t.testdir(), 'store')]) {
    const store = await (place === undefined ? Regalia.memory() : Regalia.open(place));
    await put(store, { '/count': '0' });
    const counted = Array.from({ length: 20 }, () => {
      return store.transact(
        async (tx) => {
          const count = Number(textAt(tx, '/count'));
          await tx.write('/long', 's', LONG);
          tx.put('/count', 's', bytes(`${count + 1}`));
          return (await tx.get('/long', 's')?.bytes())?.length;
        },
        { policy: (conflict) => (conflict.key === '/long' ? 'ours' : undefined), retries: 100 },
      );
    });
    const closing = store.close();
    t.throws(() => store.begin(), { code: 'REGALIA_CLOSED' });
    for (const { result } of await Promise.all(counted)) t.equal(result, LONG.length);
    await closing;
    if (place === undefined) continue;
    await using again = await Regalia.open(place);
    t.equal(textAt(again.snapshot(), '/count'), '20');
  }
});

t.test('what is read is refused from the call on', async (t) => {
  const store = await Regalia.memory();
  await store.tags.set('t');
  await store.tags.set('u');
  await put(store, { '/a': '1', '/b': '1' });
  const other = await store.fork('other');
  const [snapshot, tx] = [store.snapshot(), store.begin()];
  tx.put('/c', 's', bytes('1'));
  const entry = snapshot.entry('/a');
  const begun = [
    ...[store.log(), store.diff('t', 'main')[Symbol.iterator](), snapshot.walk()],
    ...[snapshot.children('/'), snapshot.find('*'), tx.walk(), store.branches[Symbol.iterator]()],
    store.tags[Symbol.iterator](),
  ];
  for (const rows of begun) rows.next();
  let resume = (): void => undefined;
  const body = new Promise<void>((resolve) => {
    resume = resolve;
  });
  const held = store.transact(() => body);
  const closing = store.close();
  for (const rows of begun) t.throws(() => rows.next(), { code: 'REGALIA_CLOSED' });
  for (const call of [
    ...[() => store.info(), () => store.rules(), () => store.snapshot(), () => store.begin()],
    ...[() => store.key, () => store.bucket('/'), () => store.branch('other'), () => other.info()],
    ...[() => store.stats(), () => store.storageRules(), () => store.watch(), () => store.log()],
    ...[() => store.diff('t', 'main'), () => store.verify(), () => store.export()],
    ...[() => [...store.branches], () => [...store.tags], () => store.tags.get('t')],
    ...[() => store.branches.get('main'), () => snapshot.entry('/a'), () => snapshot.walk()],
    ...[() => snapshot.get('/a', 's'), () => entry?.get('s')?.decoded()],
    ...[() => tx.put('/d', 's', bytes('')), () => tx.del('/c'), () => tx.get('/a', 's')],
    ...[() => tx.guard('/a'), () => tx.move('/a', '/z'), () => tx.children('/')],
  ]) {
    t.throws(call, { code: 'REGALIA_CLOSED' }, `${call}`);
  }
  resume();
  await held;
  await closing;
});

t.test('nobody who waits for a user keeps a store open', async (t) => {
  const place = path.join(t.testdir(), 'store');
  const store = await Regalia.open(place);
  await put(store, { '/a': '1' });
  await store.transact((tx) => tx.write('/long', 's', noise(3_000_000)));
  const pack = Buffer.concat(await gathered(store.export()));
  const never = new Promise<never>(() => undefined);
  /** Some bytes, and then nothing more. */
  async function* stalled(): AsyncGenerator<Uint8Array> {
    yield pack.subarray(0, 1_000);
    await never;
  }
  const [unread, halfRead] = [store.export(), store.export().getReader()];
  await halfRead.read();
  const scrubs = [store.verify(), store.verify()];
  await scrubs[1]?.next();
  const content = store.snapshot().get('/long', 's')?.readable().getReader();
  await content?.read();
  const tx = store.begin();
  const work = [
    store.transact(() => never),
    store.transact(async (tx) => {
      tx.put('/lost', 's', bytes('1'));
      await never;
    }),
    tx.write('/w', 's', stalled()),
    store.import(stalled()),
    store.import(new ReadableStream()),
  ];
  const codes = Promise.all(work.map(codeOf));
  await store.close();
  t.strictSame(await codes, Array(work.length).fill('REGALIA_CLOSED'));
  t.equal(await codeOf(unread.getReader().read()), 'REGALIA_CLOSED');
  t.equal(await codeOf(halfRead.read()), 'REGALIA_CLOSED');
  t.equal(await codeOf(content?.read() as Promise<unknown>), 'REGALIA_CLOSED');
  t.equal(await codeOf(scrubs[0]?.next() as Promise<unknown>), 'REGALIA_CLOSED');
  t.equal(await codeOf(scrubs[1]?.next() as Promise<unknown>), 'REGALIA_CLOSED');
  await using again = await Regalia.open(place);
  t.strictSame(keysOf(again.snapshot()), ['/', '/a', '/long']);
  t.match(await again.import(pack), { commits: 0 });
  t.equal((await gathered(again.verify())).length, 1);
});

t.test('a store may be closed within its own transaction', async (t) => {
  const store = await Regalia.memory();
  const work = store.transact(async (tx) => {
    tx.put('/a', 's', bytes('1'));
    await store.close();
  });
  t.equal(await codeOf(work), 'REGALIA_CLOSED');
  await store.close();
});

t.test('a signal that was aborted is still told from a store that was closed', async (t) => {
  const store = await Regalia.open(path.join(t.testdir(), 'store'));
  await put(store, { '/a': '1' });
  const stop = new AbortController();
  const gc = store.gc({ signal: stop.signal });
  stop.abort(new Error('enough'));
  const error = await gc.catch((error: unknown) => error);
  t.ok(isRegaliaError(error, 'REGALIA_ABORTED'));
  t.match(error, { cause: { message: 'enough' } });
  await store.close();
});
