/**
 * Import and export of real trees: round trips, updates, faults, and targets that must not be
 * touched.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import fs, {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { exportTree } from '../../src/fs/export.js';
import type { TreeWriter } from '../../src/fs/face.js';
import { importTree, runImport } from '../../src/fs/import.js';
import { byteText } from '../../src/fs/os.js';
import { decodeStat, encodeStat, type FileStat } from '../../src/fs/stat.js';
import { ExactTimes } from '../../src/fs/times.js';
import { ModelTree } from './model.js';

const ROOT = process.getuid?.() === 0;
const MTIME_SLACK_NS = 1_000n;

function folder(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-tree-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

/** Everything that a tree is, one line a file, names as hex. */
function picture(path: Buffer, at = ''): { line: string; mtimeNs: bigint }[] {
  const stats = lstatSync(path, { bigint: true });
  const facts = [at, stats.mode.toString(8), stats.uid, stats.gid];
  if (stats.isFile()) facts.push(readFileSync(path).toString('hex').slice(0, 200), stats.size);
  if (stats.isSymbolicLink())
    facts.push(readlinkSync(path, { encoding: 'buffer' }).toString('hex'));
  const rows = [{ line: facts.join(' '), mtimeNs: stats.mtimeNs }];
  if (!stats.isDirectory()) return rows;
  for (const name of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare)) {
    rows.push(
      ...picture(Buffer.concat([path, Buffer.from('/'), name]), `${at}/${name.toString('hex')}`),
    );
  }
  return rows;
}

function sameTree(t: Test, one: string, other: string): void {
  const [a, b] = [picture(Buffer.from(one)), picture(Buffer.from(other))];
  t.same(
    a.map((row) => row.line),
    b.map((row) => row.line),
  );
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const off = a[i].mtimeNs - b[i].mtimeNs;
    if (off >= MTIME_SLACK_NS || off <= -MTIME_SLACK_NS) t.fail(`${a[i].line}: ${off} ns off`);
  }
}

function oddTree(dir: string): string {
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'deep/er/empty'), { recursive: true });
  writeFileSync(join(tree, 'small'), 'hello');
  writeFileSync(join(tree, 'none'), '');
  writeFileSync(join(tree, 'deep/large'), Buffer.alloc(300_000, 'abc'));
  writeFileSync(join(tree, 'deep/edge'), Buffer.alloc(65_536, 1));
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0x80, 0x61])]), 'odd');
  writeFileSync(join(tree, 'é水 \n"'), 'unicode');
  writeFileSync(join(tree, '__proto__'), 'proto');
  symlinkSync('../nowhere', join(tree, 'deep/broken'));
  symlinkSync('/etc', join(tree, 'absolute'));
  symlinkSync(Buffer.from([0xfe, 0x2f]), join(tree, 'oddlink'));
  linkSync(join(tree, 'small'), join(tree, 'twin'));
  chmodSync(join(tree, 'small'), 0o4751);
  chmodSync(join(tree, 'deep/er'), 0o2500);
  if (ROOT) chownSync(join(tree, 'none'), 1234, 5678);
  lutimesSync(join(tree, 'deep/broken'), 1_600_000_000.5, 1_500_000_000.25);
  lutimesSync(join(tree, 'none'), new Date(-5_000_500), new Date(-5_000_500));
  lutimesSync(join(tree, 'deep/er'), 1, 1_234_567_890.123456);
  lutimesSync(tree, 1, 987_654_321);
  return tree;
}

t.test('a tree comes back as it was', async (t) => {
  const dir = folder(t);
  const tree = oddTree(dir);
  const store = new ModelTree();
  const read = await importTree(store, tree, '/backup/mine');
  t.match(read, { entries: 15, changed: 15, removed: 0, findings: [] });
  const written = await exportTree(store, '/backup/mine', join(dir, 'copy'), { owners: ROOT });
  t.match(written, { entries: 15, bytes: read.bytes, findings: [] });
  sameTree(t, tree, join(dir, 'copy'));
});

t.test('times come back to the nanosecond where another program can set them', async (t) => {
  const dir = folder(t);
  const tree = oddTree(dir);
  for (let i = 0; i < 200; i++) writeFileSync(join(tree, `-${i}\n`), '');
  const store = new ModelTree();
  await importTree(store, tree, '/k');
  const programs = spawnSync('perl', ['-e', '1']).status === 0;
  const options = { owners: ROOT, times: 'exact' as const };
  const { findings } = await exportTree(store, '/k', join(dir, 'copy'), options);
  if (!programs) return t.match(findings, [{ code: 'TIMES' }]);
  t.same(findings, []);
  return t.same(picture(Buffer.from(tree)), picture(Buffer.from(join(dir, 'copy'))));
});

t.test('where there is no such program, times are near and a finding says so', async (t) => {
  const dir = folder(t);
  const { PATH } = process.env;
  writeFileSync(join(dir, 'f'), '');
  const store = new ModelTree();
  await importTree(store, dir, '/k');
  store.put('/k/f', 'stat', encodeStat({ ...plain, mtimeNs: 1_000_000_000_000_000_001n }));
  process.env['PATH'] = '/nonexistent';
  const done = exportTree(store, '/k', join(dir, 'copy'), { times: 'exact', owners: false });
  t.match(await done.finally(() => (process.env['PATH'] = PATH)), {
    entries: 2,
    findings: [{ code: 'TIMES', path: join(dir, 'copy') }],
  });
});

t.test('both programs set the same times', async (t) => {
  const dir = folder(t);
  for (const name of ['-a', 'b\n c']) writeFileSync(join(dir, name), '');
  symlinkSync('nowhere', join(dir, 'link'));
  for (const platform of ['linux', 'other']) {
    for (const ns of [1_700_000_000_123_456_789n, -1n, -1_500_000_001n, 7n]) {
      const times = new ExactTimes(platform);
      for (const name of ['-a', 'b\n c', 'link']) times.set(byteText(join(dir, name)), ns);
      t.equal(await times.close(), undefined, platform);
      for (const name of ['-a', 'b\n c', 'link']) {
        t.equal(lstatSync(join(dir, name), { bigint: true }).mtimeNs, ns, `${platform} ${name}`);
      }
    }
  }
  const times = new ExactTimes('linux');
  times.set(byteText(join(dir, 'none/none')), 1n);
  t.equal(await times.close(), 'perl: 1');
});

t.test('an exported tree imports as unchanged', async (t) => {
  const dir = folder(t);
  const store = new ModelTree();
  await importTree(store, oddTree(dir), ['k']);
  await exportTree(store, ['k'], join(dir, 'copy'), { owners: ROOT });
  store.calls.length = 0;
  t.match(await importTree(store, join(dir, 'copy'), ['k']), { changed: 0, removed: 0, bytes: 0 });
  t.same(store.calls, []);
});

t.test('a second import reads and writes only what differs', async (t) => {
  const dir = folder(t);
  const tree = oddTree(dir);
  const store = new ModelTree();
  await importTree(store, tree, '/k');
  store.calls.length = 0;
  appendFileSync(join(tree, 'small'), ' world');
  unlinkSync(join(tree, 'é水 \n"'));
  rmSync(join(tree, 'deep/broken'));
  chmodSync(join(tree, 'none'), 0o600);
  lutimesSync(tree, 1, 987_654_321);
  lutimesSync(join(tree, 'deep'), 1, 5);
  const again = await importTree(store, tree, '/k');
  t.match(again, { removed: 2, findings: [] });
  t.same(store.calls, [
    ...['put k/deep stat', 'del k/deep/broken', 'put k/none content', 'put k/none stat'],
    ...['put k/small content', 'put k/small stat', 'put k/twin content', 'put k/twin stat'],
    'del k/é水 \n"',
  ]);
  await exportTree(store, '/k', join(dir, 'copy'), { owners: ROOT });
  sameTree(t, tree, join(dir, 'copy'));
});

t.test('what becomes another kind of file leaves nothing of the former behind', async (t) => {
  const dir = folder(t);
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/b/c'), 'x');
  writeFileSync(join(tree, 'f'), 'x');
  writeFileSync(join(tree, 'g'), 'x');
  const store = new ModelTree();
  await importTree(store, tree, '/');
  rmSync(join(tree, 'a'), { recursive: true });
  writeFileSync(join(tree, 'a'), 'now a file');
  unlinkSync(join(tree, 'f'));
  mkdirSync(join(tree, 'f/sub'), { recursive: true });
  unlinkSync(join(tree, 'g'));
  symlinkSync('a', join(tree, 'g'));
  await importTree(store, tree, '/');
  t.equal(store.entry('/f')?.get('content'), undefined);
  t.equal(store.entry('/g')?.get('content'), undefined);
  await exportTree(store, '/', join(dir, 'copy'));
  sameTree(t, tree, join(dir, 'copy'));
});

t.test('other streams of an entry survive an update', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'f'), 'one');
  const store = new ModelTree();
  await importTree(store, dir, '/k');
  store.put('/k/f', 'acl', new Uint8Array([1]));
  writeFileSync(join(dir, 'f'), 'another');
  await importTree(store, dir, '/k');
  t.equal(store.entry('/k/f')?.get('acl')?.size, 1);
  t.same(await store.entry('/k/f')?.get('content')?.bytes(), Buffer.from('another'));
});

t.test('a rename is a removal and an addition', async (t) => {
  const dir = folder(t);
  for (let i = 0; i < 1_200; i++) writeFileSync(join(dir, `n${i}`), '');
  const store = new ModelTree();
  await importTree(store, dir, '/k');
  for (let i = 0; i < 1_100; i++) renameSync(join(dir, `n${i}`), join(dir, `m${i}`));
  t.match(await importTree(store, dir, '/k'), { removed: 1_100, entries: 1_201 });
  t.equal([...store.children('/k')].length, 1_200);
});

t.test('what cannot be read is a finding, and the store keeps what it has', async (t) => {
  const dir = folder(t);
  const tree = join(dir, 'tree');
  mkdirSync(join(tree, 'closed'), { recursive: true });
  writeFileSync(join(tree, 'closed/in'), 'x');
  writeFileSync(join(tree, 'secret'), 'x');
  writeFileSync(join(tree, 'open'), 'x');
  const store = new ModelTree();
  await importTree(store, tree, '/k');
  chmodSync(dir, 0o755);
  chmodSync(join(tree, 'closed'), 0);
  chmodSync(join(tree, 'secret'), 0);
  writeFileSync(join(tree, 'open'), 'yy');
  if (ROOT) process.seteuid?.(65_534);
  const read = await importTree(store, tree, '/k').finally(() => ROOT && process.seteuid?.(0));
  t.same(
    read.findings.map(({ path, code }) => [path, code]),
    [
      [join(tree, 'closed'), 'EACCES'],
      [join(tree, 'secret'), 'EACCES'],
    ],
  );
  t.ok(store.entry('/k/closed/in'));
  t.equal(store.entry('/k/secret')?.get('content')?.size, 1);
  t.equal(store.entry('/k/open')?.get('content')?.size, 2);
  chmodSync(join(tree, 'closed'), 0o700);
});

t.test('fifos are kept by their stat and not opened; an export reports them', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'tree'));
  execFileSync('mkfifo', [join(dir, 'tree/pipe')]);
  const store = new ModelTree();
  t.match(await importTree(store, join(dir, 'tree'), '/k'), { findings: [], changed: 2 });
  const bytes = store.entry('/k/pipe')?.get('stat')?.inline;
  t.equal(decodeStat(bytes as Uint8Array).kind, 'fifo');
  const { findings } = await exportTree(store, '/k', join(dir, 'copy'));
  t.match(findings, [{ code: 'SPECIAL', path: join(dir, 'copy/pipe') }]);
});

t.test('a store within the tree is not imported', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'store'));
  writeFileSync(join(dir, 'store/data'), 'x');
  const store = new ModelTree();
  await importTree(store, dir, '/k', { exclude: [join(dir, 'store')] });
  t.same([...store.children('/k')], []);
});

t.test(
  'an aborted signal stops both at once, and long work gives the event loop its turn',
  async (t) => {
    const dir = folder(t);
    for (let i = 0; i < 3_000; i++) writeFileSync(join(dir, `f${i}`), 'some bytes');
    const signal = AbortSignal.abort(new Error('stop'));
    const store = new ModelTree();
    await t.rejects(importTree(store, dir, '/k', { signal }), { code: 'REGALIA_ABORTED' });
    let turns = 0;
    let reports = 0;
    const timer = setInterval(() => turns++, 1);
    await importTree(store, dir, '/k', { onProgress: () => reports++ });
    clearInterval(timer);
    t.ok(turns > 2, `${turns} turns`);
    t.ok(reports > 2, `${reports} reports`);
    await t.rejects(exportTree(store, '/k', join(dir, 'x'), { signal }), {
      code: 'REGALIA_ABORTED',
    });
    const controller = new AbortController();
    const onProgress = () => controller.abort();
    const options = { signal: controller.signal, onProgress, reread: true };
    await t.rejects(importTree(store, dir, '/k', options), { code: 'REGALIA_ABORTED' });
  },
);

t.test('a long listing gives the event loop its turn before its first name', async (t) => {
  const dir = folder(t);
  for (let i = 0; i < 400; i++) writeFileSync(join(dir, `f${i}`), '');
  let now = 0;
  let rests = 0;
  const clock = () => (now += 5);
  const store = new ModelTree();
  const onProgress = ({ entries }: { entries: number }) => (rests += entries === 1 ? 1 : 0);
  await runImport(store, dir, '/k', { clock, onProgress, runNames: 20, runs: 5 });
  t.ok(rests >= 20, `${rests} rests`);
});

t.test('an export touches nothing that is there', async (t) => {
  const dir = folder(t);
  const store = new ModelTree();
  store.put('/k/a', 'content', Buffer.from('x'));
  mkdirSync(join(dir, 'full'));
  writeFileSync(join(dir, 'full/mine'), 'mine');
  mkdirSync(join(dir, 'victim'));
  symlinkSync('victim', join(dir, 'link'));
  writeFileSync(join(dir, 'file'), 'mine');
  for (const target of ['full', 'link', 'file']) {
    const refused = exportTree(store, '/k', join(dir, target));
    await t.rejects(refused, { code: 'REGALIA_EXISTS' }, target);
  }
  await t.rejects(exportTree(store, '/k/a', join(dir, 'file')), { code: 'REGALIA_EXISTS' });
  await t.rejects(exportTree(store, '/none', join(dir, 'new')), { code: 'REGALIA_NOT_FOUND' });
  t.same(readdirSync(join(dir, 'victim')), []);
  mkdirSync(join(dir, 'vacant'));
  await exportTree(store, '/k', join(dir, 'vacant'));
  await exportTree(store, '/k/a', join(dir, 'single'));
  t.equal(readFileSync(join(dir, 'vacant/a'), 'utf8'), 'x');
  t.equal(readFileSync(join(dir, 'single'), 'utf8'), 'x');
});

const plain: FileStat = {
  kind: 'file',
  mode: 0o644,
  uid: 0,
  gid: 0,
  size: 1,
  mtimeNs: 1_000_000_000_000_000_000n,
};

t.test('hostile entries stay within the target', async (t) => {
  const dir = folder(t);
  mkdirSync(join(dir, 'victim'));
  const link = encodeStat({ ...plain, kind: 'symlink', target: Buffer.from('../victim') });
  const store = new ModelTree();
  // A link with children: what is below it must not be written through it.
  store.put('/k/link', 'stat', link);
  store.put('/k/link/evil', 'content', Buffer.from('x'));
  // A broken stat, a file with children, an entry with nothing but another stream.
  store.put('/k/broken', 'stat', Buffer.from('nonsense'));
  store.put('/k/broken', 'content', Buffer.from('y'));
  store.put('/k/mixed', 'stat', encodeStat(plain));
  store.put('/k/mixed/child', 'content', Buffer.from('x'));
  store.put('/k/tag', 'note', Buffer.from('x'));
  const { findings } = await exportTree(store, '/k', join(dir, 'out'));
  t.same(findings.map(({ code }) => code).sort(), ['MIXED', 'MIXED', 'STAT']);
  t.same(readdirSync(join(dir, 'victim')), []);
  t.same(readdirSync(join(dir, 'out')).sort(), ['broken', 'link', 'mixed', 'tag']);
  t.ok(lstatSync(join(dir, 'out/tag')).isDirectory());
});

t.test('names that leave the target are refused', async (t) => {
  const dir = folder(t);
  const store = new ModelTree();
  store.put('/k/ok', 'content', Buffer.from('x'));
  const names = ['..', '.', 'a/b', '../evil', '', 'nul\0', '\ud83d'];
  const content = store.entry('/k/ok');
  const hostile = {
    entry: () => content,
    children: (key: readonly string[]) =>
      key.length === 1 ? names.map((name) => ({ name, get: content?.get })) : [],
  } as unknown as TreeWriter;
  const { findings, findingCount } = await exportTree(hostile, ['k'], join(dir, 'out'));
  t.equal(findingCount, names.length);
  t.same(new Set(findings.map(({ code }) => code)), new Set(['NAME']));
  t.same(readdirSync(dir), ['out']);
  t.same(readdirSync(join(dir, 'out')), []);
});

/** Replaces a function of node:fs for everybody, until the test ends. */
function replace(t: Test, name: 'lstatSync' | 'openSync' | 'read' | 'readlinkSync', by: unknown) {
  const before = fs[name];
  const put = (it: unknown) => {
    Object.assign(fs, { [name]: it });
    syncBuiltinESMExports();
  };
  put(by);
  t.teardown(() => put(before));
}

function systemError(code: string | undefined): Error {
  const error = new Error(`${code ?? 'an error'}: injected`);
  return Object.assign(error, { syscall: 'open', errno: -126 }, code === undefined ? {} : { code });
}

const NUMBERED = 'Unknown system error -126';

t.test('what the system says of one file is a finding, whatever its name', async (t) => {
  for (const code of ['ENOKEY', 'EAGAIN', 'ENOSPC', 'EMFILE', NUMBERED, undefined]) {
    await t.test(String(code), async (t) => {
      const dir = folder(t);
      const store = new ModelTree();
      for (const name of ['a', 'b', 'c']) writeFileSync(join(dir, name), 'old');
      symlinkSync('old', join(dir, 'link'));
      await importTree(store, dir, '/k');
      for (const name of ['a', 'b', 'c']) writeFileSync(join(dir, name), 'newer');
      unlinkSync(join(dir, 'link'));
      symlinkSync('newer', join(dir, 'link'));
      const { lstatSync, openSync, readlinkSync } = fs;
      const failing = (call: (...args: unknown[]) => unknown, end: string) => {
        return (path: unknown, ...args: unknown[]) => {
          if (String(path).endsWith(end)) throw systemError(code);
          return call(path, ...args);
        };
      };
      replace(t, 'openSync', failing(openSync as never, '/a'));
      replace(t, 'lstatSync', failing(lstatSync as never, '/b'));
      replace(t, 'readlinkSync', failing(readlinkSync as never, '/link'));
      const { findings } = await importTree(store, dir, '/k');
      t.same(
        findings.map((finding) => [finding.path.slice(-2), finding.code]),
        ['/a', '/b', 'nk'].map((end) => [end, code?.startsWith('E') ? code : 'FAILED']),
      );
      const text = async (name: string) =>
        String(Buffer.from((await store.entry(`/k/${name}`)?.get('content')?.bytes()) ?? []));
      t.same([await text('a'), await text('b'), await text('c')], ['old', 'old', 'newer']);
      const link = decodeStat(store.entry('/k/link')?.get('stat')?.inline as Uint8Array);
      t.equal(
        String(Buffer.from(link.target ?? [])),
        'old',
        'a link that cannot be read keeps its target',
      );
    });
  }
});

t.test(
  'a large file that fails midway is a finding, under whatever name it comes back',
  async (t) => {
    const dir = folder(t);
    writeFileSync(join(dir, 'large'), Buffer.alloc(3_000_000, 'large'));
    writeFileSync(join(dir, 'small'), 'small');
    const store = new ModelTree();
    const write = store.write.bind(store);
    store.write = async (...args) =>
      write(...args).catch((error: Error) => {
        throw Object.assign(new Error(`the store says: ${error.message}`), { code: 'REGALIA_IO' });
      });
    const { read } = fs;
    const failing = (...args: Parameters<typeof read>) => {
      const [fd, buffer, offset, length, position, done] = args as unknown as [
        ...[number, Uint8Array, number, number, number],
        (error: Error | null, count: number) => void,
      ];
      if (position > 1_000_000) queueMicrotask(() => done(systemError('ENOKEY'), 0));
      else read(fd, buffer, offset, length, position, done as never);
    };
    replace(t, 'read', failing);
    const { findings } = await importTree(store, dir, '/k');
    t.match(findings, [{ code: 'ENOKEY', path: join(dir, 'large') }]);
    t.equal(findings.length, 1);
    t.ok(store.entry('/k/small'));
  },
);

t.test(
  'an error of the store ends the import, also where it looks like one of a file',
  async (t) => {
    const dir = folder(t);
    writeFileSync(join(dir, 'f'), 'x');
    writeFileSync(join(dir, 'large'), Buffer.alloc(3_000_000, 'large'));
    for (const method of ['put', 'write', 'children', 'drain'] as const) {
      for (const code of ['EACCES', 'ENOENT', 'EIO', 'REGALIA_MISSING', 'REGALIA_IO']) {
        const store: TreeWriter = new ModelTree();
        await importTree(store, dir, '/k');
        store[method] = () => {
          throw Object.assign(new Error('injected'), { code });
        };
        const again = importTree(store, dir, '/k', { reread: true });
        await t.rejects(again, { code, message: 'injected' }, `${method} ${code}`);
      }
    }
  },
);

t.test('a scratch folder that fails ends the import: it is not of the tree', async (t) => {
  const dir = folder(t);
  for (let i = 0; i < 400; i++) writeFileSync(join(dir, `f${i}`), '');
  const options = { runNames: 20, runs: 5, scratch: join(dir, 'none') };
  await t.rejects(runImport(new ModelTree(), dir, '/k', options), { code: 'ENOENT' });
});

t.test('an export goes on after a file that fails, and ends where the disk is full', async (t) => {
  const dir = folder(t);
  const store = new ModelTree();
  for (const name of ['a', 'b', 'c']) store.put(`/k/${name}`, 'content', Buffer.from(name));
  for (const code of ['ENOKEY', undefined, 'ENOSPC']) {
    await t.test(String(code), async (t) => {
      const { openSync } = fs;
      const failing = (path: unknown, ...args: unknown[]) => {
        if (String(path).endsWith('/b')) throw systemError(code);
        return (openSync as (...args: unknown[]) => unknown)(path, ...args);
      };
      replace(t, 'openSync', failing);
      const target = join(dir, String(code));
      const exported = exportTree(store, '/k', target);
      if (code === 'ENOSPC') {
        await t.rejects(exported, { code: 'REGALIA_FULL', data: { errno: 'ENOSPC' } });
        return;
      }
      t.match((await exported).findings, [{ code: code ?? 'FAILED', path: `${target}/b` }]);
      t.same(readdirSync(target).sort(), ['a', 'c']);
    });
  }
});

t.test('an error of the store is no finding', async (t) => {
  const dir = folder(t);
  writeFileSync(join(dir, 'f'), 'x');
  const store = new ModelTree();
  store.put = () => {
    throw Object.assign(new Error('full'), { code: 'REGALIA_FULL' });
  };
  await t.rejects(importTree(store, dir, '/k'), { code: 'REGALIA_FULL' });
  const missing = importTree(store, join(dir, 'none'), '/k');
  await t.rejects(missing, { code: 'REGALIA_NOT_FOUND' });
});
