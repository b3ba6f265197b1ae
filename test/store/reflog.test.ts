/**
 * A branch's own past: where it was, by what it came there, dates that are answered from it
 * whatever other clocks say, and undo.
 */
import t from 'tap';
import { type Bucket, Regalia } from '../../src/index.js';
import { bytes, keysOf, put, textAt } from './setup.js';

/** A clock that is set by hand. */
function clock(start = 1_000): { now: () => number; at: number } {
  const made = { at: start, now: () => made.at };
  return made;
}

function causesOf(bucket: Bucket): string[] {
  return [...bucket.reflog({ reverse: true })].map(({ cause }) => cause);
}

async function collected(stream: ReadableStream<Uint8Array>): Promise<Uint8Array[]> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return parts;
}

t.test('what moved a branch is noted, and where it came to be', async (t) => {
  const time = clock();
  await using store = await Regalia.memory({ now: time.now });
  await put(store, { '/a': '1' });
  time.at = 2_000;
  const draft = await store.fork('draft');
  await put(draft, { '/b': '1' });
  time.at = 3_000;
  await store.merge('draft');
  const undone = await put(store, { '/c': '1' });
  await put(draft, { '/d': '1' });
  await store.merge('draft');
  time.at = 4_000;
  await store.revert(undone);
  const { commit } = [...store.log()].at(-2) ?? {};
  await store.restore(commit ?? '');
  await store.branches.reset('main', undone);
  await store.undo();
  t.strictSame(causesOf(store), [
    'init',
    'commit',
    'fast-forward',
    'commit',
    'merge',
    'revert',
    'restore',
    'reset',
    'undo',
  ]);
  const rows = [...store.reflog()];
  t.strictSame(
    rows.map(({ position }) => position),
    [8, 7, 6, 5, 4, 3, 2, 1, 0],
  );
  t.equal(rows[0]?.commit, store.info().commit);
  t.equal(rows[0]?.to, 6);
  t.equal(rows[1]?.commit, undone);
  t.strictSame([...store.reflog({ limit: 2 })], rows.slice(0, 2));
  t.strictSame([...store.reflog({ reverse: true })], [...rows].reverse());
  const [forked] = draft.reflog({ reverse: true });
  t.match(forked, { position: 0, time: 2_000, cause: 'fork', from: 'main', commit });
  t.throws(() => store.reflog({ limit: -1 }), { code: 'REGALIA_RANGE' });
  await store.branches.delete('draft');
  await store.fork('draft');
  t.strictSame(causesOf(store.branch('draft')), ['fork', 'commit', 'commit', 'delete', 'fork']);
});

t.test('a date is where the branch was, not what commits say of theirs', async (t) => {
  const [ours, theirs] = [clock(1_000), clock(1_000_000_000)];
  const folder = t.testdir();
  await using store = await Regalia.open(`${folder}/a`, { now: ours.now });
  await put(store, { '/a': '1' });
  await store.clone(`${folder}/b`);
  await using other = await Regalia.open(`${folder}/b`, { now: theirs.now });
  await put(other, { '/b': 'ahead' });
  ours.at = 5_000;
  await store.import(await collected(other.export({ have: await store.have() })));
  const [tracking] = [...store.branches].filter(({ name }) => name.startsWith('replica/'));
  await put(store, { '/c': 'own' });
  await store.merge(tracking?.name ?? '');
  ours.at = 9_000;
  await put(store, { '/d': 'later' });
  const at = (date: number): string => keysOf(store.snapshot({ date })).join(' ');
  t.equal(at(4_999), '/ /a');
  t.equal(at(5_000), '/ /a /b /c');
  t.equal(at(8_999), '/ /a /b /c', 'not what the other one had, alone');
  t.equal(at(9_000), '/ /a /b /c /d');
  t.ok(store.snapshot({ date: 9_000 }).exact);
  ours.at = 6_000;
  await put(store, { '/e': 'a clock that was set back' });
  t.equal(at(8_999), '/ /a /b /c');
  t.equal(at(9_000), '/ /a /b /c /d /e');
});

t.test('before a fork there is the branch that it was forked from', async (t) => {
  const time = clock();
  await using store = await Regalia.memory({ now: time.now });
  for (const text of ['1', '2', '3']) {
    time.at += 1_000;
    await put(store, { '/a': text });
  }
  await store.branches.reset('main', [...store.log()][2]?.commit ?? '');
  time.at += 1_000;
  const draft = await store.fork('draft');
  const at = (date: number): string | undefined => textAt(draft.snapshot({ date }), '/a');
  t.equal(at(3_500), '2');
  t.equal(at(4_500), '1');
  t.ok(draft.snapshot({ date: 3_500 }).exact);
});

t.test('a clone takes the past along; a replica from a pack has none, and says so', async (t) => {
  const time = clock();
  const folder = t.testdir();
  await using store = await Regalia.open(`${folder}/a`, { now: time.now });
  for (const text of ['1', '2']) {
    time.at += 1_000;
    await put(store, { '/a': text });
  }
  time.at = 9_000;
  await store.clone(`${folder}/b`);
  const pack = await collected(store.export());
  await using clone = await Regalia.open(`${folder}/b`);
  t.strictSame(causesOf(clone), ['init', 'commit', 'commit', 'clone']);
  const then = clone.snapshot({ date: 2_500 });
  t.strictSame([textAt(then, '/a'), then.exact], ['1', true]);
  await using replica = await Regalia.receive(`${folder}/c`, pack, { now: time.now });
  t.strictSame(causesOf(replica), ['clone']);
  const guess = replica.snapshot({ date: 2_500 });
  t.strictSame([textAt(guess, '/a'), guess.exact], ['1', false]);
  t.throws(() => replica.snapshot({ date: 1 }), { code: 'REGALIA_NOT_FOUND' });
});

t.test('the past of a nested bucket is that of the branch that carries it', async (t) => {
  const time = clock();
  await using store = await Regalia.memory({ now: time.now });
  const step = async (body: () => Promise<unknown>): Promise<void> => {
    time.at += 1_000;
    await body();
  };
  await step(() => store.transact((tx) => tx.createBucket('/m')));
  const bucket = store.bucket('/m');
  await step(() => put(bucket, { '/x': '1' }));
  await step(() => put(store, { '/beside': '1' }));
  await step(() => store.transact((tx) => tx.put('/m/x', 's', bytes('2'))));
  t.strictSame(
    [...bucket.reflog()].map(({ time }) => time),
    [5_000, 3_000, 2_000],
  );
  t.equal([...bucket.reflog()][0]?.commit, bucket.info().commit);
  t.equal(textAt(bucket.snapshot({ date: 4_500 }), '/x'), '1');
  t.equal(textAt(bucket.snapshot({ date: 5_000 }), '/x'), '2');
  t.throws(() => bucket.snapshot({ date: 1_500 }), { code: 'REGALIA_NOT_FOUND' });
  await t.rejects(bucket.undo(), { code: 'REGALIA_OPTION' });
});

t.test('undo goes one step further back each time, until a commit', async (t) => {
  await using store = await Regalia.memory();
  const text = (): string | undefined => textAt(store.snapshot(), '/a');
  for (const text of ['1', '2', '3']) await put(store, { '/a': text });
  await store.undo();
  t.equal(text(), '2');
  await store.undo();
  t.equal(text(), '1');
  await put(store, { '/b': '1' });
  await store.undo();
  t.strictSame([text(), textAt(store.snapshot(), '/b')], ['1', undefined]);
  await store.undo();
  t.equal(text(), '2', 'it was there before the commit: an undo is a step itself');
  for (let i = 0; i < 3; i++) await store.undo();
  await store.undo();
  t.equal(text(), undefined);
  await t.rejects(store.undo(), { code: 'REGALIA_NOT_FOUND' });
  let faults = 0;
  for await (const { kind } of store.verify()) if (kind !== 'summary') faults++;
  t.equal(faults, 0);
});
