/**
 * The store that fixtures hold: small, of every kind of block but heads deeper than one level, and the same in every
 * address wherever it is made, since clock and randomness are played. A fixture is its data file, by gzip; a new format
 * version adds one, made by `makeGolden`, and never touches those that are there.
 */
import { readFile, rm, writeFile } from 'node:fs/promises';
import { gunzipSync, gzipSync } from 'node:zlib';
import { actorFromSeed, Regalia } from '../../src/index.js';

export const GOLDEN = {
  head: 'sha256:0c646691c9f0911b532142406ae7d8b16b4d0f6e22e791cb21b06625eff033d9',
  draft: 'sha256:570fe4afea438975563d20be0fc3897260571d16de2ee4932018972c871a9ed2',
  root: 'sha256:a3d6458bb396b7e906f6efc256d02e94078a528e60e386a8dd5ac6fd7bcba006',
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

/** Puts a fixture's data file in the place of that of a store. */
export async function unpackFixture(version: number, folder: string): Promise<void> {
  const packed = await readFile(new URL(`store-${version}.mdb.gz`, fixtures));
  // Another file, as in a folder that was copied.
  for (const name of ['data.mdb', 'lock.mdb']) await rm(`${folder}/gen-000001/${name}`);
  await writeFile(`${folder}/gen-000001/data.mdb`, gunzipSync(packed));
}

/** Packs a store's data file as the fixture of a version. Only for a version that has none. */
export async function packFixture(version: number, folder: string): Promise<void> {
  const data = await readFile(`${folder}/gen-000001/data.mdb`);
  const packed = gzipSync(data, { level: 9 });
  await writeFile(new URL(`store-${version}.mdb.gz`, fixtures), packed, { flag: 'wx' });
}
