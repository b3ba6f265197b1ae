/**
 * Answers: which conflict each is for, what is refused, and how contents that are answered enter
 * the tree.
 */

import t from 'tap';
import { type Answer, Regalia, type RuleOptions, type Take } from '../../src/index.js';
import { bytes, noise } from '../store/setup.js';
import { type Branch, type World, world, wrongs } from './branch.js';
import { conflictsOf, linesOf } from './vocabulary.js';

const TAKES: readonly Take[] = ['ours', 'theirs', 'base', 'both'];

/** Streams of these keys, changed on both sides. */
async function disputed(keys: readonly string[], rules?: RuleOptions): Promise<World> {
  const made = await world((main) => main.putEach(...keys), rules);
  for (const side of ['A', 'B'] as const) {
    for (const key of keys) await made[side].put(key, `of ${side}`);
  }
  return made;
}

/** The same key in a bucket and outside it, changed on both sides. */
async function twoDepths(): Promise<World> {
  const made = await world(async (main) => {
    await main.makeBucket('/m');
    await main.putEach('/x', '/m/x');
  });
  for (const side of ['A', 'B'] as const) {
    await made[side].put('/x', `of ${side}`);
    await made[side].put('/m/x', `within, of ${side}`);
  }
  return made;
}

t.test('keys of conflicts count from the bucket that was asked', async (t) => {
  const { store, A, B } = await twoDepths();
  const outcome = await A.try(B);
  t.strictSame(linesOf(outcome.conflicts), ['both-changed /m/x s', 'both-changed /x s']);
  const one = await A.try(B, { answers: [{ key: '/x', stream: 's', take: 'theirs' }] });
  t.strictSame(linesOf(one.conflicts), ['both-changed /m/x s']);
  t.strictSame(A.contents(), { '/m/': 'm', '/m/x': 'within, of A', '/x': 'of A' }, 'as it was');
  const inner = await A.within('/m').try(B.within('/m'));
  t.strictSame(linesOf(inner.conflicts), ['both-changed /x s']);
  const answers = [
    { key: '/x', take: 'theirs' },
    { key: '/m/x', take: 'ours' },
  ] as const;
  const { merged, unused } = await A.try(B, { answers });
  t.strictSame([merged, unused], [true, []]);
  t.strictSame(A.contents(), { '/m/': 'm', '/m/x': 'within, of A', '/x': 'of B' });
  t.strictSame(await wrongs(store), []);
});

t.test('a conflict within a bucket is settled from within', async (t) => {
  const { store, A, B } = await twoDepths();
  const answers = [{ key: '/x', take: 'theirs' }] as const;
  const { merged, unused } = await A.within('/m').try(B.within('/m'), { answers });
  t.strictSame([merged, unused], [true, []]);
  t.strictSame(A.contents(), { '/m/': 'm', '/m/x': 'within, of B', '/x': 'of A' });
  const outer = await A.try(B);
  t.strictSame(linesOf(outer.conflicts), ['both-changed /x s'], 'the rest is still asked');
  t.strictSame(await wrongs(store), []);
});

t.test('keys of a conflict of commits count from the bucket that was asked, too', async (t) => {
  const { main } = await world(async (main) => {
    await main.makeBucket('/m');
    await main.putEach('/x', '/m/x');
  });
  const inner = main.within('/m').bucket.begin();
  const outer = main.bucket.begin();
  inner.put('/x', 's', bytes('1'));
  outer.put('/m/x', 's', bytes('2'));
  await main.put('/m/x', '3');
  t.strictSame(linesOf(await conflictsOf(inner.commit())), ['both-changed /x s']);
  t.strictSame(linesOf(await conflictsOf(outer.commit())), ['both-changed /m/x s']);
});

const NO_ANSWERS: readonly unknown[] = [
  { key: '/b', stream: 's', take: 'merged text' },
  { key: '/b', stream: 's', take: 'mine' },
  { key: '/b', stream: 's', take: 'Ours' },
  { key: '/b', stream: 's', take: 'newest' },
  { key: '/b', stream: 's', take: 5 },
  { key: '/b', stream: 's', take: null },
  { key: '/b', stream: 's', take: undefined },
  { key: '/b', stream: 's', take: ['ours'] },
  { key: '/b', stream: 's', take: bytes('merged') },
  { key: '/b', stream: 's' },
  { key: '/b', stream: 's', contents: undefined },
  { key: '/b', contents: bytes('merged') },
  { key: '/b', stream: 's', take: 'ours', contents: bytes('merged') },
  { key: '/b', stream: 5, take: 'ours' },
  { key: '/b', stream: null, take: 'ours' },
  'ours',
  null,
  5,
  [],
];

t.test('what an answer may not be is refused by name, and nothing is written', async (t) => {
  const { store, A, B } = await disputed(['/a', '/b']);
  const before = A.head;
  for (const wrong of NO_ANSWERS) {
    const answers = [{ key: '/a', take: 'ours' }, wrong] as Answer[];
    const expected = { code: 'REGALIA_OPTION', data: { option: /\[1\]|\/b/ } };
    await t.rejects(A.try(B, { answers }), expected, JSON.stringify(wrong));
  }
  for (const unknown of [
    { kee: '/b', take: 'ours' },
    { key: '/b', take: 'ours', why: 'cycle' },
  ]) {
    const answers = [unknown] as unknown as Answer[];
    await t.rejects(A.try(B, { answers }), { code: 'REGALIA_OPTION' }, JSON.stringify(unknown));
  }
  for (const key of ['', 'b', '/b/', '/b\0', '/../b', 5, null, undefined]) {
    const answers = [{ key, take: 'ours' }] as Answer[];
    await t.rejects(A.try(B, { answers }), { code: /^REGALIA_(KEY|OPTION)$/ }, `${key} as a key`);
  }
  for (const answers of ['ours', 5, null, {}, new Map()]) {
    const how = { answers: answers as unknown as Answer[] };
    await t.rejects(A.try(B, how), { code: 'REGALIA_OPTION' }, String(answers));
  }
  t.equal(A.head, before);
  t.strictSame(A.contents(), { '/a': 'of A', '/b': 'of A' });
  t.strictSame(B.contents(), { '/a': 'of B', '/b': 'of B' });
  t.strictSame(await wrongs(store), []);
});

t.test('what a conflict does not offer is refused', async (t) => {
  const made = await world(async (main) => {
    await main.putEach('/s', '/e/f', '/p', '/a');
    await main.makeBucket('/m');
    await main.put('/m/f');
  });
  const { A, B } = made;
  await A.put('/s', 'of A');
  await A.del('/e');
  await A.del('/m');
  await A.move('/p', '/q');
  await A.move('/a', '/c');
  await B.put('/s', 'of B');
  await B.put('/e/f', 'edited');
  await B.put('/m/f', 'edited');
  await B.move('/p', '/r');
  await B.put('/c');
  const { conflicts } = await A.try(B);
  t.equal(conflicts.length, 5, linesOf(conflicts).join());
  let refused = 0;
  for (const { key, answers } of conflicts) {
    const offered = new Set(answers);
    t.ok(offered.has('ours') && offered.has('theirs'), `${key} offers both sides`);
    for (const take of TAKES.filter((one) => !offered.has(one))) {
      refused++;
      const wrong = { answers: [{ key, take }] };
      await t.rejects(A.try(B, wrong), { code: 'REGALIA_OPTION' }, `${take} for ${key}`);
    }
  }
  t.ok(refused > 0, 'not everything is offered everywhere');
});

t.test('the last of several answers counts, and one with a stream goes first', async (t) => {
  const { A, B } = await disputed(['/a']);
  await A.put('/a', 'of A', 't');
  await B.put('/a', 'of B', 't');
  const { merged, unused } = await A.try(B, {
    answers: [
      { key: '/a', stream: 's', take: 'ours' },
      { key: '/a', stream: 's', take: 'theirs' },
      { key: '/a', take: 'base' },
      { key: '/a', take: 'ours' },
    ],
  });
  t.strictSame([merged, unused.length], [true, 0]);
  t.strictSame(A.contents(), { '/a': 'of B', '/a t': 'of A' });
});

t.test('an answer without a stream is for the entry and for its streams', async (t) => {
  const { A, B } = await world((main) => main.put('/a'));
  await A.put('/a', 'of A');
  await A.move('/a', '/x');
  await B.put('/a', 'of B');
  await B.move('/a', '/y');
  const asked = await A.try(B);
  const keys = [...new Set(asked.conflicts.map(({ key }) => key))];
  t.strictSame(keys, ['/a'], linesOf(asked.conflicts).join());
  const { merged } = await A.try(B, { answers: [{ key: '/a', take: 'theirs' }] });
  t.equal(merged, true);
  t.strictSame(A.contents(), { '/y': 'of B' });
});

t.test('an answer whose conflict is not there is returned as unused', async (t) => {
  const { A, B } = await disputed(['/a', '/b']);
  const nothing = { key: '/nothing', take: 'ours' } as const;
  const noStream = { key: '/a', stream: 'none', contents: bytes('x') };
  const used = { key: '/a', stream: 's', take: 'ours' } as const;
  const one = await A.try(B, { answers: [nothing, used, noStream] });
  t.strictSame([one.merged, one.unused], [false, [nothing, noStream]], 'while others are left');
  const also = { key: '/b', take: 'theirs' } as const;
  const two = await A.try(B, { answers: [used, nothing, also] });
  t.strictSame([two.merged, two.unused], [true, [nothing]]);
  const three = await A.try(B, { answers: [also] });
  t.strictSame([three.merged, three.unused], [true, [also]], 'where nothing was left to merge');
  const four = await B.try(A, { answers: [also] });
  t.strictSame([four.fastForward, four.unused], [true, [also]]);
  const five = await A.try(B);
  t.strictSame(five.unused, []);
});

t.test('base gives what both began with', async (t) => {
  const { A, B } = await disputed(['/a']);
  t.equal((await A.try(B, { answers: [{ key: '/a', take: 'base' }] })).merged, true);
  t.strictSame(A.contents(), { '/a': 'a' });
});

const RULES = {
  streams: {
    text: { encoding: 'utf8' },
    data: { encoding: 'cbor' },
    far: { inlineMax: 0 },
    near: { inlineMax: 4_096 },
  },
} as const;

/** A stream with contents of its own on either side. */
async function streamOf(stream: string, contents: readonly [unknown, unknown]): Promise<World> {
  const made = await world(undefined, RULES);
  await made.A.transact((tx) => tx.put('/d/a', stream, contents[0]));
  await made.B.transact((tx) => tx.put('/d/a', stream, contents[1]));
  return made;
}

/** The root of a store in which that was put. */
async function rootOf(stream: string, contents: unknown): Promise<string> {
  await using store = await Regalia.memory(RULES);
  await store.transact((tx) => tx.put('/d/a', stream, contents));
  return store.info().root;
}

t.test('contents lie where the rule of their stream wants them, at every size', async (t) => {
  const sizes = [0, 1, 512, 513, 4_096, 4_097, 12_289, 300_000, 3_000_000];
  for (const stream of ['s', 'far', 'near']) {
    for (const size of sizes) {
      const { store, A, B } = await streamOf(stream, [bytes('A'), bytes('B')]);
      const contents = noise(size, size + 1);
      const answers = [{ key: '/d/a', stream, contents }];
      t.equal((await A.try(B, { answers })).merged, true, `${stream}, ${size} bytes`);
      t.equal(A.root, await rootOf(stream, contents), `${stream}, ${size} bytes`);
      const found = await A.bucket.snapshot().get('/d/a', stream)?.bytes();
      t.ok(found !== undefined && Buffer.from(contents).equals(found), 'all of it is there');
      t.strictSame(await wrongs(store), []);
    }
  }
});

t.test('contents are encoded by the rule of their stream', async (t) => {
  const good: readonly (readonly [stream: string, one: unknown, two: unknown, both: unknown])[] = [
    ['text', 'one', 'two', 'one and two'],
    ['text', 'one', 'two', bytes('one and two')],
    ['data', [1], [2], [1, 2]],
    ['data', { a: 1 }, { b: 2 }, { b: 2, a: 1 }],
    ['data', { a: 1 }, { b: 2 }, null],
  ];
  for (const [stream, one, two, contents] of good) {
    const { store, A, B } = await streamOf(stream, [one, two]);
    const answers = [{ key: '/d/a', stream, contents }];
    t.equal((await A.try(B, { answers })).merged, true, JSON.stringify(contents));
    t.equal(A.root, await rootOf(stream, contents), JSON.stringify(contents));
    t.strictSame(await wrongs(store), []);
  }
});

t.test('contents that the encoding of their stream has no form for are refused', async (t) => {
  const bad: readonly (readonly [stream: string, one: unknown, two: unknown, wrong: unknown])[] = [
    ['text', 'one', 'two', Uint8Array.of(0xff)],
    ['text', 'one', 'two', 'a lone \udc80'],
    ['text', 'one', 'two', 5],
    ['data', [1], [2], () => 5],
    ['data', [1], [2], Symbol('x')],
    ['s', bytes('one'), bytes('two'), 'text'],
    ['s', bytes('one'), bytes('two'), [1]],
  ];
  for (const [stream, one, two, contents] of bad) {
    const { A, B } = await streamOf(stream, [one, two]);
    const before = A.head;
    const work = A.try(B, { answers: [{ key: '/d/a', stream, contents }] });
    const data = { stream };
    await t.rejects(work, { code: 'REGALIA_ENCODING', data }, `${stream} ${String(contents)}`);
    t.equal(A.head, before);
  }
});

t.test('contents follow the rules of the bucket that they are in', async (t) => {
  const start = async (main: Branch): Promise<void> => {
    await main.transact((tx) => {
      tx.createBucket('/m', { streams: { s: { inlineMax: 0, encoding: 'utf8' } } });
    });
    await main.put('/m/a', 'base');
  };
  const [answered, put] = [await world(start), await world(start)];
  await answered.A.put('/m/a', 'of A');
  await answered.B.put('/m/a', 'of B');
  const answers = [{ key: '/m/a', stream: 's', contents: 'of both' }];
  t.equal((await answered.A.try(answered.B, { answers })).merged, true);
  await put.A.put('/m/a', 'of both');
  t.equal(answered.A.root, put.A.root);
  t.equal(answered.A.within('/m').root, put.A.within('/m').root);
});

t.test('a replica accepts what large contents were answered', async (t) => {
  const folder = t.testdir();
  await using here = await Regalia.open(`${folder}/here`);
  await here.transact((tx) => tx.put('/a', 's', bytes('base')));
  await here.clone(`${folder}/there`);
  await using there = await Regalia.open(`${folder}/there`);
  const other = await here.fork('other');
  await here.transact((tx) => tx.put('/a', 's', bytes('one')));
  await other.transact((tx) => tx.put('/a', 's', bytes('two')));
  const contents = noise(3_000_000, 3);
  const answers = [{ key: '/a', stream: 's', contents }];
  t.equal((await here.merge('other', { answers })).merged, true);
  const pack = here.export({ have: await there.have(), branches: ['main'] });
  const { branches } = await there.import(pack as unknown as AsyncIterable<Uint8Array>);
  await there.merge(branches[0]?.name ?? '');
  t.equal(there.info().root, here.info().root);
  const found = await there.snapshot().get('/a', 's')?.bytes();
  t.ok(found !== undefined && Buffer.from(contents).equals(found), 'all of it arrived');
  t.strictSame(await wrongs(there), []);
});
