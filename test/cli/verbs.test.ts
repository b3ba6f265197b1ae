/** The verbs: what they do, the fields that programs may rely on, and their exit codes. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { VERBS } from '../../src/cli/verbs.js';
import { type Row, regalia, rowsOf, smallStore } from './regalia.js';

const ADDRESS = /^sha256:[0-9a-f]{64}$/;
const COMMIT = {
  commit: ADDRESS,
  root: ADDRESS,
  parents: [ADDRESS],
  stamp: String,
  time: Number,
  actor: null,
  message: String,
};

t.test('every verb has its name, its help, and the store as first argument', async (t) => {
  for (const [name, load] of Object.entries(VERBS)) {
    const verb = await load();
    t.equal(verb.name, name);
    t.match(verb.usage, /^STORE/);
    const { exit, out } = await regalia([name, '--help']);
    t.equal(exit, 0);
    t.ok(out.startsWith(`regalia ${name} STORE`));
    t.notOk(verb.summary.endsWith('.'));
    t.ok(
      out.split('\n').every((line) => line.length <= 110),
      `the help of ${name} fits`,
    );
    if (name !== 'init') t.equal((await regalia([name])).exit, 2);
  }
});

t.test('messages say what is wrong, with which value, and what to do', async (t) => {
  const { dir, store } = await smallStore(t);
  const cases: [string[], RegExp][] = [
    [
      ['log', store, '--at', 'main~1'],
      /^regalia: REGALIA_OPTION: name must be a branch .* the character ~, not main~1\n$/,
    ],
    [['fork', store, 'a b'], /name must be a branch or tag name without spaces, not a b\n/],
    [['fork', store, 'x.lock'], /no part of which .* ends with \.lock, not x\.lock\n/],
    [
      ['put', store, '/k', 's', join(dir, 'no')],
      /^regalia: ENOENT: no such file or directory, open/,
    ],
    [['get', store, '/none'], /^regalia: REGALIA_NOT_FOUND: there is no entry \/none\n$/],
    [['init', store], /^regalia: REGALIA_EXISTS: there is already a store .*store\n$/],
    [
      ['export', store, '/none', join(dir, 'x')],
      /there is no entry \/none: there is nothing to export/,
    ],
  ];
  for (const [argv, pattern] of cases) t.match((await regalia(argv)).err, pattern, argv[0]);
  const [row] = await rowsOf(t, 'stats', store);
  t.match(row, { bytes: Number, contentBytes: 0, diskBytes: row?.['bytes'] });
});

t.test('an error with --json is the line that the guide shows', async (t) => {
  const { store } = await smallStore(t);
  const { exit, out, err } = await regalia(['get', store, '/none', '--json']);
  t.same([exit, out], [3, '']);
  const guide = readFileSync(new URL('../../../docs/guide.md', import.meta.url), 'utf8');
  t.ok(guide.includes(`$ regalia get STORE /none --json\n${err}`), err);
});

t.test('what reads wants a store to be there, and makes none', async (t) => {
  const { dir } = await smallStore(t);
  const none = join(dir, 'none');
  for (const argv of [['ls'], ['log'], ['stats'], ['verify'], ['get', '/'], ['put', '/k', 's']]) {
    const [verb, ...rest] = argv as [string, ...string[]];
    const { exit, err } = await regalia([verb, none, ...rest]);
    t.equal(exit, 3, verb);
    t.match(err, /REGALIA_NOT_FOUND/);
  }
  t.match(await regalia(['init', join(dir, 'store')]), { exit: 3, err: /REGALIA_EXISTS/ });
});

t.test('a stream comes back byte for byte, from files and standard input', async (t) => {
  const { dir, store } = await smallStore(t);
  const large = Buffer.alloc(3_000_000, 'all bytes \0\xff', 'latin1');
  writeFileSync(join(dir, 'large'), large);
  const [put] = await rowsOf(t, 'put', store, 'big', 'content', join(dir, 'large'), '-m', 'large');
  t.match(put, { ...COMMIT, key: '/big', stream: 'content', size: 3_000_000, message: 'large' });
  const got = await regalia(['get', store, '/big', 'content']);
  t.ok(large.equals(got.bytes));
  t.equal((await regalia(['put', store, '/big', 'more', '-'], 'typed')).exit, 0);
  t.equal((await regalia(['get', store, '/big/', 'more'])).out, 'typed');
  t.same(await rowsOf(t, 'get', store, 'big'), [
    { key: '/big', stream: 'content', size: 3_000_000 },
    { key: '/big', stream: 'more', size: 5 },
  ]);
  t.match(await regalia(['get', store, '/big', 'none']), { exit: 3, err: /NOT_FOUND.*none/ });
  t.match(await regalia(['get', store, '/none']), { exit: 3, err: /NOT_FOUND/ });
  t.match(await regalia(['put', store, '/k', 's', join(dir, 'no')]), { exit: 3, err: /ENOENT/ });
});

t.test('children, trees and sizes are listed', async (t) => {
  const { store } = await smallStore(t);
  t.equal((await regalia(['ls', store])).out, 'a/\nb\n');
  t.match((await regalia(['ls', store, 'a', '-l'])).out, /^entry +3 +0 {2}x\nentry +3 +0 {2}y\n$/);
  t.same(await rowsOf(t, 'ls', store, '/a'), [
    { key: '/a/x', name: 'x', kind: 'entry', streams: ['note'], entries: 0, bytes: 3 },
    { key: '/a/y', name: 'y', kind: 'entry', streams: ['note'], entries: 0, bytes: 3 },
  ]);
  t.equal((await regalia(['tree', store])).out, '/\n├─ a/\n│  ├─ x\n│  └─ y\n└─ b\n');
  t.equal((await regalia(['tree', store, '--depth', '1'])).out, '/\n├─ a/\n└─ b\n');
  t.same(await rowsOf(t, 'du', store), [
    { key: '/a', entries: 2, bytes: 6 },
    { key: '/b', entries: 0, bytes: 5 },
    { key: '/', entries: 4, bytes: 11 },
  ]);
  t.equal((await regalia(['ls', store, '/none'])).exit, 3);
  t.equal((await regalia(['tree', store, '--depth', 'x'])).exit, 2);
  const [stats] = await rowsOf(t, 'stats', store);
  t.match(stats, { head: ADDRESS, root: ADDRESS, entries: 4, blocks: Number, bytes: Number });
});

t.test('entries are moved, copied and removed', async (t) => {
  const { store } = await smallStore(t);
  const [moved] = await rowsOf(t, 'mv', store, '/a', '/c');
  t.match(moved, { ...COMMIT, message: 'move /a to /c' });
  await rowsOf(t, 'cp', store, '/c', '/d');
  await rowsOf(t, 'rm', store, '/c/x', '/d/y', '-m', 'less');
  t.equal((await regalia(['tree', store])).out, '/\n├─ b\n├─ c/\n│  └─ y\n└─ d/\n   └─ x\n');
  t.match(await regalia(['rm', store, '/b', '/none']), { exit: 3, err: /NOT_FOUND/ });
  t.equal((await regalia(['get', store, '/b', 'note'])).out, 'three', 'nothing was removed');
  t.equal((await regalia(['rm', store, '/none', '--force'])).out, 'nothing has changed\n');
  t.match(await regalia(['rm', store, '/b', '-s', 'none']), { exit: 3, err: /NOT_FOUND.*none/ });
  await rowsOf(t, 'rm', store, '/b', '--stream', 'note');
  t.equal((await regalia(['ls', store])).out, 'c/\nd/\n', 'an entry goes with its last stream');
  t.equal((await regalia(['mv', store, '/none', '/x'])).exit, 3);
});

t.test('the log has every commit, of a key those that changed it', async (t) => {
  const { store } = await smallStore(t);
  const log = await rowsOf(t, 'log', store);
  t.match(log.slice(0, 3), [COMMIT, COMMIT, COMMIT]);
  t.same(
    log.map(({ message }) => message),
    ['put /b note', 'put /a/y note', 'put /a/x note', 'init'],
  );
  const messages = async (...args: string[]) =>
    (await rowsOf(t, 'log', store, ...args)).map(({ message }) => message);
  t.same(await messages('/a/x'), ['put /a/x note']);
  t.same(await messages('--limit', '1'), ['put /b note']);
  t.same(await messages('--reverse', '-n', '2'), ['init', 'put /a/x note']);
  t.same(await messages('--at', log[2]?.['commit']), ['put /a/x note', 'init']);
  t.same(await messages('--until', log[2]?.['commit'].slice(7, 20)), [
    'put /b note',
    'put /a/y note',
  ]);
});

t.test('reads go back to a commit, a tag, a branch and a date', async (t) => {
  const { store } = await smallStore(t);
  const [head] = (await rowsOf(t, 'log', store, '-n', '1')) as [Row];
  await new Promise((resolve) => setTimeout(resolve, 5));
  await regalia(['put', store, '/a/x', 'note', '--branch', 'draft'], 'drafted');
  await regalia(['put', store, '/a/x', 'note'], 'changed');
  const read = async (...args: string[]) =>
    (await regalia(['get', store, '/a/x', 'note', ...args])).out;
  t.equal(await read(), 'changed');
  t.equal(await read('--branch', 'draft'), 'drafted');
  t.equal(await read('--at', 'draft'), 'drafted');
  t.equal(await read('--at', 'v1'), 'one');
  t.equal(await read('--at', head['commit']), 'one');
  t.equal(await read('--at', new Date(head['time']).toISOString()), 'one');
  t.equal(await read('--at', '2999-01-01'), 'changed');
  t.match(await regalia(['ls', store, '--at', '1999-01-01']), { exit: 3, err: /NOT_FOUND/ });
  t.match(await regalia(['ls', store, '--at', '2020-99-01']), { exit: 2, err: /not a date/ });
  t.match(await regalia(['ls', store, '--at', 'none']), { exit: 3, err: /NOT_FOUND/ });
  t.match(await regalia(['ls', store, '--branch', 'none']), { exit: 3, err: /NOT_FOUND/ });
});

t.test('differences are rows, and the exit code says whether there are any', async (t) => {
  const { store } = await smallStore(t);
  t.match(await regalia(['diff', store, 'v1', 'main']), { exit: 0, out: '' });
  await regalia(['put', store, '/a/x', 'note'], 'changed');
  await rowsOf(t, 'mv', store, '/b', '/c');
  await rowsOf(t, 'rm', store, '/a/y');
  const { exit, rows } = await regalia(['diff', store, 'v1', 'main', '--json']);
  t.equal(exit, 1);
  t.same(rows, [
    { key: '/a/x', stream: 'note', kind: 'changed' },
    { key: '/a/y', kind: 'removed' },
    { key: '/c', kind: 'moved', from: '/b' },
  ]);
  const { out } = await regalia(['diff', store, 'v1', 'main']);
  t.equal(out, '~ /a/x  note\n- /a/y\n> /b -> /c\n');
  t.equal((await regalia(['diff', store, 'v1', 'main', '/a/x'])).out, '~ /a/x  note\n');
});

t.test('branches and tags are listed, set and deleted', async (t) => {
  const { store } = await smallStore(t);
  const [head, before] = (await rowsOf(t, 'log', store)) as [Row, Row];
  t.same(await rowsOf(t, 'branch', store), [
    { name: 'draft', commit: head['commit'] },
    { name: 'main', commit: head['commit'] },
  ]);
  t.match(await regalia(['fork', store, 'draft']), { exit: 3, err: /REGALIA_EXISTS/ });
  const forked = await rowsOf(t, 'fork', store, 'old', '--at', before['commit']);
  t.same(forked, [{ name: 'old', commit: before['commit'] }]);
  await rowsOf(t, 'branch', store, '--delete', 'old');
  t.same(await rowsOf(t, 'branch', store, before['commit'], '--reset', 'draft'), [
    { name: 'draft', commit: before['commit'] },
  ]);
  t.equal((await regalia(['branch', store, '--reset', 'draft'])).exit, 2);
  t.equal((await regalia(['branch', store, '--delete', 'none'])).exit, 3);
  await rowsOf(t, 'tag', store, 'v0', before['commit']);
  t.same(await rowsOf(t, 'tag', store), [
    { name: 'v0', commit: before['commit'] },
    { name: 'v1', commit: head['commit'] },
  ]);
  t.match(await regalia(['tag', store, 'v0']), { exit: 3, err: /REGALIA_EXISTS/ });
  await rowsOf(t, 'tag', store, '--delete', 'v0');
  t.equal((await rowsOf(t, 'tag', store)).length, 1);
});

t.test('a merge prints its conflicts, and accepts their answers', async (t) => {
  const { dir, store } = await smallStore(t);
  await regalia(['put', store, '/new', 'note', '--branch', 'draft'], 'new');
  const [moved] = await rowsOf(t, 'merge', store, 'draft');
  t.match(moved, { ...COMMIT, fastForward: true });
  await regalia(['put', store, '/a/x', 'note', '--branch', 'draft'], 'theirs');
  await regalia(['put', store, '/a/x', 'note'], 'ours');
  const { exit, rows } = await regalia(['merge', store, 'draft', '--json']);
  t.equal(exit, 1);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  t.same(rows, [
    {
      key: '/a/x',
      stream: 'note',
      kind: 'both-changed',
      base: { key: '/a/x', size: 3, base64: base64('one') },
      ours: { key: '/a/x', size: 4, base64: base64('ours') },
      theirs: { key: '/a/x', size: 6, base64: base64('theirs') },
      answers: ['ours', 'theirs', 'base'],
    },
  ]);
  t.match(await regalia(['merge', store, 'draft']), {
    exit: 1,
    out: /^conflict {2}both-changed {2}\/a\/x {2}note {2}\(base 3 bytes/,
  });
  const answer = (more: object) => `${JSON.stringify({ ...rows[0], ...more })}\n\n`;
  const file = join(dir, 'answers');
  writeFileSync(file, answer({}));
  t.equal((await regalia(['merge', store, 'draft', '--resolve', file])).exit, 1);
  writeFileSync(file, answer({ text: 'both' }));
  const merged = await rowsOf(t, 'merge', store, 'draft', '--resolve', file);
  t.match(merged, [{ ...COMMIT, parents: [ADDRESS, ADDRESS], fastForward: false }]);
  t.equal((await regalia(['get', store, '/a/x', 'note'])).out, 'both');
  for (const text of ['{', '[]', '1', '{"key":1}', '{"key":"/a","take":"mine"}']) {
    const refused = await regalia(['merge', store, 'draft', '--resolve', '-'], text);
    t.match(refused, { exit: 2, err: /USAGE: -:1: / }, text);
  }
  t.equal((await regalia(['merge', store, 'draft', '--policy', 'best'])).exit, 2);
});

t.test('a policy resolves conflicts, into any branch', async (t) => {
  const { store } = await smallStore(t);
  await regalia(['put', store, '/a/x', 'note', '--branch', 'draft'], 'drafted');
  await regalia(['put', store, '/a/x', 'note'], 'changed');
  await rowsOf(t, 'merge', store, 'main', '--into', 'draft', '--policy', 'theirs', '-m', 'mine');
  t.equal((await regalia(['get', store, '/a/x', 'note', '--branch', 'draft'])).out, 'changed');
  t.match(await rowsOf(t, 'log', store, '--branch', 'draft', '-n', '1'), [{ message: 'mine' }]);
});

t.test('commits are undone, and states restored', async (t) => {
  const { store } = await smallStore(t);
  await regalia(['put', store, '/a/x', 'note'], 'changed');
  const [change] = (await rowsOf(t, 'log', store, '-n', '1')) as [Row];
  await regalia(['put', store, '/a/y', 'note'], 'kept');
  const read = async (key: string) => (await regalia(['get', store, key, 'note'])).out;
  t.match(await rowsOf(t, 'revert', store, change['commit']), [{ ...COMMIT, message: /^revert / }]);
  t.same([await read('/a/x'), await read('/a/y')], ['one', 'kept']);
  await regalia(['put', store, '/a/x', 'note'], 'later');
  t.match(await regalia(['revert', store, change['commit']]), { exit: 1, err: /REGALIA_CONFLICT/ });
  await rowsOf(t, 'revert', store, change['commit'], '--policy', 'theirs');
  t.equal(await read('/a/x'), 'one');
  t.equal((await regalia(['revert', store, change['commit'], '--policy', 'best'])).exit, 2);
  await rowsOf(t, 'rm', store, '/a');
  await rowsOf(t, 'restore', store, 'v1', '/a/y', '-m', 'back');
  t.equal((await regalia(['tree', store, '/a'])).out, '/a\n└─ y\n');
  t.equal(await read('/a/y'), 'two');
  await rowsOf(t, 'restore', store, 'v1');
  t.equal((await regalia(['diff', store, 'v1', 'main'])).exit, 0);
});

t.test('a bucket has a log and branches of its own', async (t) => {
  const { store } = await smallStore(t);
  const [made] = (await rowsOf(t, 'bucket', store, '/a')) as [Row];
  t.match(made, { ...COMMIT, key: '/a', id: /^[0-9a-f]{32}$/ });
  await regalia(['put', store, '/a/x', 'note', '-m', 'within'], 'within');
  await regalia(['put', store, '/b', 'note', '-m', 'without'], 'without');
  const log = await rowsOf(t, 'log', store, '--bucket', '/a', '-n', '1');
  t.match(log, [{ message: 'within', bucket: made['id'] }]);
  const buckets = [{ key: '/a', bucket: made['id'], entries: 2, bytes: 9 }];
  t.same(await rowsOf(t, 'bucket', store), buckets);
  t.match(await rowsOf(t, 'ls', store), [{ name: 'a', kind: 'bucket' }, { name: 'b' }]);
  t.match(await regalia(['bucket', store, '/a']), { exit: 3, err: /REGALIA_EXISTS/ });
  t.match(await regalia(['log', store, '--bucket', '/b']), { exit: 3, err: /NOT_FOUND/ });
  await rowsOf(t, 'fork', store, 'trial');
  const trial = ['--branch', 'trial'];
  await rowsOf(t, 'bucket', store, '/c', ...trial);
  await regalia(['put', store, '/c/d', 's', ...trial, '-m', 'put'], 'x');
  const names = [{ name: 'main' }, { name: 'trial' }];
  t.match(await rowsOf(t, 'branch', store, '--bucket', '/a'), names);
  t.match(await rowsOf(t, 'log', store, '--bucket', '/a', ...trial, '-n', '1'), log);
  const [inC] = await rowsOf(t, 'log', store, '--bucket', '/c', ...trial, '-n', '1');
  t.match(inC, { message: /put/ }, 'a bucket that only the branch has');
  const only = ['--bucket', '/c', '--branch', 'main'];
  t.match(await regalia(['log', store, ...only]), { exit: 3, err: /NOT_FOUND/ });
});

t.test('a backup reads as its original', async (t) => {
  const { dir, store } = await smallStore(t);
  const copy = join(dir, 'copy');
  const [row] = await rowsOf(t, 'backup', store, copy);
  t.match(row, { path: copy, head: ADDRESS, root: ADDRESS });
  t.same(await rowsOf(t, 'log', copy), await rowsOf(t, 'log', store));
  t.match(await regalia(['backup', store, copy]), { exit: 3, err: /REGALIA_EXISTS/ });
});

t.test('verify reports a sound store, and damage', async (t) => {
  const { dir, store } = await smallStore(t);
  writeFileSync(join(dir, 'large'), Buffer.alloc(900_000, 'large'));
  await rowsOf(t, 'put', store, '/large', 'content', join(dir, 'large'));
  const rows = await rowsOf(t, 'verify', store);
  t.match(rows, [{ blocks: Number, bytes: Number, commits: 5, faults: 0 }]);
  const volume = join(store, 'volumes/1');
  const segments = readdirSync(volume).filter((name) => name.startsWith('seg-'));
  const file = join(volume, segments.at(-1) as string);
  const bytes = readFileSync(file);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] as number) ^ 1;
  writeFileSync(file, bytes);
  const damaged = await regalia(['verify', store, '--json']);
  t.equal(damaged.exit, 1);
  const [metadata] = await rowsOf(t, 'verify', store, '--no-contents');
  t.match(metadata, { faults: 0, commits: 5 });
  t.ok(metadata?.['bytes'] < 900_000, 'contents are not read');
  t.equal((await regalia(['verify', store, '--contents'])).exit, 1);
  t.equal((await regalia(['verify', store, '--contents', '--no-contents'])).exit, 2);
  t.match(damaged.rows[0], { kind: 'corrupt', address: ADDRESS, key: '/large', stream: 'content' });
  t.match(damaged.rows.at(-1), { faults: damaged.rows.length - 1 });
  t.match(await regalia(['get', store, '/large', 'content']), { exit: 3, err: /REGALIA_CORRUPT/ });
});

t.test('keys are found by patterns, in a store and in a pack', async (t) => {
  const { dir, store } = await smallStore(t);
  const pack = join(dir, 'pack');
  writeFileSync(pack, (await regalia(['pack', store])).bytes);
  for (const place of [store, pack]) {
    const found = async (...args: string[]) => (await regalia(['find', place, ...args])).out;
    t.equal(await found('*'), '/a\n/a/x\n/a/y\n/b\n');
    t.equal(await found('/a/[!x]'), '/a/y\n');
    t.equal(await found('{x,b}'), '/a/x\n/b\n');
    t.equal(await found('**', '--limit', '2'), '/a\n/a/x\n');
    t.equal(await found('/a/', '--prefix'), '/a/x\n/a/y\n');
    t.equal(await found('/a/z', '--edits', '1'), '/a/x\n/a/y\n');
    t.equal(await found('/none/*'), '');
    t.match(await rowsOf(t, 'find', place, 'x'), [{ key: '/a/x' }]);
    t.match(await regalia(['find', place, '[']), { exit: 2, err: /REGALIA_OPTION/ });
  }
  t.match(await rowsOf(t, 'find', store, 'x'), [{ key: '/a/x', streams: ['note'] }]);
  await regalia(['rm', store, '/a/x']);
  t.equal((await regalia(['find', store, 'x'])).out, '');
  t.equal((await regalia(['find', store, 'x', '--at', 'v1'])).out, '/a/x\n');
  t.equal((await regalia(['find', pack, 'x', '--at', 'v1'])).exit, 2);
  writeFileSync(pack, 'no pack');
  t.match(await regalia(['find', pack, 'x']), { exit: 3, err: /REGALIA_PACK/ });
  t.match(await regalia(['find', join(dir, 'absent'), 'x']), { exit: 3, err: /REGALIA_NOT_FOUND/ });
});

t.test('the reflog and undo', async (t) => {
  const { store } = await smallStore(t);
  const before = await rowsOf(t, 'log', store, '--reflog');
  t.match(before[0], { position: Number, time: Number, commit: ADDRESS, cause: 'commit' });
  t.equal(before.at(-1)?.['cause'], 'init');
  const [undone] = await rowsOf(t, 'undo', store);
  t.match(undone, { cause: 'undo', to: before[1]?.['position'], commit: before[1]?.['commit'] });
  const rows = await rowsOf(t, 'log', store, '--reflog', '--limit', '1');
  t.strictSame(rows, [undone]);
  t.match(await regalia(['log', store, '--reflog']), {
    out: /^ +\d+ {2}\d{4}-\d\d-\d\d .* undo to/,
  });
  t.match(await regalia(['log', store, '/a', '--reflog']), { exit: 2, err: /--reflog/ });
});
