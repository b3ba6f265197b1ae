/**
 * The verbs of contents: parts of streams, volumes, rules, repair, collection; each with what it
 * refuses, too.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { durationOf, rangeOf, sizeOf } from '../../src/cli/quantities.js';
import { Regalia } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import { type Row, regalia, rowsOf, scratch, smallStore } from './regalia.js';

const ID = /^[0-9a-f]{32}$/;

async function refused(t: Test, args: readonly string[], err: RegExp): Promise<void> {
  t.match(await regalia(args), { exit: 2, out: '', err }, args.join(' '));
}

/** A new store with more volumes, and a content of 600,000 bytes that nothing compresses. */
async function diskStore(
  t: Test,
  names: readonly string[],
  ...rule: string[]
): Promise<{ dir: string; store: string; content: Buffer }> {
  const dir = scratch(t);
  const store = join(dir, 'store');
  await rowsOf(t, 'init', store);
  for (const name of names) await rowsOf(t, 'volume', store, 'add', join(dir, name));
  await rowsOf(t, 'rules', store, 'content', ...rule);
  const content = randomBytes(600_000);
  writeFileSync(join(dir, 'content'), content);
  await rowsOf(t, 'put', store, '/a', 'content', join(dir, 'content'));
  return { dir, store, content };
}

async function reads(t: Test, store: string, content: Buffer, why: string): Promise<void> {
  const { exit, bytes, err } = await regalia(['get', store, '/a', 'content']);
  t.equal(exit, 0, err);
  t.ok(content.equals(bytes), why);
}

t.test('sizes, ranges and times are read as people write them', async (t) => {
  t.equal(sizeOf('at', '64KiB'), 65_536);
  t.equal(sizeOf('at', '3MB'), 3_000_000);
  t.equal(durationOf('rested', '90s'), 90_000);
  t.equal(durationOf('rested', '1d'), 86_400_000);
  t.equal(durationOf('rested', '0'), 0);
  t.same(rangeOf('range', '1KiB-2KiB'), { start: 1_024, end: 2_048 });
  t.same(rangeOf('range', '7-'), { start: 7 });
  t.same(rangeOf('range', '7-7'), { start: 7, end: 7 });
  for (const text of ['', '-1', '1.5', '1 KiB', '1kib', '9999999999999999', '9999TiB', 'toString'])
    t.throws(() => sizeOf('at', text), { name: 'UsageError' }, text);
  for (const text of ['', '10', '1w', '-1s', 's'])
    t.throws(() => durationOf('rested', text), { name: 'UsageError' }, text);
  for (const text of ['', '1', '-', '-5', '5-1', '1-2-3', 'a-b', '1-b'])
    t.throws(() => rangeOf('range', text), { name: 'UsageError' }, text);
});

t.test('get prints a range, without the byte at its end', async (t) => {
  const { store, content } = await diskStore(t, [], '--compression', 'none');
  const part = async (range: string) =>
    (await regalia(['get', store, '/a', 'content', '--range', range])).bytes;
  t.ok(content.subarray(0, 100).equals(await part('0-100')));
  t.ok(content.subarray(70_000, 500_001).equals(await part('70000-500001')));
  t.ok(content.subarray(599_990).equals(await part('599990-')));
  t.equal((await part('600000-600000')).length, 0);
  await refused(t, ['get', store, '/a', 'content', '--range', '0-600001'], /REGALIA_RANGE/);
  await refused(t, ['get', store, '/a', 'content', '--range', '9-3'], /ends before it starts/);
  await refused(t, ['get', store, '/a', 'content', '--range', 'all'], /START-END/);
  await refused(t, ['get', store, '/a', '--range', '0-1'], /STREAM/);
  await refused(t, ['get', store, '/a', 'content', '--range', '0-1', '--json'], /one of them/);
});

t.test('put writes a part of a stream, or behind its end', async (t) => {
  const { dir, store } = await smallStore(t);
  const read = async () => (await regalia(['get', store, '/b', 'note'])).out;
  const put = (input: string, ...args: string[]) =>
    regalia(['put', store, '/b', 'note', ...args, '--json'], input);
  t.match(await put('HR', '--at', '1'), { exit: 0, rows: [{ size: 5 }] });
  t.equal(await read(), 'tHRee');
  t.match(await put(' and', '--append'), { exit: 0, rows: [{ size: 9 }] });
  writeFileSync(join(dir, 'more'), ' more');
  t.match(await put('', '--append', join(dir, 'more')), { exit: 0, rows: [{ size: 14 }] });
  t.equal(await read(), 'tHRee and more');
  t.match(await put('x', '--at', '1MiB'), { exit: 0, rows: [{ size: 1_048_577 }] });
  t.equal((await regalia(['get', store, '/b', 'note', '--range', '12-16'])).out, 're\0\0');
  await refused(t, ['put', store, '/b', 'note', '--at', '0', '--append'], /exclude/);
  await refused(t, ['put', store, '/b', 'note', '--at', '-1'], /USAGE/);
  await refused(t, ['put', store, '/b', 'note', '--at', 'end'], /--at must be bytes/);
});

t.test('volumes are added, listed and changed', async (t) => {
  const dir = scratch(t);
  const [store, disk] = [join(dir, 'store'), join(dir, 'disk')];
  await rowsOf(t, 'init', store);
  const [made] = (await rowsOf(t, 'volume', store, 'add', disk, '--weight', '3')) as [Row];
  t.match(made, { id: ID, path: disk, state: 'online', weight: 3, bytes: 0, freeBytes: Number });
  const list = await rowsOf(t, 'volume', store, 'list');
  t.match(list, [{ path: join(store, 'volumes/1'), weight: 1 }, { id: made['id'] }]);
  t.equal((await rowsOf(t, 'volume', store)).length, 2);
  t.match(
    (await regalia(['volume', store])).out,
    /^[0-9a-f]{8} {2}online .*\n.*weight 3 .*disk\n$/,
  );
  const brief = made['id'].slice(0, 8);
  const set = await rowsOf(t, 'volume', store, 'set', brief, '--state', 'read-only');
  t.match(set, [{ id: made['id'], state: 'read-only', weight: 3 }]);
  await rowsOf(t, 'volume', store, 'set', disk, '--weight', '0', '--state', 'online');
  t.match((await rowsOf(t, 'volume', store))[1], { state: 'online', weight: 0 });
  renameSync(disk, `${disk}-moved`);
  t.match((await rowsOf(t, 'volume', store))[1], { state: 'missing', bytes: null });
  t.match((await regalia(['volume', store])).out, /missing .*not here/);
  const [moved] = await rowsOf(t, 'volume', store, 'add', `${disk}-moved`);
  t.match(moved, { id: made['id'], path: `${disk}-moved`, state: 'online', weight: 0 });
});

t.test('what makes no sense to a volume is refused', async (t) => {
  const { dir, store } = await smallStore(t);
  const volume = (...args: string[]) => ['volume', store, ...args];
  const first = join(store, 'volumes/1');
  await refused(t, volume('ad', join(dir, 'x')), /no action "ad": list, add/);
  await refused(t, volume('toString'), /no action/);
  await refused(t, volume('add'), /FOLDER is missing/);
  await refused(t, volume('drain'), /WHICH is missing/);
  await refused(t, volume('list', 'x'), /"x" is one too many/);
  await refused(t, volume('add', join(dir, 'x'), '--weight', 'much'), /must be a number/);
  await refused(t, volume('add', join(dir, 'x'), '--weight', '1000001'), /REGALIA_OPTION/);
  await refused(t, volume('add', join(dir, 'x'), '--lost'), /add has no option --lost/);
  await refused(t, volume('set', first), /--weight or --state is missing/);
  await refused(t, volume('set', first, '--state', 'draining'), /online, read-only/);
  await refused(t, volume('--weight', '1'), /list has no option --weight/);
  t.notOk(existsSync(join(dir, 'x')));
  t.match(await regalia(volume('set', 'none', '--weight', '1')), { exit: 3, err: /NOT_FOUND/ });
  t.match(await regalia(volume('add', join(dir, 'store'))), { exit: 3, err: /REGALIA_EXISTS/ });
  t.match(await regalia(volume('drain', first)), { exit: 3, err: /REGALIA_VOLUME.*no other/ });
  t.match(await regalia(volume('remove', first)), { exit: 3, err: /REGALIA_VOLUME/ });
});

t.test('a volume is drained, then removed, and nothing is lost', async (t) => {
  const { dir, store, content } = await diskStore(t, ['two'], '--redundancy', 'striped');
  const two = join(dir, 'two');
  const held = await regalia(['volume', store, 'remove', two]);
  t.match(held, { exit: 3, err: /drain it first/ });
  await rowsOf(t, 'volume', store, 'set', two, '--state', 'online');
  const [drained] = await rowsOf(t, 'volume', store, 'drain', two);
  t.match(drained, { id: ID, chunks: Number, stuck: 0 });
  t.ok(drained?.['chunks'] > 0);
  t.match(await regalia(['volume', store, 'drain', two]), { exit: 0, out: /0 bytes: it can be/ });
  const [removed] = await rowsOf(t, 'volume', store, 'remove', two);
  t.match(removed, { id: drained?.['id'], path: two, removed: true, lost: 0 });
  rmSync(two, { recursive: true });
  await reads(t, store, content, 'all went elsewhere');
});

t.test('a rule is set for one stream, or for all others', async (t) => {
  const { store } = await smallStore(t);
  const plain = { compression: 3, redundancy: { kind: 'none' } };
  t.same(await rowsOf(t, 'rules', store), [{ stream: null, ...plain }]);
  const mirrored = { compression: 19, redundancy: { kind: 'mirrored', copies: 2 } };
  const how = ['--compression', '19', '--redundancy', 'mirrored:2'];
  t.same(await rowsOf(t, 'rules', store, 'acl', ...how), [{ stream: 'acl', ...mirrored }]);
  t.same(await rowsOf(t, 'rules', store, 'other'), [{ stream: 'other', ...plain }]);
  await rowsOf(t, 'rules', store, '--redundancy', 'coded:3+1', '--from', '1MiB');
  const coded = { kind: 'coded', data: 3, parity: 1, from: 1_048_576 };
  t.same(await rowsOf(t, 'rules', store), [
    { stream: 'acl', ...mirrored },
    { stream: null, compression: 3, redundancy: coded },
  ]);
  t.match(await regalia(['rules', store]), {
    out: /^acl +compression 19 +redundancy mirrored:2\n\(all .* coded:3\+1 from 1.0 MiB\n$/,
  });
  await rowsOf(t, 'rules', store, 'acl', '--redundancy', 'coded', '--compression', 'none');
  t.match(await rowsOf(t, 'rules', store, 'acl'), [
    { compression: 'none', redundancy: { data: 4, parity: 2, from: 67_108_864 } },
  ]);
  for (const [option, text] of [
    ['--compression', '20'],
    ['--compression', '0'],
    ['--compression', 'best'],
    ['--redundancy', 'mirrored'],
    ['--redundancy', 'mirrored:0'],
    ['--redundancy', 'mirrored:99'],
    ['--redundancy', 'coded:4'],
    ['--redundancy', 'coded:0+2'],
    ['--redundancy', 'coded:30+3'],
    ['--redundancy', 'raid5'],
    ['--from', '1MiB'],
  ] as const) {
    await refused(t, ['rules', store, 'x', option, text], /USAGE/);
  }
  await refused(t, ['rules', store, 'a/b', '--compression', '1'], /REGALIA_STREAM/);
  await refused(t, ['rules', store, 'x', '--redundancy', 'none', '--from', '1'], /--from goes/);
  t.equal((await rowsOf(t, 'rules', store)).length, 2, 'nothing of it was stored');
});

t.test('a bucket says who decides about entries and places', async (t) => {
  const dir = scratch(t);
  const store = join(dir, 'store');
  await rowsOf(t, 'init', store, '--entries', 'keep');
  const [, policies] = await rowsOf(t, 'rules', store);
  t.same(policies, { entries: 'keep', places: 'conflict' });
  const [, both] = await rowsOf(t, 'rules', store, '--places', 'newest');
  t.same(both, { entries: 'keep', places: 'newest' });
  t.match(await regalia(['rules', store]), { out: /\nentries keep {2}places newest\n$/ });
  t.equal((await rowsOf(t, 'rules', store, 'acl')).length, 1);
  await rowsOf(t, 'bucket', store, '/b', '--entries', 'remove');
  await refused(t, ['rules', store, '--entries', 'remove'], /entries must be keep, not remove/);
  await refused(t, ['rules', store, '--entries', 'ours'], /USAGE/);
  await refused(t, ['rules', store, '--places', 'keep'], /USAGE/);
  await refused(t, ['rules', store, 'acl', '--places', 'newest'], /USAGE/);
  await refused(t, ['bucket', store, '--places', 'newest'], /USAGE/);
});

t.test('what lay on a lost volume is restored from copies', async (t) => {
  const how = ['--redundancy', 'mirrored:2'];
  const { dir, store, content } = await diskStore(t, ['two'], ...how);
  const two = join(dir, 'two');
  rmSync(two, { recursive: true });
  await reads(t, store, content, 'read from the other copy');
  const thin = await regalia(['repair', store, '--json']);
  t.match(thin, { exit: 1, rows: [{ thin: Number, lost: 0, copiesRestored: 0 }] });
  t.match(await regalia(['repair', store]), { exit: 1, out: /\nthin .*too few volumes/ });
  await rowsOf(t, 'volume', store, 'add', join(dir, 'three'));
  const [repaired] = (await rowsOf(t, 'repair', store)) as [Row];
  t.match(repaired, { thin: 0, lost: 0 });
  t.equal(repaired['copiesRestored'], repaired['chunks']);
  t.match(await rowsOf(t, 'volume', store, 'remove', two), [{ lost: 0 }]);
  rmSync(join(store, 'volumes/1'), { recursive: true });
  await reads(t, store, content, 'read from the copies that were made');
});

t.test('what was on a lost volume alone is lost, and reported', async (t) => {
  const { dir, store } = await diskStore(t, ['two'], '--redundancy', 'striped');
  rmSync(join(dir, 'two'), { recursive: true });
  const repaired = await regalia(['repair', store, '--json']);
  t.equal(repaired.exit, 1);
  const [{ lost, lostAddresses }] = repaired.rows as [Row];
  t.ok(lost > 0);
  t.equal(lostAddresses.length, lost);
  t.match(await regalia(['repair', store]), { exit: 1, out: /\nlost +\d+ chunks.*\n +sha256:/ });
  const [id] = (await rowsOf(t, 'volume', store)).filter(({ state }) => state === 'missing');
  const gone = await regalia(['volume', store, 'remove', id?.['id'], '--lost', '--json']);
  t.match(gone, { exit: 1, rows: [{ removed: true, lost }] });
  t.match(await regalia(['get', store, '/a', 'content']), { exit: 3, err: /REGALIA_MISSING/ });
});

t.test('contents that rested are coded, and two volumes may go', async (t) => {
  const rule = ['--redundancy', 'coded:2+2', '--from', '1KiB'];
  const { dir, store, content } = await diskStore(t, ['two', 'three', 'four'], ...rule);
  t.match(await rowsOf(t, 'repair', store), [{ coded: { chunks: 0 } }], 'they rest for a day');
  const [repaired] = await rowsOf(t, 'repair', store, '--rested', '0');
  t.match(repaired, { thin: 0, lost: 0, coded: { groups: 1, bytes: 600_000 } });
  const sizeOn = (volume: string) =>
    readdirSync(volume).reduce((sum, name) => sum + statSync(join(volume, name)).size, 0);
  const [collected] = (await rowsOf(t, 'gc', store, '--now')) as [Row];
  t.match(collected, { condemned: 0, deferred: null, compacted: { stuck: 0 } });
  t.ok(collected['compacted'].freedBytes > 1_800_000, 'three copies went');
  t.ok(sizeOn(join(dir, 'two')) < 400_000, 'a shard is half of it');
  for (const name of ['two', 'four']) rmSync(join(dir, name), { recursive: true });
  await reads(t, store, content, 'read through the loss of two');
  t.equal((await regalia(['verify', store])).exit, 1);
  t.equal((await regalia(['verify', store, '--no-contents'])).exit, 0);
  await refused(t, ['repair', store, '--rested', 'long'], /--rested must be a time/);
  await refused(t, ['repair', store, '--rested', '10'], /--rested must be a time/);
});

/** Takes away all that the store knows of where chunks lie. */
async function forgetChunks(folder: string): Promise<void> {
  const store = await Regalia.open(folder);
  const { engine } = scopeOf(store).core;
  await engine.write((batch) => {
    for (const { key } of [...engine.range('chunks')]) batch.del('chunks', key);
    for (const { key } of [...engine.range('addresses')]) batch.del('addresses', key);
  }, 'sync');
  await store.close();
}

t.test('an index that was lost is made anew from volumes', async (t) => {
  const { store, content } = await diskStore(t, [], '--redundancy', 'none');
  await forgetChunks(store);
  t.match(await regalia(['get', store, '/a', 'content']), { exit: 3, err: /regalia repair/ });
  const [repaired] = (await rowsOf(t, 'repair', store, '--index')) as [Row];
  t.match(repaired['index'], { segments: 1, copies: 0, damaged: 0 });
  t.ok(repaired['index'].chunks > 0);
  t.equal(repaired['chunks'], repaired['index'].chunks);
  await reads(t, store, content, 'all was found');
  t.match(await regalia(['repair', store, '--index']), { exit: 0, out: /^index +[\d,]+ records/ });
});

t.test('gc and stats show what contents need', async (t) => {
  const { store } = await diskStore(t, ['two'], '--redundancy', 'mirrored:2');
  const [stats] = (await rowsOf(t, 'stats', store, '--contents')) as [Row];
  t.match(stats, {
    entries: 1,
    contents: {
      plainBytes: 600_000,
      volumes: [{ id: ID, state: 'online', liveBytes: Number }, { id: ID }],
      streams: [{ stream: 'content', contents: 1, logicalBytes: 600_000 }],
    },
  });
  t.ok(stats['contents'].streams[0].heldBytes > 1_200_000);
  const [brief] = (await rowsOf(t, 'stats', store)) as [Row];
  t.notOk('contents' in brief);
  const files = ['volumes/1', '../two'].map((at) => join(store, at));
  const onDisk = files.flatMap((at) => readdirSync(at).map((name) => [name, join(at, name)]));
  const segments = onDisk.filter(([name]) => name?.startsWith('seg-'));
  const contentBytes = segments.reduce((sum, [, file]) => sum + statSync(file as string).size, 0);
  t.ok(contentBytes > 1_200_000);
  t.match(brief, { contentBytes, diskBytes: brief['bytes'] + contentBytes });
  t.match(
    (await regalia(['stats', store])).out,
    /\nbytes +\S+ KiB +of metadata.*\n.*\ncontentBytes +1\.1 MiB +of .*\ndiskBytes +1\.2 MiB /,
  );
  const { out } = await regalia(['stats', store, '--contents']);
  t.match(
    out,
    /\nplainBytes +585\.9 KiB .*[\s\S]*\nvolumes: [\s\S]*two\n\nstreams: .*\n.*1 {2}content\n$/,
  );
  t.match(await regalia(['gc', store]), { exit: 0, out: /^condemned +0 chunks/ });
  await refused(t, ['gc', store, 'more'], /one too many/);
  await refused(t, ['stats', store, '--volumes'], /Unknown option/);
});
