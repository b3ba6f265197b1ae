/**
 * Transfers that break: a pack that is cut at any byte goes on where it stopped, from the rest,
 * from the whole, or from a sender that knows where; nothing is visible before the end.
 */
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { ByteReader } from '../../src/ground/reader.js';
import type { ImportOptions } from '../../src/sync/import.js';
import {
  encodeResumePoint,
  type ResumePoint,
  readResumePoint,
} from '../../src/sync/pack-format.js';
import { bytes } from '../store/setup.js';
import {
  type Bare,
  bare,
  blocksOf,
  bucketOf,
  coreOf,
  frameStarts,
  headOf,
  importInto,
  importRows,
  pack,
  resumePoints,
  seededStore,
  takeApart,
  variedStore,
  visibleRows,
} from './setup.js';

/** Imports what comes before the break, and returns where to go on. */
async function breakAt(to: Bare, packed: Uint8Array, at: number): Promise<number> {
  try {
    await importInto(to, packed.subarray(0, at));
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_PACK') && error.retryable) return error.data.at;
    throw error;
  }
  throw new Error(`a pack cut at ${at} was accepted as whole`);
}

async function smallStore() {
  const store = await seededStore();
  await store.transact((tx) => {
    tx.put('/f', 's', bytes('x'));
    tx.createBucket('/in');
  });
  return store;
}

t.test('a small pack cut at every byte goes on with its rest', async (t) => {
  const store = await smallStore();
  const packed = await pack({ store });
  const first = takeApart(packed).head.length;
  for (let cut = 0; cut < packed.length; cut++) {
    const to = bare();
    const at = await breakAt(to, packed, cut);
    if (at > cut) t.fail(`cut at ${cut}, to go on at ${at}`);
    if (visibleRows(to.engine).length > 0) t.fail(`cut at ${cut} shows something`);
    const [point] = resumePoints(to.engine);
    if ((point === undefined) !== cut < first) t.fail(`a resume point at ${cut}`);
    const options = point === undefined ? {} : { resume: point.header };
    const result = await importInto(to, packed.subarray(point?.offset ?? 0), options);
    if (point !== undefined && point.offset !== at) t.fail(`${at} reported, kept another`);
    if (result.bytes !== packed.length) t.fail(`${result.bytes} bytes`);
    if (!to.history.entry(headOf(store))) t.fail(`no head after a cut at ${cut}`);
    if (importRows(to.engine) > 0) t.fail(`rows left after a cut at ${cut}`);
  }
  t.pass(`${packed.length} cuts`);
});

t.test('a pack cut anywhere is completed by the whole pack', async (t) => {
  const store = await variedStore();
  const expected = blocksOf(coreOf(store), headOf(store));
  const packed = await pack({ store });
  for (const start of frameStarts(takeApart(packed))) {
    for (const cut of [start - 1, start + 1]) {
      if (cut < 0 || cut >= packed.length) continue;
      const to = bare();
      await breakAt(to, packed, cut);
      const result = await importInto(to, packed);
      if (result.bytes !== packed.length) t.fail(`${result.bytes} bytes`);
      if (![...blocksOf(to, headOf(store))].every((one) => expected.has(one))) t.fail(`${cut}`);
    }
  }
  t.pass();
});

t.test('a pack that breaks again and again gets through', async (t) => {
  const store = await variedStore();
  const packed = await pack({ store });
  const to = bare();
  let at = 0;
  for (let cut = 999; cut < packed.length; cut += 7_777) {
    const next = await breakAt(to, packed, cut);
    t.ok(next >= at);
    at = next;
  }
  await importInto(to, packed);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('a sender that is given a resume point sends the rest, byte by byte the same', async (t) => {
  const store = await variedStore();
  const packed = await pack({ store });
  const starts = frameStarts(takeApart(packed)).slice(0, -1);
  for (const start of starts) {
    const to = bare();
    await breakAt(to, packed, start);
    const [point] = resumePoints(to.engine);
    const reader = new ByteReader(encodeResumePoint(point as ResumePoint), 'resume point');
    const from = readResumePoint(reader);
    reader.end();
    const rest = await pack({ store, from });
    if (!equalBytes(rest, packed.subarray(start))) t.fail(`from ${start}`);
    await importInto(to, rest, { resume: from.header });
    t.ok(to.history.entry(headOf(store)));
  }
  const to = bare();
  await breakAt(to, packed, starts.at(-1) as number);
  const [from] = resumePoints(to.engine);
  await store.transact((tx) => tx.put('/later', 's', bytes('later')));
  await t.rejects(pack({ store, from: from as ResumePoint }), { code: 'REGALIA_OPTION' });
});

t.test('a source that fails, and an abort, leave a resume point as well', async (t) => {
  const store = await variedStore();
  const packed = await pack({ store });
  const half = packed.length >> 1;
  const to = bare();
  async function* failing() {
    yield packed.subarray(0, half);
    throw new Error('the network is gone');
  }
  await t.rejects(importInto(to, failing()), { code: 'REGALIA_PACK', retryable: true });
  const [kept] = resumePoints(to.engine);
  t.ok(kept !== undefined && kept.offset > 200 && kept.offset <= half);
  const controller = new AbortController();
  async function* stopping() {
    yield packed.subarray(0, half + 1);
    controller.abort();
    yield packed.subarray(half + 1);
  }
  await t.rejects(importInto(to, stopping(), { signal: controller.signal }), {
    code: 'REGALIA_ABORTED',
  });
  await importInto(to, packed);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('what is published throws: nothing is published, and nothing is left waiting', async (t) => {
  const store = await variedStore();
  const to = bare();
  const publish: ImportOptions['publish'] = (_, puts) => {
    const refuse = (): never => {
      throw new Error('not here');
    };
    return to.engine.write((batch) => puts(batch, refuse), 'none');
  };
  await t.rejects(importInto(to, await pack({ store }), { publish }), /not here/);
  t.strictSame(visibleRows(to.engine), []);
  t.equal(importRows(to.engine), 0);
});

t.test('one pack is imported once at a time', async (t) => {
  const store = await variedStore();
  const packed = await pack({ store });
  const to = bare();
  const [one, two] = await Promise.allSettled([importInto(to, packed), importInto(to, packed)]);
  t.equal(one.status, 'fulfilled');
  t.match(two, { status: 'rejected', reason: { code: 'REGALIA_LOCKED' } });
});

t.test('an import that was never begun is not resumed', async (t) => {
  const options = { resume: new Uint8Array(32) };
  await t.rejects(importInto(bare(), new Uint8Array(9), options), { code: 'REGALIA_NOT_FOUND' });
});

t.test(
  'many commits are published in slices, and a crash between them is mended by the same pack',
  async (t) => {
    const store = await seededStore(3, false);
    for (let i = 0; i < 1_100; i++) await store.transact((tx) => tx.put('/n', 's', bytes(`${i}`)));
    const packed = await pack({ store });
    const to = bare();
    const write = to.engine.write.bind(to.engine);
    let failAt = Number.POSITIVE_INFINITY;
    to.engine.write = (body, durability) => {
      if (to.engine.count('log') > failAt) return Promise.reject(new Error('the power is gone'));
      return write(body, durability);
    };
    failAt = 1;
    await t.rejects(importInto(to, packed), /power/);
    t.ok(to.engine.count('log') > 1_000, 'the first slice is in the log');
    t.equal(to.engine.count('heads'), 0, 'and no branch names it');
    failAt = Number.POSITIVE_INFINITY;
    await importInto(to, packed);
    t.ok(to.history.entry(headOf(store)));
    t.equal(importRows(to.engine), 0);
    t.equal(to.history.count(bucketOf(store)), coreOf(store).history.count(bucketOf(store)));
  },
);
