/** The watch over requests, against reads that were made on purpose. */
import fs, { closeSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { type Request, requestsOf, shareOfTime } from './requests.js';
import { mappedBytes } from './watch.js';

function readAt(descriptor: number, length: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    fs.read(descriptor, new Uint8Array(length), 0, length, position, (error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}

t.test('reads of files that are meant are told, in their order', async (t) => {
  const folder = t.testdir();
  const [meant, other] = [join(folder, 'meant'), join(folder, 'other')];
  for (const path of [meant, other]) writeFileSync(path, new Uint8Array(10_000));
  const descriptors = [meant, other].map((path) => openSync(path, 'r'));
  const [a, b] = descriptors as [number, number];
  const { read } = fs;
  const found = await requestsOf(
    (file) => file === meant,
    async () => {
      await Promise.all([readAt(a, 100, 5_000), readAt(b, 300, 0), readAt(a, 200, 0)]);
      t.equal(await readAt(a, 9_000, 5_000), 5_000, 'the answer is what it was');
    },
  );
  t.equal(fs.read, read, 'the wrap is gone');
  for (const descriptor of descriptors) closeSync(descriptor);
  if (process.platform !== 'linux') return;
  t.strictSame(
    found.map(({ offset, length, underWay }) => [offset, length, underWay]),
    [
      [5_000, 100, 1],
      [0, 200, 2],
      [5_000, 9_000, 1],
    ],
  );
  t.ok(found.every(({ begun, ended }) => ended >= begun));
});

t.test('the share of time counts only time with requests', async (t) => {
  const request = (file: string, begun: number, ended: number): Request => {
    return { file, begun, ended, offset: 0, length: 1, underWay: 1 };
  };
  const requests = [request('a', 0, 10), request('b', 5, 15), request('a', 100, 105)];
  const both = (active: ReadonlyMap<string, number>): boolean => active.size === 2;
  t.equal(
    shareOfTime(requests, both, (file) => file),
    5 / 20,
  );
  t.equal(
    shareOfTime(requests, both, () => 'one'),
    0,
  );
  t.equal(
    shareOfTime([], both, (file) => file),
    0,
  );
});

t.test('the part of memory that is a map of a file is told by its name', async (t) => {
  if (process.platform !== 'linux') return;
  t.ok((mappedBytes(process.execPath) ?? 0) > 1_000_000, 'the runtime is mapped itself');
  t.equal(mappedBytes('/no such file'), 0);
});
