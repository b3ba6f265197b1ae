/**
 * The reading process: it is given folders, a line each with `FOLDER MODE`, opens the store in
 * each, reads every commit of the past and compares all of it with the plan, and says a line of
 * JSON for each folder: how many commits it found, or what was wrong. A fault that has a code is
 * reported as such; wrong data is reported as `wrong`.
 *
 * In mode `write` it also writes to the store, and reads that again.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeSync } from 'node:fs';
import { type Bucket, isRegaliaError, Regalia, type Snapshot } from '../../src/index.js';
import { checkView } from '../model/lab.js';
import { contentsOf, lengthOf, type Place, placeAt, placesOf } from '../model/truth.js';
import { BUCKET, truthOf } from './plan.js';

export interface Finding {
  readonly folder: string;
  /** The last commit of the plan that is there. */
  readonly found?: number;
  readonly code?: string;
  readonly message?: string;
  readonly wrong?: string;
}

const COMMITS_MAX = 200;
const truths = new Map<string, Place[]>();

function truth(bucket: string): Place[] {
  const known = truths.get(bucket) ?? truthOf(COMMITS_MAX, bucket);
  truths.set(bucket, known);
  return known;
}

async function checkContents(view: Snapshot, top: Place): Promise<void> {
  for (const [key, { streams }] of placesOf(top)) {
    for (const [stream, contents] of streams) {
      if (lengthOf(contents) <= 512) continue;
      const bytes = await view.get(key, stream)?.bytes();
      const same = bytes !== undefined && Buffer.from(contentsOf(contents)).equals(bytes);
      assert.ok(same, `contents of ${key}`);
    }
  }
}

function numbered(bucket: Bucket): { commit: string; number: number }[] {
  const log = [...bucket.log({ reverse: true })];
  return log.flatMap(({ commit, message }) => {
    const number = /^commit (\d+)$/.exec(message)?.[1];
    return number === undefined ? [] : [{ commit, number: Number(number) }];
  });
}

async function examine(store: Regalia, mode: string): Promise<number> {
  const log = numbered(store);
  assert.deepEqual(
    log.map(({ number }) => number),
    log.map((_, i) => i),
    'the log has no gap',
  );
  const last = log.length - 1;
  const id = store.snapshot().entry(BUCKET)?.bucket;
  assert.ok(id, 'the bucket is there');
  for (const { commit, number } of log) {
    const top = truth(id)[number] as Place;
    checkView(store.snapshot(commit), top);
    if (number === last || number % 5 === 0) await checkContents(store.snapshot(commit), top);
  }
  assert.equal(store.info().message, `commit ${last}`, 'the head is the last of the log');
  assert.deepEqual(
    [...store.branches].map(({ name }) => name),
    ['main'],
  );
  checkBucket(store, id, last);
  if (mode === 'write') {
    await checkFaultless(store);
    await goOn(store, truth(id)[last] as Place);
  }
  return last;
}

/** Nothing that any commit reaches is missing or damaged. */
async function checkFaultless(store: Regalia): Promise<void> {
  for await (const finding of store.verify()) {
    if (finding.kind === 'summary') assert.equal(finding.faults, 0);
    else assert.fail(`verify: ${JSON.stringify(finding)}`);
  }
}

/** The nested bucket's own log and state. */
function checkBucket(store: Regalia, id: string, last: number): void {
  const bucket = store.bucket(BUCKET);
  for (const { commit, number } of numbered(bucket)) {
    const inside = placeAt(truth(id)[number] as Place, BUCKET) as Place;
    checkView(bucket.snapshot(commit), inside);
  }
  checkView(bucket.snapshot(), placeAt(truth(id)[last] as Place, BUCKET) as Place);
}

/** The store takes commits, and forgets nothing by it. */
async function goOn(store: Regalia, top: Place): Promise<void> {
  const entries = [...placesOf(top)].length;
  await store.transact((tx) => tx.put('/after', 'stat', contentsOf('70000x3')), {
    message: 'after',
    durability: 'sync',
  });
  const snapshot = store.snapshot();
  assert.equal([...snapshot.walk()].length, entries + 1, 'what was there stays');
  const bytes = await snapshot.get('/after', 'stat')?.bytes();
  assert.ok(bytes !== undefined && Buffer.from(contentsOf('70000x3')).equals(bytes));
}

async function find(folder: string, mode: string): Promise<Finding> {
  let store: Regalia | undefined;
  try {
    store = await Regalia.open(folder, { adopt: true, create: false });
    return { folder, found: await examine(store, mode) };
  } catch (error) {
    if (isRegaliaError(error)) return { folder, code: error.code, message: error.message };
    if (error instanceof assert.AssertionError) return { folder, wrong: error.message };
    return { folder, wrong: error instanceof Error ? (error.stack ?? '') : String(error) };
  } finally {
    await store?.close().catch(() => {});
  }
}

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const [folder = '', mode = ''] = line.split(' ');
  writeSync(1, `${JSON.stringify(await find(folder, mode))}\n`);
}
