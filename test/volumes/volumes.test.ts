/**
 * Volumes of a store, through its public surface: contents on several are read while one is away,
 * and come back with it; an old copy, a second copy and a stranger's volume are told apart; what is
 * set of a volume is heeded.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { isRegaliaError, Regalia } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { codeOf } from '../store/setup.js';
import { scrub } from '../verify/setup.js';
import {
  CHUNK,
  folderOf,
  MIRRORED,
  OPTIONS,
  read,
  replaceFolder,
  segmentBytes,
  within,
  write,
} from './setup.js';

type Holder = Parameters<typeof folderOf>[0];

/** A store whose contents lie in the volumes `a` and `b` alone, beside it. */
async function twoVolumes(t: Holder, options: typeof OPTIONS | typeof MIRRORED) {
  const folder = folderOf(t);
  const [place, a, b] = ['store', 'a', 'b'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ];
  const first = path.join(place, 'volumes', '1');
  await within(place, options, async (store) => {
    await store.addVolume(a);
    await store.addVolume(b);
    await store.setVolume(first, { weight: 0 });
  });
  return { folder, place, a, b, first };
}

async function states(store: Regalia): Promise<Record<string, string>> {
  const infos = await store.volumes();
  return Object.fromEntries(infos.map(({ path: at, state }) => [path.basename(at), state]));
}

function same(found: Uint8Array | undefined, expected: Uint8Array): boolean {
  return found !== undefined && Buffer.compare(found, expected) === 0;
}

/** The segments that this process has open within a folder. */
function openBeneath(folder: string): string[] {
  return readdirSync('/proc/self/fd')
    .map((descriptor) => path.join('/proc/self/fd', descriptor))
    .flatMap((link) => (existsSync(link) ? [readlinkSync(link)] : []))
    .filter((file) => file.startsWith(folder) && file.includes('seg-'));
}

async function errorOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

t.test('a new store has one volume within, and is told of others', async (t) => {
  const folder = folderOf(t);
  await within(path.join(folder, 'store'), OPTIONS, async (store) => {
    await store.addVolume(path.join(folder, 'a'), { weight: 5 });
    const [first, second, ...others] = await store.volumes();
    t.strictSame(others, []);
    t.match(first, {
      path: path.join(folder, 'store', 'volumes', '1'),
      state: 'online',
      weight: 1,
    });
    t.match(second, { path: path.join(folder, 'a'), state: 'online', weight: 5, bytes: 0 });
    t.match(first?.id, /^[0-9a-f]{32}$/);
    t.not(first?.id, second?.id);
    t.ok((second?.freeBytes ?? 0) > 0);
    await write(store, '/f', noise(40 * CHUNK, 1));
    const bytes = (await store.volumes()).map((info) => info.bytes ?? 0);
    t.ok(bytes[0] + bytes[1] > 40 * CHUNK);
  });
  const memory = await Regalia.memory();
  t.strictSame(await memory.volumes(), []);
  t.equal(await codeOf(memory.addVolume(path.join(folder, 'b'))), 'REGALIA_OPTION');
  await memory.close();
});

t.test('mirrored contents are read while either volume is away', async (t) => {
  const { place, a, b, first } = await twoVolumes(t, MIRRORED);
  const contents = new Map([1, 2, 3].map((i) => [`/f${i}`, noise(i * 9 * CHUNK + i, i)]));
  await within(place, MIRRORED, async (store) => {
    for (const [key, bytes] of contents) await write(store, key, bytes);
  });
  t.equal(segmentBytes(a) - segmentBytes(b), 0);
  t.ok(segmentBytes(a) > 54 * CHUNK);
  t.equal(segmentBytes(first), 0);
  for (const away of [a, b]) {
    renameSync(away, `${away}.away`);
    await within(place, MIRRORED, async (store) => {
      t.match(await states(store), { [path.basename(away)]: 'missing' });
      for (const [key, bytes] of contents) t.ok(same(await read(store, key), bytes), key);
      const { faults } = await scrub(store);
      t.ok(faults.length > 0 && faults.every(({ what }) => what.includes(away)), 'it is missed');
    });
    renameSync(`${away}.away`, away);
  }
  await within(place, MIRRORED, async (store) => t.strictSame((await scrub(store)).faults, []));
});

t.test('mirrored contents are read when a volume goes while the store is open', async (t) => {
  const { place, a, b } = await twoVolumes(t, MIRRORED);
  const bytes = noise(9 * CHUNK, 1);
  await within(place, MIRRORED, (store) => write(store, '/f', bytes));
  for (const [i, away] of [a, b].entries()) {
    const more = noise(5 * CHUNK, 2 + i);
    await within(place, MIRRORED, async (store) => {
      renameSync(away, `${away}.away`);
      t.ok(same(await read(store, '/f'), bytes), path.basename(away));
      await write(store, '/g', more);
      t.ok(same(await read(store, '/g'), more));
      renameSync(`${away}.away`, away);
    });
  }
});

for (const when of ['before the store is opened', 'while it is open']) {
  t.test(`a content on a volume that goes ${when} is missed by name`, async (t) => {
    const { place, a, b, first } = await twoVolumes(t, OPTIONS);
    const bytes = noise(9 * CHUNK, 1);
    await within(place, OPTIONS, (store) => write(store, '/f', bytes));
    const away = segmentBytes(a) > 0 ? a : b;
    t.equal(segmentBytes(a, b, first), segmentBytes(away), 'all of it lies on one volume');
    const go = (): void => renameSync(away, `${away}.away`);
    if (when.startsWith('before')) go();
    await within(place, OPTIONS, async (store) => {
      if (!when.startsWith('before')) go();
      const error = await errorOf(read(store, '/f'));
      if (!isRegaliaError(error, 'REGALIA_MISSING')) return t.fail(String(error));
      t.match(error.data.source, away);
      t.match(error.message, away);
      t.equal(await codeOf(read(store, '/f')), 'REGALIA_MISSING', 'as often as it is asked for');
      const { faults } = await scrub(store);
      t.ok(faults.length > 0);
      renameSync(`${away}.away`, away);
      t.ok(same(await read(store, '/f'), bytes), 'it comes back with its volume, at once');
      return t.strictSame((await scrub(store)).faults, []);
    });
  });
}

t.test('a volume that comes back is written to again', async (t) => {
  const { place, a, b } = await twoVolumes(t, MIRRORED);
  renameSync(a, `${a}.away`);
  await within(place, MIRRORED, async (store) => {
    await write(store, '/f', noise(9 * CHUNK, 1));
    const before = segmentBytes(b);
    t.ok(before > 9 * CHUNK, 'the other one takes it alone');
    renameSync(`${a}.away`, a);
    await write(store, '/g', noise(9 * CHUNK, 2));
    t.ok(segmentBytes(a) > 9 * CHUNK, 'though nobody has looked for it');
    t.match(await states(store), { a: 'online' });
    t.ok(segmentBytes(b) - before > 9 * CHUNK);
  });
});

t.test('a volume that comes back with old contents is stale, read and not written', async (t) => {
  const { folder, place, a, b } = await twoVolumes(t, MIRRORED);
  const old = path.join(folder, 'old');
  const [one, two, three] = [1, 2, 3].map((i) => noise(9 * CHUNK, i)) as [Buffer, Buffer, Buffer];
  await within(place, MIRRORED, (store) => write(store, '/f', one));
  cpSync(a, old, { recursive: true });
  await within(place, MIRRORED, (store) => write(store, '/g', two));
  replaceFolder(old, a);
  const before = readdirSync(a).join();
  const size = segmentBytes(a);
  await within(place, MIRRORED, async (store) => {
    t.match(await states(store), { a: 'stale', b: 'online' });
    t.ok(same(await read(store, '/f'), one));
    t.ok(same(await read(store, '/g'), two));
    const { faults } = await scrub(store);
    t.ok(faults.length > 0 && faults.every(({ what }) => what.includes(a)));
    await write(store, '/h', three);
    t.ok(same(await read(store, '/h'), three));
    t.match(await states(store), { a: 'stale' });
  });
  t.equal(segmentBytes(a), size);
  t.equal(readdirSync(a).join(), before);
  t.ok(segmentBytes(b) > size);
});

t.test('an old handle that begins to write does not make an old copy look right', async (t) => {
  const { folder, place, a } = await twoVolumes(t, MIRRORED);
  const old = path.join(folder, 'old');
  const late = await Regalia.open(place, MIRRORED);
  await within(place, MIRRORED, (store) => write(store, '/1', noise(9 * CHUNK, 1)));
  cpSync(a, old, { recursive: true });
  await within(place, MIRRORED, (store) => write(store, '/2', noise(9 * CHUNK, 2)));
  await write(late, '/3', noise(9 * CHUNK, 3));
  await late.close();
  await within(place, MIRRORED, async (store) => {
    t.match(await states(store), { a: 'online', b: 'online' });
  });
  replaceFolder(old, a);
  await within(place, MIRRORED, async (store) => t.match(await states(store), { a: 'stale' }));
});

t.test('the same volume at two paths is refused, and is moved if it is at one', async (t) => {
  const { folder, place, a } = await twoVolumes(t, OPTIONS);
  const copy = path.join(folder, 'copy');
  const bytes = noise(9 * CHUNK, 1);
  await within(place, OPTIONS, async (store) => {
    await write(store, '/f', bytes);
    cpSync(a, copy, { recursive: true });
    const error = await errorOf(store.addVolume(copy));
    t.match(error, { code: 'REGALIA_VOLUME', data: { path: copy, reason: /duplicate/ } });
    t.match(await states(store), { a: 'online', b: 'online' });
    rmSync(copy, { recursive: true });
    renameSync(a, copy);
    await store.addVolume(copy);
    t.match(await states(store), { copy: 'online', b: 'online' });
    t.equal((await store.volumes()).length, 3, 'it is one of its own, not another');
    t.ok(same(await read(store, '/f'), bytes));
    t.ok(same(await write(store, '/g', bytes).then(() => read(store, '/g')), bytes));
    t.strictSame((await scrub(store)).faults, []);
  });
  if (process.platform === 'linux') t.strictSame(openBeneath(folder), [], 'no file is left open');
  await within(place, OPTIONS, async (store) => t.match(await states(store), { copy: 'online' }));
});

t.test("another store's volume is refused, and told as foreign where it is found", async (t) => {
  const [ours, theirs] = [await twoVolumes(t, OPTIONS), await twoVolumes(t, OPTIONS)];
  await within(ours.place, OPTIONS, async (store) => {
    for (const place of [theirs.a, theirs.first]) {
      const error = await errorOf(store.addVolume(place));
      t.match(error, { code: 'REGALIA_VOLUME', data: { path: place, reason: /foreign/ } });
    }
    t.equal((await store.volumes()).length, 3);
    // Both are weighed alike, so that each would be given something.
    for (let i = 0; i < 20; i++) await write(store, `/f${i}`, noise(2 * CHUNK, i + 1));
  });
  replaceFolder(theirs.a, ours.a);
  const before = readdirSync(ours.a).join();
  await within(ours.place, OPTIONS, async (store) => {
    t.match(await states(store), { a: 'foreign', b: 'online' });
    const infos = await store.volumes();
    t.match(
      infos.map(({ bytes }) => typeof bytes),
      ['number', 'undefined', 'number'],
    );
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, i) => codeOf(read(store, `/f${i}`))),
    );
    t.strictSame([...new Set(codes)].sort(), ['REGALIA_MISSING', 'done']);
    for (let i = 0; i < 20; i++) await write(store, `/g${i}`, noise(2 * CHUNK, i + 101));
  });
  t.equal(readdirSync(ours.a).join(), before, 'nothing is written there');
});

t.test('folders with other things, and options that make no sense, are refused', async (t) => {
  const { folder, place, a } = await twoVolumes(t, OPTIONS);
  const full = path.join(folder, 'full');
  mkdirSync(full);
  writeFileSync(path.join(full, 'letter.txt'), 'kept');
  await within(place, OPTIONS, async (store) => {
    t.equal(await codeOf(store.addVolume(full)), 'REGALIA_EXISTS');
    t.strictSame(readdirSync(full), ['letter.txt']);
    for (const weight of [-1, 1.5, Number.NaN, 1_000_001, '1']) {
      const change = { weight: weight as number };
      t.equal(await codeOf(store.addVolume(path.join(folder, 'c'), change)), 'REGALIA_OPTION');
      t.equal(await codeOf(store.setVolume(a, change)), 'REGALIA_OPTION');
    }
    const state = 'missing' as 'online';
    t.equal(await codeOf(store.setVolume(a, { state })), 'REGALIA_OPTION');
    t.equal(await codeOf(store.setVolume(full, { weight: 1 })), 'REGALIA_NOT_FOUND');
    t.equal((await store.volumes()).length, 3);
  });
  const reader = await Regalia.open(place, { readOnly: true });
  t.equal(await codeOf(reader.addVolume(path.join(folder, 'c'))), 'REGALIA_READ_ONLY');
  t.equal(await codeOf(reader.setVolume(a, { weight: 3 })), 'REGALIA_READ_ONLY');
  t.match(await states(reader), { a: 'online' });
  await reader.close();
});

for (const change of [{ state: 'read-only' }, { weight: 0 }] as const) {
  t.test(`a volume with ${JSON.stringify(change)} is read, and gets nothing new`, async (t) => {
    const { place, a, b } = await twoVolumes(t, MIRRORED);
    const bytes = noise(9 * CHUNK, 1);
    await within(place, MIRRORED, async (store) => {
      await write(store, '/f', bytes);
      await store.setVolume(a, change);
      const [, info] = await store.volumes();
      t.match(info, change);
      const before = [segmentBytes(a), segmentBytes(b)] as const;
      for (let i = 0; i < 5; i++) await write(store, `/g${i}`, noise(9 * CHUNK, 10 + i));
      t.equal(segmentBytes(a), before[0]);
      t.ok(segmentBytes(b) > before[1] + 45 * CHUNK);
      t.ok(same(await read(store, '/f'), bytes));
    });
    const size = segmentBytes(a);
    await within(place, MIRRORED, async (store) => {
      t.match((await store.volumes())[1], change, 'also when it is opened again');
      await write(store, '/h', noise(9 * CHUNK, 20));
      t.equal(segmentBytes(a), size);
      const id = (await store.volumes())[1]?.id as string;
      await store.setVolume(id, { state: 'online', weight: 1 });
      await write(store, '/i', noise(9 * CHUNK, 21));
      t.ok(segmentBytes(a) > size, 'until it is set so again');
      t.strictSame((await scrub(store)).faults, []);
    });
  });
}

t.test(
  'a store all of whose volumes are set apart says so, and takes what is inline',
  async (t) => {
    const { place, a, b } = await twoVolumes(t, OPTIONS);
    await within(place, OPTIONS, async (store) => {
      await store.setVolume(a, { state: 'read-only' });
      await store.setVolume(b, { weight: 0 });
      const error = await errorOf(write(store, '/f', noise(CHUNK, 1)));
      t.match(error, { code: 'REGALIA_VOLUME', data: { reason: /read-only/ } });
      await write(store, '/small', noise(10, 1));
      t.ok(same(await read(store, '/small'), noise(10, 1)));
      await store.setVolume(a, { state: 'online' });
      await write(store, '/f', noise(CHUNK, 1));
      t.ok(same(await read(store, '/f'), noise(CHUNK, 1)));
    });
  },
);
