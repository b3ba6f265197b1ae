/** Statistics of contents, against the sizes of files and against what was written. */
import { statSync } from 'node:fs';
import t from 'tap';
import { encodeChunkRow } from '../../src/volumes/chunk-row.js';
import { noise } from '../chunks/setup.js';
import { engineOf, HEAD, Lab } from '../volumes/lab.js';
import { segmentPaths } from '../volumes/setup.js';

const CHUNK = 16_384;
const CODED = { kind: 'coded', data: 4, parity: 2, from: 100_000 } as const;

function sum(numbers: Iterable<number>): number {
  return [...numbers].reduce((all, one) => all + one, 0);
}

/** What each volume's files have, less the headers of segments. */
function recordBytes(folder: string): number {
  return sum(segmentPaths(folder).map((file) => statSync(file).size - HEAD));
}

t.test('of an empty store', async (t) => {
  const lab = new Lab(t, CODED);
  const stats = await (await lab.store()).contentStats();
  const zeros = { chunks: 0, plainBytes: 0, storedBytes: 0, redundantBytes: 0, condemnedBytes: 0 };
  t.match(stats, { ...zeros, codedBytes: 0, groups: 0, streams: [] });
  t.match(stats.volumes, [{ path: lab.path(1), state: 'online', bytes: 0, liveBytes: 0 }]);
});

t.test('sums agree with files and with what was written', async (t) => {
  const lab = new Lab(t, CODED);
  await lab.volumes(6);
  const shared = noise(10 * CHUNK, 1);
  await lab.write({
    '/large': shared,
    // The same chunks again, and one of its own.
    '/twice': Buffer.concat([shared, noise(100, 2)]),
    '/small': noise(50_000, 3),
    // It shrinks, and has a hole of its own.
    '/text': Buffer.concat([Buffer.alloc(CHUNK, 'text'), new Uint8Array(20 * CHUNK)]),
  });
  const store = await lab.store();
  const logical = sum([...lab.contents.values()].map(({ length }) => length));
  const plain = 10 * CHUNK + 100 + 50_000 + CHUNK;
  const check = async (what: string): Promise<void> => {
    const stats = await store.contentStats();
    t.equal(stats.plainBytes, plain, `${what}: plain bytes`);
    t.equal(stats.chunks, 10 + 1 + 4 + 1);
    t.ok(stats.storedBytes < plain && stats.storedBytes > plain - CHUNK, 'text shrank');
    for (const { path, bytes, liveBytes } of stats.volumes) {
      const files = segmentPaths(path).map((file) => statSync(file).size);
      t.equal(bytes, sum(files), `${what}: bytes of ${path}`);
      t.ok(liveBytes <= recordBytes(path), 'no more is alive than there is');
    }
    const live = sum(stats.volumes.map(({ liveBytes }) => liveBytes));
    t.equal(live, stats.storedBytes + stats.redundantBytes, `${what}: stored and redundant`);
    const rows = await lab.chunks();
    t.equal(stats.storedBytes, sum(rows.map(({ row }) => row.storedLength)));
    const [use] = stats.streams;
    t.match(use, { stream: 'content', contents: 4, logicalBytes: logical, plainBytes: plain });
    t.equal(use?.storedBytes, stats.storedBytes);
    // Each chunk's share of a group is rounded.
    t.ok(
      Math.abs((use?.heldBytes ?? 0) - live) <= rows.length,
      `${what}: copies ${use?.heldBytes} of ${live}`,
    );
  };
  await check('mirrored');
  const mirrored = await store.contentStats();
  t.match(mirrored, { codedBytes: 0, groups: 0 });
  for (const { path, liveBytes } of mirrored.volumes)
    t.equal(liveBytes, recordBytes(path), 'no waste');
  const { coded } = await store.repair({ restedMs: 0 });
  await check('coded');
  const after = await store.contentStats();
  t.equal(after.groups, coded.groups);
  t.equal(after.codedBytes, coded.bytes);
  await store.gc({ graceMs: 0, deadShare: 0 });
  await check('collected');
  for (const { path, liveBytes } of (await store.contentStats()).volumes) {
    t.equal(liveBytes, recordBytes(path), 'nothing dead is left');
  }
});

t.test('what is condemned, and volumes that are away', async (t) => {
  const lab = new Lab(t, { kind: 'mirrored', copies: 2 });
  await lab.volumes(2);
  await lab.write({ '/a': noise(CHUNK, 1) });
  const store = await lab.store();
  const [chunk] = await lab.chunks();
  if (chunk === undefined) throw new Error('a chunk is here');
  const { number, row } = chunk;
  await engineOf(store).write((batch) => {
    batch.put('chunks', number, encodeChunkRow(number, { ...row, condemned: true }));
  }, 'sync');
  t.equal((await store.contentStats()).condemnedBytes, 2 * (CHUNK + HEAD));
  lab.hide(2);
  const { volumes } = await store.contentStats();
  t.match(volumes[1], { state: 'missing', bytes: undefined, liveBytes: CHUNK + HEAD });
  lab.show(2);
  await t.rejects(store.contentStats({ signal: AbortSignal.abort() }), { code: 'REGALIA_ABORTED' });
});

t.test('streams are those of the heads of all branches', async (t) => {
  const lab = new Lab(t, { kind: 'none' });
  await lab.write({ '/a': noise(50_000, 1), '/b': noise(70_000, 2) });
  const store = await lab.store();
  await store.transact((tx) => tx.write('/a', 'preview', noise(20_000, 3)));
  await store.fork('side');
  await lab.remove('/b');
  const { streams } = await store.contentStats();
  const byName = new Map(streams.map((use) => [use.stream, use]));
  t.match(byName.get('content'), { contents: 3, logicalBytes: 170_000, plainBytes: 120_000 });
  t.match(byName.get('preview'), { contents: 2, logicalBytes: 40_000, plainBytes: 20_000 });
  t.equal(streams.length, 2);
});
