/** Directories in and out by the command: exact round trips, updates, and Ctrl-C. */
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { bare } from '../bare.js';
import { regalia, rowsOf, scratch } from './regalia.js';

/** Everything that a tree is but inodes, a line for each file, names and contents as hex. */
function picture(path: Buffer, at = ''): string[] {
  const { mode, uid, gid, size, mtimeNs, ...stats } = lstatSync(path, { bigint: true });
  const kind = Number(mode) >> 12;
  const facts = [at, mode.toString(8), uid, gid, mtimeNs];
  if (kind === 8) facts.push(size, readFileSync(path).toString('hex').slice(0, 100));
  if (kind === 10) facts.push(readlinkSync(path, { encoding: 'buffer' }).toString('hex'));
  if (kind !== 4) return [`${facts.join(' ')} ${stats.rdev}`];
  const names = readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare);
  const inner = names.flatMap((name) =>
    picture(Buffer.concat([path, Buffer.from('/'), name]), `${at}/${name.toString('hex')}`),
  );
  return [facts.join(' '), ...inner];
}

/**
 * Files of many sizes and modes, links, empty directories, names of any bytes, times of whole
 * microseconds.
 */
function oddTree(tree: string): void {
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48_271) % 2_147_483_647;
    return seed % below;
  };
  const folders = [tree];
  for (let i = 0; i < 12; i++) {
    const folder = join(folders[random(folders.length)] as string, `d${i} é水`);
    mkdirSync(folder);
    folders.push(folder);
  }
  for (let i = 0; i < 60; i++) {
    const folder = folders[random(folders.length)] as string;
    const odd = Buffer.from([0xff, 0x80 + i, 0x0a, 0x2d, i === 0x2f ? 1 : i || 1]);
    const name = i % 4 === 0 ? odd : Buffer.from(`-file ${i}`);
    const path = Buffer.concat([Buffer.from(`${folder}/`), name]);
    if (i % 7 === 0) symlinkSync(Buffer.from(`../odd\xfe${i}`, 'latin1'), path);
    else writeFileSync(path, Buffer.alloc(random(4) ** 8 * 3, `bytes of ${i} `));
    if (i % 7 !== 0) chmodSync(path, [0o644, 0o755, 0o400, 0o1777][i % 4] as number);
    lutimesSync(path, 1, 1_500_000_000 + i + 0.25);
  }
  for (const [i, folder] of folders.reverse().entries()) lutimesSync(folder, 1, 1_400_000_000 + i);
}

t.test('a tree comes back as it was, and a second import finds nothing to do', async (t) => {
  const dir = scratch(t);
  const [tree, store, copy] = [join(dir, 'tree'), join(dir, 'store'), join(dir, 'copy')];
  oddTree(tree);
  const [read] = await rowsOf(t, 'import', store, tree, '/data');
  t.match(read, { entries: 73, changed: 73, removed: 0, findings: 0, committed: true });
  t.match(await rowsOf(t, 'import', store, tree, '/data'), [{ changed: 0, committed: false }]);
  const [written] = await rowsOf(t, 'export', store, '/data', copy);
  t.match(written, { entries: 73, findings: 0 });
  t.same(picture(Buffer.from(copy)), picture(Buffer.from(tree)));
  t.match(await rowsOf(t, 'import', store, copy, '/data'), [{ changed: 0, committed: false }]);
  t.match(await regalia(['export', store, '/data', copy]), { exit: 3, err: /REGALIA_EXISTS/ });
  t.match(await regalia(['export', store, '/none', join(dir, 'x')]), { exit: 3, err: /NOT_FOUND/ });
  t.match(await regalia(['import', store, join(dir, 'none')]), { exit: 3, err: /NOT_FOUND/ });
  t.equal((await regalia(['verify', store])).exit, 0);
});

t.test('an import after edits commits only what changed', async (t) => {
  const dir = scratch(t);
  const [tree, store] = [join(dir, 'tree'), join(dir, 'store')];
  oddTree(tree);
  writeFileSync(join(tree, 'gone'), 'gone');
  writeFileSync(join(tree, 'kept'), 'kept');
  lutimesSync(tree, 1, 1);
  await rowsOf(t, 'import', store, tree);
  await rowsOf(t, 'tag', store, 'before');
  rmSync(join(tree, 'gone'));
  writeFileSync(join(tree, 'kept'), 'edited');
  writeFileSync(join(tree, 'new'), 'new');
  lutimesSync(tree, 1, 1);
  const [read] = await rowsOf(t, 'import', store, tree, '-m', 'edits');
  t.match(read, { entries: 75, changed: 2, removed: 1, bytes: 9, message: 'edits' });
  const { exit, rows } = await regalia(['diff', store, 'before', 'main', '--json']);
  t.equal(exit, 1);
  t.same(rows, [
    { key: '/gone', kind: 'removed' },
    { key: '/kept', stream: 'content', kind: 'changed' },
    { key: '/kept', stream: 'stat', kind: 'changed' },
    { key: '/new', kind: 'added' },
  ]);
  await rowsOf(t, 'export', store, '/', join(dir, 'old'), '--at', 'before');
  t.equal(readFileSync(join(dir, 'old/gone'), 'utf8'), 'gone');
  t.match((await rowsOf(t, 'ls', store))[0], { kind: /directory|file|symlink/, streams: Array });
});

t.test('a store within the directory is not imported into itself', async (t) => {
  const dir = scratch(t);
  await rowsOf(t, 'import', join(dir, 'tree/store'), join(dir, 'tree'));
  t.match(await rowsOf(t, 'import', join(dir, 'tree/store'), join(dir, 'tree')), [{ entries: 1 }]);
});

const MAIN = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));

/** Runs the command as a process, and interrupts it once `ready` says so. */
async function interrupted(args: string[], ready: (out: string) => boolean) {
  const child = spawn(...bare(process.execPath, MAIN, ...args));
  let out = '';
  let err = '';
  child.stderr.on('data', (text) => (err += text));
  child.stdout.on('data', (text) => (out += text));
  const poll = setInterval(() => {
    if (!ready(out)) return;
    clearInterval(poll);
    child.kill('SIGINT');
  }, 2);
  const signal = await new Promise((resolve) => child.on('close', (_, by) => resolve(by)));
  return { signal, out, err };
}

t.test('Ctrl-C ends an import with nothing changed, and the store goes on', async (t) => {
  const dir = scratch(t);
  const [tree, store] = [join(dir, 'tree'), join(dir, 'store')];
  // Far more than is imported between the first bytes stored and the signal heard.
  for (let i = 0; i < 5_000; i++) {
    const bytes = Buffer.alloc(40_000, `${i}`);
    bytes.set(randomBytes(20_000));
    writeFileSync(join(tree, `${i}`), bytes);
  }
  await rowsOf(t, 'init', store);
  const volume = join(store, 'volumes/1');
  const { signal, err } = await interrupted(['import', store, tree], () =>
    readdirSync(volume).some((name) => lstatSync(join(volume, name)).size > 4_096),
  );
  t.equal(signal, 'SIGINT');
  t.match(err, /REGALIA_ABORTED/);
  t.equal((await rowsOf(t, 'log', store)).length, 1);
  t.match(await rowsOf(t, 'import', store, tree), [{ changed: 5_001, committed: true }]);
  t.equal((await regalia(['verify', store])).exit, 0);
});

t.test('watch prints commits as they are published, until Ctrl-C', async (t) => {
  const dir = scratch(t);
  const store = join(dir, 'store');
  await rowsOf(t, 'init', store);
  let puts = 0;
  const timer = setInterval(() => void regalia(['put', store, '/k', 's'], `${puts++}`), 150);
  const { signal, out } = await interrupted(['watch', store, '--json'], (text) => text !== '');
  clearInterval(timer);
  t.equal(signal, 'SIGINT');
  t.match(JSON.parse(out.split('\n')[0] as string), { message: 'put /k s' });
});
