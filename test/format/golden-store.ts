/**
 * The store that fixtures hold: small, of every kind of block but heads deeper than one level, and
 * the same in every address wherever it is made, since clock and randomness are played. A fixture
 * is its files, by gzip; a new format version adds one, made by `makeGolden`, and never touches
 * those that are there.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { actorFromSeed, Regalia } from '../../src/index.js';

export const GOLDEN = {
  head: 'sha256:f736ac848b54141801949a4831a4822568c13a0a47c8e84d13e88bf6087e6bbb',
  draft: 'sha256:c8a117ff07b1fe1d901ff441f4cbaeb1f8821da5fe33828e0878de1410b1f7e4',
  root: 'sha256:6d0a4a751cd873156b5d4bbdb5843de5652eb2b5fa246602aeaaf5e1d44ce468',
  entries: 126,
  messages: ['change within', 'move a cat', 'add photos', 'init'],
} as const;

export const content: Uint8Array = Uint8Array.from({ length: 70_000 }, (_, i) => (i * i) >>> 7);

/** Makes the store in a folder, and closes it. */
export async function makeGolden(folder: string): Promise<void> {
  let now = 1_700_000_000_000;
  let fill = 0;
  const store = await Regalia.open(folder, {
    actor: actorFromSeed(new Uint8Array(32).fill(7)),
    now: () => (now += 1000),
    random: (length) => new Uint8Array(length).fill(++fill),
    streams: { acl: { inlineMax: 4096 }, title: { encoding: 'utf8' } },
  });
  const message = (text: string): { message: string } => ({ message: text });
  await store.transact(async (tx) => {
    tx.put('/photos/cat.jpg', 'title', 'a cat');
    tx.put('/photos/cat.jpg', 'acl', new Uint8Array(2000).fill(65));
    for (let i = 0; i < 120; i++) {
      tx.put(`/many/name-${String(i).padStart(3, '0')}`, 'note', new Uint8Array(40).fill(i));
    }
    await tx.write('/photos/cat.jpg', 'content', content);
  }, message('add photos'));
  await store.transact((tx) => {
    tx.createBucket('/inner');
    tx.put('/inner/one', 'note', Uint8Array.of(1));
    tx.move('/photos/cat.jpg', '/cats/tom.jpg');
  }, message('move a cat'));
  await store.transact((tx) => {
    tx.put('/inner/two', 'note', Uint8Array.of(2));
  }, message('change within'));
  await store.tags.set('v1');
  const draft = await store.fork('draft');
  await draft.transact((tx) => tx.del('/many/name-007'), message('drop a name'));
  await store.close();
}

const fixtures = new URL('../../../test/format/fixtures/', import.meta.url);

/** Puts a fixture in the place of a folder: a copy, as its files are others. */
export async function unpackFixture(version: number, folder: string): Promise<void> {
  const packed = await readFile(new URL(`store-${version}.json.gz`, fixtures));
  const files = JSON.parse(gunzipSync(packed).toString()) as Record<string, string>;
  for (const [name, base64] of Object.entries(files)) {
    const file = join(folder, name);
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(file, Buffer.from(base64, 'base64'), { mode: 0o600 });
  }
}

/** Packs a store's files as the fixture of a version. Only for a version that has none. */
export async function packFixture(version: number, folder: string): Promise<void> {
  const files: Record<string, string> = {};
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || entry.name === 'lock.mdb') continue;
    const file = join(entry.parentPath, entry.name);
    files[relative(folder, file)] = (await readFile(file)).toString('base64');
  }
  const packed = gzipSync(JSON.stringify(files), { level: 9 });
  await writeFile(new URL(`store-${version}.json.gz`, fixtures), packed, { flag: 'wx' });
}
