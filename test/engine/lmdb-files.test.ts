/**
 * Files that cannot be trusted. Each is opened, read and written in a child, since LMDB maps what
 * it is given: every one must end in the right answer or a coded error. A flip may also strike
 * rows, which carry no checksum here: those flips may change contents, which our readers verify,
 * but must not kill what a header check can see.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { openLmdb } from '../../src/engine/lmdb.js';
import { bare } from '../bare.js';
import { CHILD, run, works } from './child.js';

const folder = t.testdir();

interface Outcome {
  readonly code?: string;
  readonly rows?: number;
  readonly heads?: string[];
  readonly died?: string;
}

/** What a child makes of each folder. Where it dies the next child goes on behind. */
async function probe(paths: readonly string[], mode = ''): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < paths.length) {
    const rest = paths.slice(outcomes.length).join(':');
    const { lines, code, signal, stderr } = await run<Outcome>(['probe', rest, mode]);
    outcomes.push(...lines);
    if (signal !== null || code !== 0) {
      outcomes.push({ died: `${signal ?? code} ${stderr.slice(0, 400)}` });
    }
  }
  return outcomes;
}

async function makeStore(path: string): Promise<void> {
  const engine = await openLmdb(path);
  await engine.write((batch) => {
    for (let i = 0; i < 40; i++) batch.put('extents', i, new Uint8Array(100 + i * 300));
  }, 'sync');
  await engine.write(
    (batch) => batch.put('heads', new Uint8Array([1]), new Uint8Array([65])),
    'sync',
  );
  await engine.write((batch) => batch.del('extents', 3), 'sync');
  await engine.close();
}

/** The bytes were changed where they are. */
function inPlace(_done: unknown): undefined {}

let count = 0;
function variant(original: Buffer, change: (bytes: Buffer) => Buffer | undefined): string {
  const path = join(folder, `variant-${count++}`);
  mkdirSync(path);
  const bytes = Buffer.from(original);
  writeFileSync(join(path, 'data.mdb'), change(bytes) ?? bytes);
  return path;
}

const sound = join(folder, 'sound');
await makeStore(sound);
const original = readFileSync(join(sound, 'data.mdb'));

t.test('a sound copy opens', async (t) => {
  t.match(await probe([variant(original, () => undefined)]), [{ rows: 39, heads: ['A'] }]);
});

t.test('files that are no data files are refused by code', async (t) => {
  const cases: [string, string, (bytes: Buffer) => Buffer | undefined][] = [
    ['an empty file', 'REGALIA_CORRUPT', () => Buffer.alloc(0)],
    ['zeros', 'REGALIA_CORRUPT', (bytes) => Buffer.alloc(bytes.length)],
    ['a zeroed first page', 'REGALIA_CORRUPT', (bytes) => bytes.fill(0, 0, 4_096)],
    ['a zeroed second page', 'REGALIA_CORRUPT', (bytes) => bytes.fill(0, 4_096, 8_192)],
    [
      'text',
      'REGALIA_FORMAT',
      () => Buffer.from('a text that is longer than a page header '.repeat(300)),
    ],
    ['another byte order', 'REGALIA_VERSION', (bytes) => inPlace(bytes.subarray(24, 28).reverse())],
    ['another version', 'REGALIA_VERSION', (bytes) => inPlace(bytes.writeUInt32LE(1, 28))],
    ['a page size of zero', 'REGALIA_CORRUPT', (bytes) => inPlace(bytes.writeUInt32LE(0, 48))],
    ['a huge page size', 'REGALIA_CORRUPT', (bytes) => inPlace(bytes.writeUInt32LE(1 << 30, 48))],
    [
      'both metas of one transaction',
      'REGALIA_CORRUPT',
      (bytes) => void bytes.copy(bytes, 152, 4_248, 4_256),
    ],
    [
      'an old meta',
      'REGALIA_CORRUPT',
      (bytes) => inPlace(bytes.fill(0, 152, 160).writeUInt8(1, 152)),
    ],
    ['a single page', 'REGALIA_CORRUPT', (bytes) => bytes.subarray(0, 4_096)],
    ['half a header', 'REGALIA_CORRUPT', (bytes) => bytes.subarray(0, 100)],
  ];
  for (const mode of ['', 'readOnly']) {
    const outcomes = await probe(
      cases.map(([, , change]) => variant(original, change)),
      mode,
    );
    for (const [i, [name, code]] of cases.entries())
      t.match(outcomes[i], { code }, `${name} ${mode}`);
  }
});

t.test('files cut short are refused, or whole as far as it matters', async (t) => {
  const pages = original.length / 4_096;
  const lengths = [1, 23, 24, 151, 152, 4_095, 4_096, 4_120, 8_191, 8_192];
  for (let page = 3; page <= pages; page += Math.ceil(pages / 24))
    lengths.push(page * 4_096, page * 4_096 - 1);
  lengths.push(original.length - 1, original.length - 4_096);
  const outcomes = await probe(
    lengths.map((length) => variant(original, (bytes) => bytes.subarray(0, length))),
  );
  lengths.forEach((length, i) => {
    const outcome = outcomes[i] as Outcome;
    const fine =
      outcome.code === 'REGALIA_CORRUPT' ||
      (outcome.rows === 39 && length >= original.length - 8_192);
    t.ok(fine, `cut to ${length} of ${original.length} bytes: ${JSON.stringify(outcome)}`);
  });
});

t.test('a flipped bit in a header never kills', async (t) => {
  const points: [number, number][] = [];
  for (const base of [0, 4_096]) {
    for (let at = 0; at < 168; at++) points.push([base + at, (at * 5 + base / 4_096) % 8]);
  }
  const flip = ([at, bit]: [number, number]): string =>
    variant(original, (bytes) => inPlace(bytes.writeUInt8(bytes.readUInt8(at) ^ (1 << bit), at)));
  const outcomes = await probe(points.map(flip));
  const kinds: Record<string, number> = {};
  const bad: string[] = [];
  outcomes.forEach((outcome, i) => {
    const right = outcome.rows === 39 && outcome.heads?.[0] === 'A';
    const kind =
      outcome.died !== undefined ? 'died' : (outcome.code ?? (right ? 'right' : 'wrong'));
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    // A newest meta page with the number of the one that it replaced looks like one that a power
    // cut took.
    const replaced = (points[i] as [number, number]).join() === '4248,1';
    if (kind === 'wrong' && replaced) return;
    if (kind === 'died' || kind === 'wrong') bad.push(`${points[i]}: ${JSON.stringify(outcome)}`);
  });
  t.comment(`${points.length} flips: ${JSON.stringify(kinds)}`);
  t.same(bad, []);
});

t.test('opening by options and permissions', async (t) => {
  await t.rejects(openLmdb(join(folder, 'absent'), { create: false }), {
    code: 'REGALIA_NOT_FOUND',
  });
  await t.rejects(openLmdb(join(folder, 'absent'), { readOnly: true }), {
    code: 'REGALIA_NOT_FOUND',
  });
  t.notOk(existsSync(join(folder, 'absent')), 'a refused open leaves nothing behind');
  const file = join(folder, 'file');
  writeFileSync(file, 'x');
  // A file where a folder is needed.
  await t.rejects(openLmdb(join(file, 'store')), { code: 'REGALIA_EXISTS', data: { name: file } });
  await t.rejects(openLmdb(file), { code: 'REGALIA_EXISTS', data: { errno: 'ENOTDIR' } });
  await t.rejects(openLmdb(file, { create: false }), {
    code: 'REGALIA_NOT_FOUND',
    data: { errno: 'ENOTDIR' },
  });
  t.same(readFileSync(file, 'utf8'), 'x');
  const fresh = join(folder, 'deep', 'er', 'fresh');
  await (await openLmdb(fresh)).close();
  t.equal(statSync(fresh).mode & 0o777, 0o700, "a folder is its owner's");
  for (const name of readdirSync(fresh))
    t.equal(statSync(join(fresh, name)).mode & 0o777, 0o600, `${name}, too`);
  t.same(readdirSync(join(folder, 'deep', 'er')), ['fresh'], 'nothing is left beside');
  const taken = join(folder, 'taken');
  mkdirSync(taken);
  await (await openLmdb(taken)).close();
  t.ok(existsSync(join(taken, 'data.mdb')), 'an empty folder is used');
});

const mounts = process.getuid?.() === 0 && works('unshare', '-m', 'true');
t.test('media that can only be read', { skip: !mounts && 'needs to mount' }, async (t) => {
  const path = join(folder, 'medium');
  await makeStore(path);
  const script = `mount --bind ${path} ${path} && mount -o remount,bind,ro ${path} && exec "$@"`;
  const command = ['-m', 'sh', '-c', script, 'sh', process.execPath, CHILD, 'probe', path];
  const read = (mode: string) =>
    JSON.parse(execFileSync(...bare('unshare', ...command, mode), { encoding: 'utf8' })) as Outcome;
  t.match(read('readOnly'), { rows: 39, heads: ['A'] }, 'opens for reading');
  t.match(read(''), { code: 'REGALIA_PERMISSION' }, 'and not for writing');
  rmSync(join(path, 'lock.mdb'));
  t.match(read('readOnly'), { rows: 39, heads: ['A'] }, 'also where there is no lock file');
});

t.test(
  'permissions refused',
  { skip: process.getuid?.() === 0 && 'root is refused nothing' },
  async (t) => {
    chmodSync(join(sound, 'data.mdb'), 0);
    await t.rejects(openLmdb(sound), { code: 'REGALIA_PERMISSION' });
    chmodSync(join(sound, 'data.mdb'), 0o600);
  },
);

t.test('a backup is a sound file of its own', async (t) => {
  const path = join(folder, 'backed');
  await makeStore(path);
  const engine = await openLmdb(path);
  const copy = join(folder, 'copy.mdb');
  const writing = (async () => {
    for (let i = 0; i < 50; i++) {
      await engine.write((batch) => batch.put('addressLog', i, new Uint8Array(4_000)), 'group');
    }
  })();
  await engine.backup(copy);
  await writing;
  await t.rejects(engine.backup(copy), { code: 'REGALIA_EXISTS' }, 'which replaces nothing');
  t.equal(statSync(copy).mode & 0o777, 0o600);
  const restored = join(folder, 'restored');
  mkdirSync(restored);
  copyFileSync(copy, join(restored, 'data.mdb'));
  t.match(await probe([restored]), [{ rows: 39, heads: ['A'] }]);
  await engine.close();
});

t.test('free pages are counted', async (t) => {
  const path = join(folder, 'freed');
  const engine = await openLmdb(path);
  await engine.write((batch) => {
    for (let i = 0; i < 100; i++) batch.put('extents', i, new Uint8Array(8_000));
  }, 'none');
  const before = engine.stats();
  await engine.write((batch) => {
    for (let i = 0; i < 100; i++) batch.del('extents', i);
  }, 'none');
  await engine.write((batch) => batch.put('extents', 1, new Uint8Array(1)), 'none');
  const after = engine.stats();
  t.ok(before.bytes > 800_000 && before.freeBytes < 100_000, JSON.stringify(before));
  t.ok(after.freeBytes > 700_000, JSON.stringify(after));
  await engine.close();
});
