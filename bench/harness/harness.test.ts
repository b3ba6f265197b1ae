/**
 * The harness must not lie: its arithmetic against known answers, its watches against planted
 * stalls and allocations, and each installed rival's adapter against what was written to it.
 */
import t from 'tap';
import { openGit } from '../rivals/git.js';
import { openHyperbee } from '../rivals/hyperbee.js';
import { RawLmdb } from '../rivals/lmdb-raw.js';
import { inChild } from './child.js';
import { growth } from './growth.js';
import { withFigures } from './markdown.js';
import { Random, shuffledIndexes } from './random.js';
import { figureText, reportRow } from './report.js';
import { percentile, samplePairs, summarize } from './sample.js';
import { watchResident, watchStalls } from './watch.js';
import {
  batches,
  fileContent,
  fileKey,
  filesInOrder,
  filesShuffled,
  scattered,
} from './workload.js';

t.test('a summary has the median and the ends', async (t) => {
  t.strictSame(summarize([3, 1, 2]), { median: 2, min: 1, max: 3 });
  t.strictSame(summarize([4, 1, 2, 3]), { median: 2.5, min: 1, max: 4 });
  t.strictSame(summarize(7), { median: 7, min: 7, max: 7 });
  t.throws(() => summarize([]), RangeError);
  t.equal(percentile([5, 1, 4, 2, 3], 0.99), 5);
  t.equal(percentile([5, 1, 4, 2, 3], 0.5), 3);
});

t.test('pairs alternate which side goes first', async (t) => {
  const order: string[] = [];
  const side = (name: string) => () => order.push(name);
  const pairs = await samplePairs(3, side('ours'), side('rival'));
  t.strictSame(order, ['ours', 'rival', 'rival', 'ours', 'ours', 'rival']);
  t.equal(pairs.rival?.length, 3);
  t.equal((await samplePairs(2, side('ours'))).rival, undefined);
});

t.test('the exponent of a known growth is found', async (t) => {
  const sizes = [10, 100, 1_000, 10_000];
  const fitted = (cost: (size: number) => number) =>
    growth(sizes.map((size) => [size, cost(size)]));
  t.ok(Math.abs(fitted((size) => 3 * size ** 2).exponent - 2) < 1e-9);
  t.ok(Math.abs(fitted((size) => 3 * size ** 2).factor - 3) < 1e-9);
  t.ok(Math.abs(fitted(() => 5).exponent) < 1e-9);
  const logarithmic = fitted((size) => Math.log2(size)).exponent;
  t.ok(logarithmic > 0 && logarithmic < 0.25);
  t.throws(() => growth([[1, 1]]), RangeError);
  t.throws(
    () =>
      growth([
        [5, 1],
        [5, 2],
      ]),
    RangeError,
  );
});

t.test('the workload is a function of its seed', async (t) => {
  t.equal(fileKey(12_123), '/d0012/f000123');
  t.equal(new Set(Array.from({ length: 5_000 }, (_, i) => fileKey(i))).size, 5_000);
  t.strictSame(fileContent(7, 1), fileContent(7, 1));
  t.notSame(fileContent(7, 1), fileContent(7, 2));
  t.notSame(fileContent(7, 1), fileContent(1, 7));
  t.equal(fileContent(7).length, 100);
  const shuffled = [...filesShuffled(1_000, 5)].map(([key]) => key);
  const inOrder = [...filesInOrder(1_000)].map(([key]) => key);
  t.notSame(shuffled, inOrder);
  t.strictSame([...shuffled].sort(), inOrder);
  t.strictSame(shuffledIndexes(50, 9), shuffledIndexes(50, 9));
  t.notSame(shuffledIndexes(50, 9), shuffledIndexes(50, 10));
  t.equal(new Set(scattered(500, 100, 1, 1).map(([key]) => key)).size, 100);
  t.strictSame([...batches([1, 2, 3], 2)], [[1, 2], [3]]);
});

t.test('random bytes use all values about equally often', async (t) => {
  const counts = new Uint32Array(256);
  for (const byte of new Random(3).bytes(256_000)) counts[byte] = (counts[byte] as number) + 1;
  t.ok(Math.min(...counts) > 800 && Math.max(...counts) < 1_200);
});

t.test('a stall and an allocation are seen', async (t) => {
  const stopped = watchStalls();
  await new Promise((resolve) => setTimeout(resolve, 20));
  const end = performance.now() + 80;
  while (performance.now() < end);
  t.ok((await stopped()).maxMs > 60);
  const memory = watchResident();
  Buffer.alloc(64 << 20, 1);
  t.ok(memory().growthBytes > 48 << 20);
});

t.test('a child gives its result, and its death is an error', async (t) => {
  const here = new URL('./random.js', import.meta.url).href;
  await t.rejects(inChild(here, 'nothing', 1), /exports no nothing/);
  await t.rejects(inChild('node:process', 'exit', 3), /died/);
  const { result, peakBytes } = await inChild<Uint32Array>(here, 'shuffledIndexes', 3);
  t.equal(result.length, 3);
  t.ok(peakBytes > 10 << 20);
});

t.test('a report row has ratio and verdict', async (t) => {
  const row = reportRow('b', {
    case: 'c',
    unit: 'ms',
    ours: [4, 6, 5],
    rival: 2,
    rivalName: 'r',
    target: { of: 'ratio', atMost: 3 },
  });
  t.match(row, { ours: 5, spread: [4, 6], rival: 2, ratio: 2.5, target: 'ratio <= 3', met: true });
  const missed = { case: 'c', unit: 'ms', ours: 5, target: { of: 'ours', atMost: 4 } } as const;
  t.equal(reportRow('b', missed).met, false);
  const missing = { ...missed, target: { of: 'ratio', atLeast: 1 } } as const;
  t.equal(reportRow('b', missing).met, null, 'no verdict without the rival');
  t.equal(figureText(1234567), '1,234,567');
  t.equal(figureText(0.0123456), '0.0123');
});

t.test('the ratio of paired samples is the median of their ratios', async (t) => {
  const row = { case: 'c', unit: 'ms', ours: [1, 20, 3], rival: [2, 40, 1], rivalName: 'r' };
  t.equal(reportRow('b', row).ratio, 0.5, 'a slow minute that hit a whole pair does not count');
});

t.test('a document gets the figures of the benches that ran, between their marks', async (t) => {
  const of = (name: string) => `# ${name}\n\n<!-- figures: ${name} -->\nold\n<!-- end -->\n`;
  const row = reportRow('b', { case: 'c', unit: 'ms', ours: [4, 6, 5] });
  const once = withFigures(of('a') + of('b'), [row], 'a machine');
  t.match(once, of('a'), 'what did not run stays');
  t.match(once, '| c | ms | 5 (4–6) |  |  |  |  |');
  t.equal(withFigures(once, [row], 'a machine'), once, 'a second time changes nothing');
});

const writes = [...filesShuffled(300, 4)];
const changes = scattered(300, 20, 4, 1);

t.test('raw lmdb gives back what it was given', async (t) => {
  const store = new RawLmdb(t.testdir());
  store.load(writes, 100);
  store.commit(changes);
  await store.concurrently(4, 5, (index) => [fileKey(1_000 + index), fileContent(index)]);
  t.equal(store.scan(), 320);
  t.equal(store.scan('/d0001/', 10), 10);
  for (const [key, content] of changes)
    t.ok(content.every((byte, i) => store.get(key)?.[i] === byte));
  t.equal(store.get('/absent'), undefined);
  await store.close();
});

t.test('hyperbee gives back what it was given', async (t) => {
  const store = await openHyperbee(t.testdir());
  if (store === undefined) {
    t.comment('hyperbee is not installed');
    return;
  }
  await store.load(writes, 100);
  const before = store.version;
  await store.commit(changes);
  t.equal(await store.scan(), 300);
  t.equal(await store.diff(before), 20);
  for (const [key, content] of changes) t.strictSame(Buffer.from(content), await store.get(key));
  await store.close();
});

t.test('git gives back what it was given', async (t) => {
  const store = openGit(t.testdir());
  if (store === undefined) {
    t.comment('git is not installed');
    return;
  }
  const before = await store.load(writes, 100);
  const after = await store.commit(changes);
  await store.settle();
  t.equal(await store.diff(before, after), 20);
  for (const [key, content] of changes) t.strictSame(Buffer.from(content), await store.get(key));
  t.equal(await store.get('/absent'), undefined);
  await store.close();
});
