/** The listing and the walk: order, odd names, bounds, exclusion, faults. */
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { sortedNames } from '../../src/fs/listing.js';
import { byteText, osPath } from '../../src/fs/os.js';
import { Walk } from '../../src/fs/walk.js';
import { isRegaliaError } from '../../src/ground/errors.js';

function shown(walk: Walk): string[] {
  const root = walk.path;
  const lines: string[] = [];
  for (const event of walk) {
    const path = walk.path.slice(root.length + 1);
    if (event.kind === 'leave') lines.push(event.whole ? 'leave' : 'leave early');
    else if (event.kind !== 'pause') lines.push(`${event.kind} ${path}`);
  }
  return lines;
}

t.test('a listing is sorted by bytes, whatever the size of its runs', async (t) => {
  const dir = t.testdir();
  const names = Array.from({ length: 300 }, (_, i) => Buffer.from(`n${(i * 7919) % 1000}`));
  names.push(Buffer.from('é'), Buffer.from([0xff, 0xfe]), Buffer.from([0x80]), Buffer.from(' \n'));
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${dir}/`), name]), '');
  const expected = names.sort(Buffer.compare).map((name) => name.toString('latin1'));
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 400 }),
      fc.integer({ min: 1, max: 8 }),
      (runNames, runs) => {
        const names = [...sortedNames(byteText(dir), { runNames, runs })];
        return names.filter((name) => name !== undefined).join('/') === expected.join('/');
      },
    ),
    { numRuns: 30 },
  );
});

t.test('scratch files go with the listing, also when it is left early', async (t) => {
  const dir = t.testdir({ names: {}, scratch: {} });
  for (let i = 0; i < 100; i++) writeFileSync(join(dir, 'names', String(i)), '');
  const scratch = join(dir, 'scratch');
  const options = { runNames: 5, runs: 4, scratch };
  const names = sortedNames(byteText(join(dir, 'names')), options);
  if (Array.isArray(names)) throw new Error('a listing beyond one run is no array');
  names.next();
  while (names.next().value === undefined);
  t.equal(readdirSync(scratch).length, 1);
  names.return();
  t.equal(readdirSync(scratch).length, 0);
});

t.test('a walk goes depth first and does not follow links', async (t) => {
  const dir = t.testdir({ b: { y: '', x: { z: '' } }, a: '', 'b.txt': '', empty: {} });
  symlinkSync('b', join(dir, 'c'));
  t.same(shown(new Walk(dir)), [
    ...['enter ', 'leaf a', 'enter b', 'enter b/x', 'leaf b/x/z', 'leave', 'leaf b/y', 'leave'],
    ...['leaf b.txt', 'leaf c', 'enter empty', 'leave', 'leave'],
  ]);
});

t.test('a root may be a link to a directory', async (t) => {
  const dir = t.testdir({ real: { a: '' } });
  symlinkSync('real', join(dir, 'link'));
  t.same(shown(new Walk(join(dir, 'link'))), ['enter ', 'leaf a', 'leave']);
});

t.test('an excluded folder is passed over, however it is spelled', async (t) => {
  const dir = t.testdir({ store: { data: '' }, a: '' });
  symlinkSync('store', join(dir, 'alias'));
  const expected = ['enter ', 'leaf a', 'leaf alias', 'leave'];
  t.same(shown(new Walk(dir, { exclude: [join(dir, 'store')] })), expected);
  t.same(shown(new Walk(dir, { exclude: [join(dir, 'alias'), join(dir, 'none')] })), expected);
});

t.test('names that are not UTF-8 have a path of their own', async (t) => {
  const dir = t.testdir();
  const odd = Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xe9, 0x61])]);
  mkdirSync(odd);
  writeFileSync(Buffer.concat([odd, Buffer.from('/é')]), 'x');
  const walk = new Walk(dir);
  const paths = [...walk].map(() => walk.path);
  t.same(osPath(paths[2]), Buffer.concat([odd, Buffer.from('/é')]));
});

t.test('a directory that cannot be read is an error, and the walk goes on', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-walk-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  for (const name of ['a', 'z']) mkdirSync(join(dir, name));
  chmodSync(dir, 0o755);
  chmodSync(join(dir, 'a'), 0);
  const lines = unprivileged(() => shown(new Walk(dir)));
  t.same(lines, ['enter ', 'enter a', 'error a', 'leave early', 'enter z', 'leave', 'leave']);
});

/** Runs as a user whom permissions bind: root may read everything. */
function unprivileged<T>(run: () => T): T {
  if (process.getuid?.() !== 0) return run();
  process.seteuid?.(65_534);
  try {
    return run();
  } finally {
    process.seteuid?.(0);
  }
}

t.test('a root that is no directory is refused', async (t) => {
  const dir = t.testdir({ a: '' });
  const codeOf = (root: string) => {
    try {
      shown(new Walk(root));
    } catch (error) {
      return isRegaliaError(error) ? error.code : error;
    }
    return undefined;
  };
  t.equal(codeOf(join(dir, 'none')), 'REGALIA_NOT_FOUND');
  t.equal(codeOf(join(dir, 'a')), 'REGALIA_OPTION');
});
