/**
 * What a call may be given: every public method, with every wrong kind of each of its arguments.
 * The table is complete, or the test fails.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import t from 'tap';
import * as fsSurface from '../../src/fs.js';
import * as surface from '../../src/index.js';
import {
  Branches,
  Bucket,
  type CommitPolicy,
  Entry,
  isRegaliaError,
  openPackIndex,
  Regalia,
  type RegaliaError,
  type RegaliaOptions,
  Snapshot,
  Stream,
  type StreamPolicy,
  Tags,
  Transaction,
} from '../../src/index.js';
import { PackIndex } from '../../src/sync/pack-index.js';
import { bytes, put } from './setup.js';

// What is wrong for an argument, by what it should be.

const NO_TEXT = [null, 5, 5n, true, {}, [], () => 1, Symbol('x'), new Uint8Array(1)];
const NO_KEY = [
  null,
  5,
  true,
  {},
  Symbol('x'),
  'a',
  '',
  '//',
  '/a/',
  ['a/b'],
  [5],
  [null],
  () => 1,
];
const NO_FOLDER = ['', 'a\0b', ...NO_TEXT];
const NO_SOURCE = [undefined, null, 5, true, {}, () => 1];
const NO_PACK = ['text', ...NO_SOURCE];
const NO_SIZE = [undefined, null, '5', -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 5n];
const NO_FUNCTION = [undefined, null, 5, 'x', {}];
const NO_FLAG = [null, 0, 'true', {}];
const NO_NUMBER = [null, '5', -1, Number.NaN, {}, 5n];
const NO_COUNT = [1.5, ...NO_NUMBER];
const NO_SIGNAL = [null, 5, {}, new EventTarget(), 'x'];
const NO_LISTENER = [null, 5, 'x', {}];
const NO_ACTOR = [null, 5, {}, { publicKey: new Uint8Array(5), sign: () => 1 }, { sign: () => 1 }];
const NO_NAME = [null, 5, 'x', {}, ''];
const NO_BOUND = [null, 5, {}, '\ud800'];
const NO_AT = [
  ...[null, 5, true, {}, [], Symbol('x'), () => 1, { brach: 'main' }, { branch: 5 }],
  ...[{ commit: 'a', branch: 'b' }, { date: '2020-01-01' }, { date: -1e20 }, { date: Number.NaN }],
  ...[{ date: new Date(Number.NaN) }, { tag: null }, new Date()],
];
const NO_POLICY = [null, 5, 'mine', [], async () => 'ours'];
const NO_LIST = [null, 5, 'x', {}, [5], [null]];
const NO_RULE = [null, 5, 'x', [], { inlinMax: 5 }, { inlineMax: '5' }, { encoding: 'text' }];
const NO_STORED_RULE = [...NO_RULE, { compression: 'best' }, { redundancy: 'none' }];

type WrongOptions = Readonly<Record<string, readonly unknown[]>>;

const EMPTY = new Uint8Array(0);

/** The wrong values of an argument, and one that is right. */
interface Argument {
  readonly right: unknown;
  readonly wrong: readonly unknown[];
}

function argument(right: unknown, wrong: readonly unknown[]): Argument {
  return { right, wrong };
}

/** An argument of options: what is wrong for each. */
function options(wrong: WrongOptions, right: unknown = undefined): Argument {
  const each = Object.entries(wrong).flatMap(([name, list]) =>
    list.map((datum) => ({ [name]: datum })),
  );
  const typo = Object.keys(wrong)[0];
  const whole = [null, 5, 'x', true, [], () => 1, new Map(), new Date(), { nosuch: undefined }];
  return { right, wrong: [...whole, ...each, ...(typo ? [{ [`${typo}s`]: undefined }] : [])] };
}

const signal = NO_SIGNAL;
const onProgress = NO_LISTENER;
const commit = {
  message: [...NO_TEXT, 'x'.repeat(65_537)],
  durability: NO_NAME,
  policy: NO_POLICY,
  actor: NO_ACTOR,
  signal,
};
const memory = {
  streams: [null, 5, [], { s: null }, { s: { inlinMax: 5 } }, { 'a/b': {} }],
  default: NO_STORED_RULE,
  actor: NO_ACTOR,
  branch: NO_TEXT,
  hash: NO_NAME,
  durability: NO_NAME,
  cacheBytes: [...NO_NUMBER, 5],
  contentCacheBytes: [...NO_NUMBER, 5],
  workers: [...NO_COUNT, 65],
  onFault: NO_LISTENER,
  transactionBytes: [...NO_NUMBER, 5],
  signTimeoutMs: NO_NUMBER,
  snapshotMaxAgeMs: NO_NUMBER,
  now: NO_LISTENER,
  random: NO_LISTENER,
};
const opening = { readOnly: NO_FLAG, create: NO_FLAG, adopt: NO_FLAG, ...memory };
const range = {
  gt: NO_BOUND,
  gte: NO_BOUND,
  lt: NO_BOUND,
  lte: NO_BOUND,
  prefix: NO_BOUND,
  reverse: NO_FLAG,
  limit: NO_COUNT,
};
const reading = { start: NO_SIZE.slice(1), end: NO_SIZE.slice(1), signal };

const KEY = argument('/a', NO_KEY);
const STREAM = argument('s', [null, 5, {}, Symbol('x')]);
const NEW_STREAM = argument('s', [null, 5, {}, Symbol('x'), '', 'a/b', 'x'.repeat(65)]);
const AT = argument('main', NO_AT);
const NAME = argument('main', [undefined, ...NO_TEXT]);
const FOLDER = argument('.', [undefined, ...NO_FOLDER]);
const REQUIRED_AT = argument('main', [undefined, ...NO_AT]);

/** Stands for a transaction, begun for each call. */
const BEGUN = Symbol('begun');

const tree = { signal, onProgress, onFinding: NO_LISTENER };
const NO_TREE = [undefined, null, 5, 'x', {}, { entry: () => 1 }, () => 1];
const NO_PATH = [undefined, EMPTY, Uint8Array.of(97, 0), ...NO_FOLDER];
const REQUIRED_KEY = argument('/a', [undefined, ...NO_KEY]);

const VIEW = {
  entry: [KEY],
  get: [KEY, STREAM],
  children: [KEY, options(range)],
  walk: [KEY],
  find: [
    argument('*', [undefined, ...NO_TEXT]),
    options({ prefix: NO_FLAG, edits: NO_COUNT, limit: NO_COUNT }),
  ],
};

/** By class and method, the arguments in order. */
const TABLE: Readonly<Record<string, Readonly<Record<string, readonly Argument[]>>>> = {
  static: {
    open: [FOLDER, options(opening)],
    receive: [FOLDER, argument(new Uint8Array(0), NO_PACK), options(opening)],
    memory: [options(memory)],
  },
  Regalia: {
    stats: [],
    verify: [options({ signal, onProgress, contents: NO_FLAG, chunks: NO_FLAG })],
    storageRules: [],
    volumes: [],
    addVolume: [FOLDER, options({ weight: NO_COUNT })],
    setVolume: [NAME, options({ weight: NO_COUNT, state: NO_NAME })],
    drainVolume: [NAME, options({ signal, onProgress })],
    removeVolume: [NAME, options({ lost: NO_FLAG, signal })],
    repair: [options({ signal, onProgress, restedMs: NO_NUMBER })],
    rescan: [options({ signal, onProgress })],
    gc: [options({ signal, onProgress, graceMs: NO_NUMBER, deadShare: [...NO_NUMBER, 2] })],
    contentStats: [options({ signal })],
    backup: [FOLDER],
    flush: [],
    close: [],
  },
  Bucket: {
    info: [AT],
    snapshot: [AT],
    begin: [options({ isolation: NO_NAME })],
    transact: [
      argument(() => 1, NO_FUNCTION),
      options({ ...commit, isolation: NO_NAME, retries: NO_COUNT }),
    ],
    bucket: [argument('/b', [undefined, ...NO_KEY])],
    log: [
      options({
        from: NO_AT,
        until: NO_AT,
        key: NO_KEY,
        reverse: NO_FLAG,
        limit: NO_COUNT,
        signal,
      }),
    ],
    reflog: [options({ reverse: NO_FLAG, limit: NO_COUNT })],
    undo: [],
    diff: [
      REQUIRED_AT,
      REQUIRED_AT,
      options({ key: NO_KEY, deep: NO_FLAG, reverse: NO_FLAG, limit: NO_COUNT }),
    ],
    fork: [argument('new', ['', 'a b', ...NAME.wrong]), options({ at: NO_AT })],
    branch: [NAME],
    clone: [FOLDER],
    grant: [],
    accept: [argument('', ['nonsense', ...NAME.wrong])],
    watch: [options({ key: NO_KEY, signal })],
    have: [],
    export: [
      options({
        have: NO_TEXT,
        branches: NO_LIST,
        contents: NO_FLAG,
        index: NO_FLAG,
        from: NO_SIZE.slice(1),
        signal,
      }),
    ],
    import: [
      argument(new Uint8Array(0), NO_PACK),
      options({ signal, onProgress, signatures: NO_NAME }),
    ],
    merge: [
      REQUIRED_AT,
      options({
        ...commit,
        policy: [...NO_POLICY, { s: 'mine' }, { s: async () => 'ours' }],
        entryPolicy: NO_POLICY,
        answers: [
          ...NO_LIST,
          [{ key: '/a', stream: 's' }],
          [{ key: '/a', take: 'mine' }],
          [{ kee: '/a', take: 'ours' }],
          [{ key: '/a', stream: 5, take: 'ours' }],
        ],
        into: NO_TEXT,
      }),
    ],
    revert: [REQUIRED_AT, options(commit)],
    restore: [REQUIRED_AT, KEY, options(commit)],
    rules: [],
  },
  Snapshot: VIEW,
  Transaction: {
    ...VIEW,
    put: [KEY, NEW_STREAM, argument(bytes('x'), [undefined, null, 5, 'text', {}])],
    write: [KEY, NEW_STREAM, argument('x', NO_SOURCE), options({ at: NO_SIZE.slice(1), signal })],
    append: [KEY, NEW_STREAM, argument('x', NO_SOURCE), options({ signal })],
    truncate: [KEY, NEW_STREAM, argument(0, NO_SIZE), options({ signal })],
    drain: [],
    del: [KEY, NEW_STREAM],
    move: [KEY, argument('/c', NO_KEY)],
    copy: [KEY, argument('/c', NO_KEY)],
    createBucket: [
      argument('/c', NO_KEY),
      options({ streams: [null, 5, { s: null }, { s: { compression: 3 } }], default: NO_RULE }),
    ],
    guard: [KEY],
    commit: [options(commit)],
  },
  Entry: { get: [argument('s', [undefined, ...STREAM.wrong])] },
  Stream: {
    bytes: [options(reading)],
    text: [options({ signal })],
    readable: [options(reading)],
    decoded: [],
    equals: [argument(undefined, [undefined, null, 5, {}, 'x']), options({ signal })],
  },
  Branches: {
    get: [NAME],
    delete: [NAME],
    reset: [NAME, argument('main', [undefined, ...NO_AT])],
  },
  Tags: { get: [NAME], set: [NAME, AT], delete: [NAME] },
  PackIndex: {
    has: [KEY],
    find: [
      argument('*', [undefined, ...NO_TEXT]),
      options({ prefix: NO_FLAG, edits: NO_COUNT, limit: NO_COUNT, signal }),
    ],
  },
  functions: {
    openPackIndex: [
      argument('.', [undefined, ...NO_FOLDER, { size: 5 }, { size: -1, read: () => EMPTY }, EMPTY]),
      options({ bytesMax: NO_NUMBER, signal }),
    ],
    actorFromSeed: [argument(new Uint8Array(32), [undefined, null, 5, {}, 'x', EMPTY])],
    generateActor: [
      argument(undefined, [...NO_LISTENER, async () => EMPTY, () => undefined, () => EMPTY]),
    ],
    nameBytes: [argument('x', [undefined, ...NO_TEXT])],
    nameText: [argument(EMPTY, [undefined, null, 5, 'x', {}, []])],
    // It says of anything whether it is such an error.
    isRegaliaError: [],
  },
  filesystem: {
    importTree: [
      argument(BEGUN, NO_TREE),
      argument('.', NO_PATH),
      REQUIRED_KEY,
      options({ ...tree, reread: NO_FLAG, exclude: [...NO_LIST, ['']], scratch: NO_FOLDER }),
    ],
    exportTree: [
      argument(BEGUN, NO_TREE),
      REQUIRED_KEY,
      argument(join(tmpdir(), 'regalia-none/none'), NO_PATH),
      options({ ...tree, owners: NO_FLAG, times: NO_NAME }),
    ],
  },
};

const CLASSES = { Regalia, Bucket, Snapshot, Transaction, Entry, Stream, Branches, Tags };
const HIDDEN_CLASSES = { PackIndex };

/** The names of the methods of a class or an object, but those of the language. */
function methodsOf(holder: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(holder))
    .filter(([name, { value }]) => typeof value === 'function' && name !== 'constructor')
    .map(([name]) => name)
    .sort();
}

const REFUSALS = new Set(['OPTION', 'RANGE', 'KEY', 'STREAM', 'RULE', 'ENCODING']);

/** How a call is refused; 'done' where it is not. */
async function refusal(call: () => unknown): Promise<RegaliaError | string> {
  try {
    const answer = call();
    await answer;
    return 'done';
  } catch (error) {
    return isRegaliaError(error) ? error : String(error);
  }
}

function isRefused(answer: RegaliaError | string): boolean {
  return typeof answer !== 'string' && REFUSALS.has(answer.code.replace('REGALIA_', ''));
}

async function messageOf(call: () => unknown): Promise<string> {
  const answer = await refusal(call);
  return typeof answer === 'string' ? answer : `${answer.code} ${answer.message}`;
}

function named(datum: unknown): string {
  return inspect(datum, { breakLength: Number.POSITIVE_INFINITY }).slice(0, 100);
}

t.test('the table has every public method and function', async (t) => {
  for (const [name, made] of Object.entries({ ...CLASSES, ...HIDDEN_CLASSES })) {
    t.strictSame(methodsOf(made.prototype), Object.keys(TABLE[name] ?? {}).sort(), name);
  }
  t.strictSame(methodsOf(Regalia), Object.keys(TABLE['static'] ?? {}).sort(), 'static');
  const known = [...Object.keys(CLASSES), 'RegaliaError', ...Object.keys(TABLE['functions'] ?? {})];
  t.strictSame(Object.keys(surface).sort(), known.sort(), 'exports');
  const ofFiles = Object.keys(TABLE['filesystem'] ?? {});
  t.strictSame(Object.keys(fsSurface).sort(), ofFiles.sort(), 'exports of regalia/fs');
});

async function indexOf(store: Regalia): Promise<PackIndex> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of store.export()) chunks.push(chunk);
  const pack = Buffer.concat(chunks);
  return openPackIndex({ size: pack.length, read: (at, length) => pack.subarray(at, at + length) });
}

t.test('every method refuses every wrong kind of each argument, with a code', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regalia-options-'));
  const store = await Regalia.open(join(folder, 'store'));
  try {
    await put(store, { '/a': 'a' });
    await store.transact((tx) => tx.createBucket('/b'));
    const snapshot = store.snapshot();
    const stream = snapshot.get('/a', 's') as Stream;
    const holders: Record<string, object> = {
      static: Regalia,
      Regalia: store,
      Bucket: store.bucket('/b'),
      Snapshot: snapshot,
      Entry: snapshot.entry('/a') as Entry,
      Stream: stream,
      Branches: store.branches,
      Tags: store.tags,
      PackIndex: await indexOf(store),
      functions: surface,
      filesystem: fsSurface,
    };
    for (const [name, methods] of Object.entries(TABLE)) {
      for (const [method, given] of Object.entries(methods)) {
        for (const [i, { wrong }] of given.entries()) {
          for (const datum of wrong) {
            const args = given.map(({ right }, j) => {
              if (i === j) return datum;
              return right === BEGUN ? store.begin() : right;
            });
            const holder = holders[name] ?? store.begin();
            const call = (holder as Record<string, (...args: unknown[]) => unknown>)[method];
            const answer = await refusal(() => call?.apply(holder, args));
            const what = `${name}.${method}, argument ${i}: ${named(datum)}`;
            if (!isRefused(answer)) t.fail(`${what}: ${String(answer)}`);
          }
        }
      }
    }
    t.equal(store.stats().entries, 2, 'nothing was done');
    t.equal([...store.log()].length, 3);
  } finally {
    await store.close();
    rmSync(folder, { recursive: true });
  }
});

t.test('an option that is not known is refused with the one that was meant', async (t) => {
  await using store = await Regalia.memory();
  const of = (given: object): never => given as never;
  const tx = store.begin();
  t.equal(
    await messageOf(() => tx.commit(of({ mesage: 'x' }))),
    'REGALIA_OPTION commit has no option mesage; did you mean message?',
  );
  t.match(
    await messageOf(() => store.transact(() => 1, of({ durabilty: 'sync' }))),
    /durability\?/,
  );
  t.match(await messageOf(() => Regalia.memory(of({ readonly: true }))), /no option readonly/);
  t.match(await messageOf(() => Regalia.open('x', of({ readonly: true }))), /mean readOnly\?/);
  t.match(await messageOf(() => store.snapshot().children('/', of({ prefx: 'a' }))), /prefix\?/);
  t.match(
    await messageOf(() => Regalia.memory(of({ streams: { acl: { inlinMax: 5 } } }))),
    /inlineMax\?/,
  );
  t.match(await messageOf(() => store.snapshot(of({ brach: 'main' }))), /mean branch\?/);
});

t.test('what is refused is named, with what it must be and what it was', async (t) => {
  await using store = await Regalia.memory();
  const cases: readonly [() => unknown, string, string, string][] = [
    [() => store.snapshot({ date: '2020-01-01' } as never), 'date', 'a Date, or', '"2020-01-01"'],
    [() => store.snapshot({ date: -1e20 }), 'date', 'a Date, or milliseconds', '-100000'],
    [() => store.begin().commit({ policy: 'mine' as never }), 'policy', "'ours'", '"mine"'],
    [() => store.branch(5 as never), 'name', 'text', '5'],
    [() => Regalia.open(undefined as never), 'folder', 'the path of a folder', 'undefined'],
    [() => store.import(null as never), 'pack', 'bytes', 'null'],
    [() => store.tags.set(5 as never), 'name', 'text', '5'],
  ];
  for (const [call, option, expected, actual] of cases) {
    const answer = await refusal(call);
    if (!isRegaliaError(answer, 'REGALIA_OPTION')) {
      t.fail(`${option}: ${String(answer)}`);
      continue;
    }
    t.equal(answer.data.option, option);
    t.ok(answer.data.expected.includes(expected), answer.data.expected);
    t.ok(answer.data.actual.includes(actual), answer.data.actual);
  }
});

t.test('a limit is a whole number, or Infinity for all', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': 'a', '/b': 'b', '/c': 'c' });
  const snapshot = store.snapshot();
  const first = [...store.log()][1]?.commit as string;
  const counts: Record<string, (limit: number) => number> = {
    log: (limit) => [...store.log({ limit })].length,
    children: (limit) => [...snapshot.children('/', { limit })].length,
    transaction: (limit) => [...store.begin().children('/', { limit })].length,
    diff: (limit) => [...store.diff(first, 'main', { limit })].length,
  };
  const all: Record<string, number> = { log: 2, children: 3, transaction: 3, diff: 3 };
  for (const [name, count] of Object.entries(counts)) {
    t.equal(count(Number.POSITIVE_INFINITY), all[name], name);
    t.equal(count(0), 0, name);
    t.equal(count(1), 1, name);
    for (const wrong of [-1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
      t.throws(() => count(wrong), { code: 'REGALIA_RANGE' }, `${name} ${wrong}`);
    }
  }
});

t.test('a range has one bound at either end', async (t) => {
  await using store = await Regalia.memory();
  const snapshot = store.snapshot();
  for (const range of [
    { gt: 'a', gte: 'a' },
    { lt: 'a', lte: 'b' },
  ]) {
    t.throws(() => snapshot.children('/', range), { code: 'REGALIA_RANGE' });
  }
  t.doesNotThrow(() => snapshot.children('/', { gt: 'a', gte: undefined }));
});

t.test('a policy decides at once, and for a side', async (t) => {
  await using store = await Regalia.memory();
  await put(store, { '/a': 'a' });
  const draft = await store.fork('draft');
  const begin = async () => {
    const tx = store.begin();
    tx.put('/a', 's', bytes(`${Math.random()}`));
    await put(store, { '/a': `${Math.random()}` });
    return tx;
  };
  for (const answer of ['mine', 5, null, Promise.resolve('ours'), Promise.reject(new Error('x'))]) {
    const tx = await begin();
    const policy = (() => answer) as CommitPolicy;
    t.match(await messageOf(() => tx.commit({ policy })), /^REGALIA_OPTION what policy returns/);
  }
  await draft.transact((tx) => tx.put('/a', 's', bytes('draft')));
  for (const answer of ['mine', 5, null, Promise.resolve('ours')]) {
    const policy = (() => answer) as StreamPolicy;
    t.match(await messageOf(() => store.merge('draft', { policy })), /REGALIA_OPTION what policy/);
    const one = { streams: { s: policy } };
    t.match(await messageOf(() => store.merge('draft', { policy: one })), /REGALIA_OPTION what/);
  }
  const seen: unknown[] = [];
  const policy: StreamPolicy = (conflict) => {
    seen.push(conflict);
    return bytes('both');
  };
  t.equal((await store.merge('draft', { policy })).merged, true);
  t.equal(Buffer.from(store.snapshot().get('/a', 's')?.inline ?? []).toString(), 'both');
  t.match(seen, [{ key: '/a', stream: 's', kind: 'both-changed', theirs: { size: 5 } }]);
  t.strictSame(Object.keys(seen[0] as object).sort(), [
    ...['answers', 'base', 'key', 'kind', 'ours', 'stream', 'theirs'],
  ]);
});

t.test('a function that reads a pack gives bytes', async (t) => {
  const read = (() => 'text') as never;
  await t.rejects(openPackIndex({ size: 1_000, read }), {
    code: 'REGALIA_OPTION',
    message: 'what read returns must be bytes, not "text"',
  });
});

t.test('options that are undefined count as not given', async (t) => {
  const given: RegaliaOptions = { actor: undefined, durability: undefined, streams: undefined };
  await using store = await Regalia.memory(given);
  const streams = { a: undefined, b: { merge: undefined, redundancy: undefined } } as never;
  await using ruled = await Regalia.memory({ streams, default: undefined });
  t.ok(ruled.begin().createBucket('/b', { streams: { a: undefined } as never }));
  await put(store, { '/a': 'a' });
  const tx = store.begin({ isolation: undefined });
  tx.put('/b', 's', bytes('b'));
  await tx.commit({ message: undefined, policy: undefined, signal: undefined });
  t.equal([...store.log({ limit: undefined, from: undefined, key: undefined })].length, 3);
  t.equal([...store.snapshot(undefined).children('/', { gt: undefined })].length, 2);
});
