/**
 * What does striping over two volumes give a sequential read, beside one volume? And how are they
 * read: how long are the requests, how many are under way, are both volumes asked at the same time?
 *
 * Both volumes lie on the same disk here, so the speed says what striping costs, not what two disks
 * would give; that the pattern says: what is under way on both at a time is what two disks would do
 * at once. With `--results` the first requests are kept as `stripes.md`.
 */
import { basename, dirname, join } from 'node:path';
import type { Bench, Context, Row } from './harness/bench.js';
import { gibibyte, longContent, readThrough, writeLong } from './harness/contents.js';
import { emptyOsCache } from './harness/os-cache.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { type Request, requestsOf, shareOfTime } from './harness/requests.js';
import { samplePairs, summarize, timed } from './harness/sample.js';
import { longFile } from './harness/work-set.js';

const bytes_total = gibibyte;
const rounds = 5;
const requests_shown = 32;

async function makeStore(context: Context, path: string, volumes: number): Promise<string> {
  const folder = join(context.folder(`volumes-${volumes}`), 'store');
  const redundancy = { kind: volumes > 1 ? 'striped' : 'none' } as const;
  const store = await openOurs(folder, { streams: { [stream]: { redundancy } } });
  for (let number = 2; number <= volumes; number++) {
    await store.addVolume(join(folder, 'volumes', `${number}`));
  }
  await writeLong(store, path);
  await store.close();
  return folder;
}

/** MB/s from the start to the end, by a store opened for it. */
async function speed(folder: string, cold: boolean): Promise<number> {
  if (cold) emptyOsCache();
  let bytes = 0;
  const ms = await timed(async () => {
    const store = await openOurs(folder, { readOnly: true });
    bytes = await readThrough(longContent(store));
    await store.close();
  });
  return bytes / 1e3 / ms;
}

async function pattern(folder: string): Promise<Request[]> {
  emptyOsCache();
  const store = await openOurs(folder, { readOnly: true });
  const isSegment = (file: string) => file.startsWith(join(folder, 'volumes'));
  const found = await requestsOf(isSegment, () => readThrough(longContent(store)));
  await store.close();
  return found;
}

const volumeOf = (file: string): string => basename(dirname(file));

function patternRows(volumes: number, requests: readonly Request[]): Row[] {
  if (requests.length === 0) return [];
  const what = `${volumes} volume${volumes === 1 ? '' : 's'}: requests`;
  const ends = new Map<string, number>();
  let inOrder = 0;
  for (const { file, offset, length } of requests) {
    if (ends.get(file) === offset) inOrder++;
    ends.set(file, offset + length);
  }
  const lengths = requests.map(({ length }) => length / 1024);
  const underWay = requests.map((request) => request.underWay);
  const percent = (share: number): number => 100 * share;
  const bytes = (of: readonly Request[]): number => of.reduce((sum, { length }) => sum + length, 0);
  const first = requests.filter(({ file }) => volumeOf(file) === '1');
  return [
    { case: what, unit: '', ours: requests.length },
    { case: `${what}, length`, unit: 'KiB', ours: lengths },
    { case: `${what}, under way as one begins`, unit: '', ours: underWay },
    {
      case: `${what}, that go on where the last of their segment ended`,
      unit: '%',
      ours: percent(inOrder / requests.length),
    },
    {
      case: `${what}, bytes of the first volume`,
      unit: '%',
      ours: percent(bytes(first) / bytes(requests)),
    },
    {
      case: `${what}, all volumes asked at a time`,
      unit: '% of the time',
      ours: percent(shareOfTime(requests, (active) => active.size === volumes, volumeOf)),
    },
  ];
}

function shown(requests: readonly Request[]): string {
  const cells = requests.slice(0, requests_shown).map((request, index) => {
    const { file, offset, length, begun, ended, underWay } = request;
    const times = [begun, ended].map((ms) => ms.toFixed(2));
    return [index + 1, volumeOf(file), basename(file), offset, length, ...times, underWay];
  });
  const head = ['', 'volume', 'segment', 'offset', 'bytes', 'begun, ms', 'ended, ms', 'under way'];
  return [head, head.map(() => '---'), ...cells]
    .map((line) => `| ${line.join(' | ')} |`)
    .join('\n');
}

async function run(context: Context): Promise<Row[]> {
  const path = join(context.folder('file'), 'long');
  longFile(path, context.sized(bytes_total, 64 * mebibyte));
  const [one, two] = [await makeStore(context, path, 1), await makeStore(context, path, 2)];
  const rows: Row[] = [];
  for (const cold of [true, false]) {
    const pairs = await samplePairs(
      rounds,
      () => speed(two, cold),
      () => speed(one, cold),
    );
    rows.push({
      case: `sequential read, 2 volumes on one disk, ${cold ? 'cold' : 'warm'}`,
      unit: 'MB/s',
      ...pairs,
      rivalName: '1 volume',
    });
  }
  const requests = { one: await pattern(one), two: await pattern(two) };
  rows.push(...patternRows(1, requests.one), ...patternRows(2, requests.two));
  context.say(`under way: ${summarize(requests.two.map(({ underWay }) => underWay)).max} at most`);
  context.keep('stripes.md', document(context, requests));
  return rows;
}

function document({ machine }: Context, requests: Record<'one' | 'two', Request[]>): string {
  return [
    '# Requests of a sequential read',
    'Made by `npm run bench -- --only stripes --results bench/results`.',
    `The system had nothing of the segments in memory. ${machine}.`,
    `## Two volumes, striped: the first ${requests_shown}`,
    shown(requests.two),
    `## One volume: the first ${requests_shown}`,
    shown(requests.one),
    '',
  ].join('\n\n');
}

const bench: Bench = {
  name: 'stripes',
  question: 'What does striping over two volumes give a sequential read, and how are they read?',
  run,
};
export default bench;
