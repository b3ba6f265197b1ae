/**
 * The write-ahead log in front of LMDB: when there is one, what a process that died leaves to the
 * next, what is found of damage, and that it does not grow.
 */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import type { Changes } from '../../src/engine/overlay.js';
import { encodeRecord, WalFile, type WalPlace } from '../../src/engine/wal-file.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { Dice } from '../model/dice.js';
import { run } from './child.js';

const folder = t.testdir();
const SUM = Uint8Array.of(1);

function logsIn(path: string): string[] {
  return readdirSync(path).filter((name) => name.startsWith('wal-'));
}

/** The store of a process that died behind so many acknowledged writes. */
async function abandoned(name: string, durability: string, count: number): Promise<string> {
  const path = join(folder, name);
  await (await openLmdb(path)).close();
  const { lines } = await run<number>(['append', path, durability, `${count}`]);
  if (lines.at(-1) !== count) throw new Error(`${lines.at(-1)} of ${count} writes`);
  return path;
}

/** What the appending child left: the sum it counted to, if the rows of each step are there. */
function sumIn(engine: Engine): number {
  const sum = engine.get('meta', SUM)?.length ?? 0;
  for (let i = 1; i <= sum; i++) {
    const row = engine.get('addressLog', i);
    const isWhole = row?.length === 500 && row.every((byte) => byte === (i & 255));
    if (!isWhole) throw new Error(`row ${i} of ${sum} is not as it was written`);
  }
  if (engine.count('addressLog') !== sum) throw new Error('a row too many');
  return sum;
}

t.test('there is a log while several writes are made, and none behind a close', async (t) => {
  const path = join(folder, 'life');
  const engine = await openLmdb(path);
  const put = (key: number) =>
    engine.write((batch) => batch.put('extents', key, new Uint8Array(9)), 'sync');
  await put(1);
  t.same(logsIn(path), [], 'one write goes into the tables');
  for (let key = 2; key <= 10; key++) await put(key);
  t.equal(logsIn(path).length, 1);
  t.equal(engine.count('extents'), 10);
  t.same(
    [...engine.range('extents', { gt: 2, reverse: true, limit: 3 })].map(({ key }) => key),
    [10, 9, 8],
  );
  await engine.close();
  t.same(readdirSync(path).sort(), ['data.mdb', 'lock.mdb']);
  const again = await openLmdb(path, { readOnly: true });
  t.equal(again.count('extents'), 10);
  await again.close();
});

for (const durability of ['sync', 'group', 'none']) {
  t.test(`what a process that died had acknowledged is there: ${durability}`, async (t) => {
    const path = await abandoned(`left-${durability}`, durability, 40);
    t.equal(logsIn(path).length, 1);
    const reader = await openLmdb(path, { readOnly: true });
    t.equal(sumIn(reader), 40, 'one who only reads sees it');
    const writer = await openLmdb(join(path), { readOnly: true });
    t.equal(sumIn(writer), 40);
    await writer.close();
    await reader.close();
    t.equal(logsIn(path).length, 1, 'and leaves it as it is');
    const engine = await openLmdb(path);
    t.same(logsIn(path), [], 'one who writes ends the log');
    t.equal(sumIn(engine), 40);
    await engine.close();
  });
}

/** Without the zeros at its end. */
function lengthOf(log: Uint8Array): number {
  let length = log.length;
  while (log[length - 1] === 0) length--;
  return length;
}

/** Opens a copy of a store whose log has other bytes: what it counts to, or the code. */
async function outcome(path: string, name: string, log: Uint8Array | undefined): Promise<unknown> {
  const copy = join(folder, 'copy');
  rmSync(copy, { recursive: true, force: true });
  mkdirSync(copy);
  copyFileSync(join(path, 'data.mdb'), join(copy, 'data.mdb'));
  if (log !== undefined) writeFileSync(join(copy, name), log);
  try {
    const engine = await openLmdb(copy);
    try {
      return sumIn(engine);
    } finally {
      await engine.close();
    }
  } catch (error) {
    if (isRegaliaError(error)) return error.code;
    throw error;
  }
}

t.test('a damaged log is found, and never read wrong', async (t) => {
  const path = await abandoned('damaged', 'sync', 30);
  const [name = ''] = logsIn(path);
  const log = new Uint8Array(readFileSync(join(path, name)));
  t.equal(await outcome(path, name, log), 30);
  t.equal(await outcome(path, name, undefined), 'REGALIA_CORRUPT', 'a log that is not there');
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);
  const used = lengthOf(log);
  const found = { whole: 0, refused: 0 };
  for (let i = 0; i < 150; i++) {
    const at = i < 20 ? dice.below(4_096) : dice.below(used);
    const damaged = log.slice();
    damaged[at] = (damaged[at] as number) ^ (1 << dice.below(8));
    const sum = await outcome(path, name, damaged);
    if (sum === 30) found.whole++;
    else if (sum === 'REGALIA_CORRUPT' || sum === 'REGALIA_VERSION') found.refused++;
    else t.fail(`seed ${seed}, byte ${at}: ${sum}`);
  }
  t.ok(found.refused > 50, JSON.stringify(found));
  for (const length of [0, 8, 64, 4_096, used - 1, used / 2]) {
    const sum = await outcome(path, name, log.subarray(0, length));
    t.equal(sum, 'REGALIA_CORRUPT', `cut to ${Math.floor(length)}`);
  }
});

t.test('what was never flushed may be torn, and what follows it goes with it', async (t) => {
  const path = await abandoned('torn', 'none', 30);
  const [name = ''] = logsIn(path);
  const log = new Uint8Array(readFileSync(join(path, name)));
  const used = lengthOf(log);
  const sums = new Set<unknown>();
  for (let at = 4_096; at < used; at += 1_024) {
    const torn = log.slice();
    torn.fill(0, at, at + 512);
    const sum = await outcome(path, name, torn);
    sums.add(sum);
    t.type(sum, 'number', `torn at ${at}: ${sum}`);
  }
  t.ok(sums.size > 5, [...sums].join());
});

t.test('a log is written over once all of it is in the tables', async (t) => {
  const path = join(folder, 'long');
  const engine = await openLmdb(path);
  let largest = 0;
  for (let i = 0; i < 12_000; i++) {
    await engine.write((batch) => {
      batch.put('extents', i % 5_000, new Uint8Array(700).fill(i & 255));
      batch.put('meta', SUM, new Uint8Array(1 + (i % 200)));
    }, 'none');
    if (i % 500 > 0) continue;
    for (const name of logsIn(path)) {
      largest = Math.max(largest, readFileSync(join(path, name)).length);
    }
    for (let key = 0; key < Math.min(i, 5_000); key += 97) {
      const last = i - ((i - key) % 5_000);
      if (engine.get('extents', key)?.[0] !== (last & 255)) t.fail(`row ${key} after ${i}`);
    }
  }
  t.ok(largest > 0 && largest <= 4 << 20, `${largest} bytes`);
  t.equal(engine.count('extents'), 5_000);
  await setTimeout(1_500);
  t.equal([...engine.range('extents')].length, 5_000, 'and so when nothing was written for long');
  await engine.close();
});

t.test('a copy has what the log has', async (t) => {
  const path = join(folder, 'copied');
  const engine = await openLmdb(path);
  for (let i = 1; i <= 40; i++) {
    await engine.write((batch) => batch.put('extents', i, Uint8Array.of(i)), 'group');
  }
  const place = join(folder, 'copies');
  mkdirSync(place);
  const writes = Array.from({ length: 30 }, (_, i) =>
    engine.write((batch) => batch.put('extents', 100 + i, Uint8Array.of(i)), 'sync'),
  );
  await Promise.all([engine.backup(join(place, 'data.mdb')), ...writes]);
  await engine.close();
  const copy = await openLmdb(place);
  t.ok(copy.count('extents') >= 40, `${copy.count('extents')} rows`);
  for (let i = 1; i <= 40; i++) t.same(copy.get('extents', i), Uint8Array.of(i));
  await copy.close();
});

t.test('what is large goes into the tables, and stands above what is in the log', async (t) => {
  const path = join(folder, 'large');
  const engine = await openLmdb(path);
  const put = (fill: number, size: number) =>
    engine.write((batch) => {
      const before = batch.get('extents', 1)?.[0];
      batch.put('extents', 1, new Uint8Array(size).fill(fill));
      return before;
    }, 'sync');
  for (let i = 1; i <= 60; i++) {
    const size = i % 3 === 0 ? 100_000 : 10;
    t.equal(await put(i, size), i === 1 ? undefined : i - 1);
    t.equal(engine.get('extents', 1)?.length, size);
    if (i % 7 === 0) await engine.write((batch) => batch.del('extents', 2), 'none');
  }
  t.equal(engine.count('extents'), 1);
  await engine.close();
});

t.test(
  'processes that write and rest beside each other see each other, and lose nothing',
  async (t) => {
    const path = join(folder, 'beside');
    await (await openLmdb(path)).close();
    const runs = await Promise.all(
      ['0', '1', '2'].map((own) => run<number>(['rounds', path, own, '6'])),
    );
    for (const { code, stderr } of runs) t.equal(code, 0, stderr);
    const sums = runs.flatMap(({ lines }) => lines);
    t.equal(new Set(sums).size, 3 * 6 * 12, 'each counted for itself');
    const engine = await openLmdb(path);
    t.equal(engine.get('meta', SUM)?.length, sums.length);
    t.equal(engine.count('extents'), sums.length);
    for (const { key, bytes } of engine.range('extents')) {
      if (bytes.some((byte) => byte !== (key & 255))) t.fail(`row ${key}`);
    }
    await engine.close();
  },
);

/** A store with a log, and the parts of the file that a process that dies may have written. */
async function logged(name: string): Promise<{ path: string; engine: Engine; file: string }> {
  const path = join(folder, name);
  const engine = await openLmdb(path);
  for (let i = 0; i < 8; i++) await put(engine, i, 9, 1);
  return { path, engine, file: join(path, logsIn(path)[0] ?? '') };
}

function put(engine: Engine, key: number, size: number, fill: number): Promise<void> {
  const bytes = new Uint8Array(size).fill(fill);
  return engine.write((batch) => batch.put('extents', key, bytes), 'sync');
}

t.test('a record that was being appended by one who died does not come back', async (t) => {
  const { path, engine, file } = await logged('stray');
  const id = Uint8Array.from(Buffer.from(file.slice(-16), 'hex'));
  const log = new WalFile(path, id, false);
  const place = log.place() as WalPlace;
  const changes: Changes = new Map([['extents', new Map([[1, new Uint8Array(9).fill(66)]])]]);
  log.append(encodeRecord(id, place.last + 1, place.durable, changes), place.end);
  const reader = await run<unknown>(['probe', path, 'readOnly']);
  t.equal(reader.code, 0, 'who only reads may see it');
  await put(engine, 1, 40_000, 3);
  t.equal(engine.get('extents', 1)?.[0], 3);
  log.close();
  await engine.close();
  const again = await openLmdb(path);
  t.equal(again.get('extents', 1)?.[0], 3, 'what was acknowledged later stands');
  await again.close();
});

t.test('a store that was moved away leaves the log of the one in its place alone', async (t) => {
  const path = join(folder, 'moving');
  const moved = await openLmdb(path);
  for (let i = 0; i < 4; i++) await put(moved, i, 9, 1);
  renameSync(path, `${path}-away`);
  const other = await openLmdb(path);
  for (let i = 0; i < 9; i++) await put(other, i, 9, 2);
  const logs = logsIn(path);
  t.equal(logs.length, 1);
  await t.rejects(put(moved, 9, 9, 1), { code: 'REGALIA_IO' });
  await moved.close();
  t.same(logsIn(path), logs);
  await other.close();
  const again = await openLmdb(`${path}-away`);
  t.equal(again.count('extents'), 4);
  await again.close();
});

t.test('who only reads may back up what was left, with all that is in its log', async (t) => {
  const path = await abandoned('left-behind', 'sync', 25);
  const reader = await openLmdb(path, { readOnly: true });
  const place = join(folder, 'backups');
  mkdirSync(place);
  await reader.backup(join(place, 'data.mdb'));
  await reader.close();
  const copy = await openLmdb(place);
  t.equal(sumIn(copy), 25);
  await copy.close();
  t.equal(logsIn(path).length, 1);
});

t.test('a backup ends although others open and close the store meanwhile', async (t) => {
  const { path, engine } = await logged('opened-meanwhile');
  const place = join(folder, 'meanwhile');
  mkdirSync(place);
  let count = 8;
  const writing = (async () => {
    for (; count < 400; count++) await put(engine, count, 9, 1);
  })();
  const opening = Promise.all([1, 2, 3].map((key) => run(['create', path, `${1_000 + key}`])));
  await engine.backup(join(place, 'data.mdb'));
  await Promise.all([writing, opening]);
  t.equal(engine.count('extents'), 403);
  await engine.close();
  const copy = await openLmdb(place);
  t.ok(copy.count('extents') >= 8, `${copy.count('extents')} rows`);
  await copy.close();
});

t.test('closing waits for flushes', async (t) => {
  for (let round = 0; round < 5; round++) {
    const { engine } = await logged(`flushed-${round}`);
    const write = engine.write((batch) => batch.put('extents', 99, new Uint8Array(9)), 'none');
    const flush = write.then(() => engine.flush());
    await write;
    await engine.close();
    t.equal(
      await flush.then(
        () => 'flushed',
        (error: unknown) => `${error}`,
      ),
      'flushed',
    );
  }
});
