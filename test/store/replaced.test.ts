/**
 * A store whose file was moved away or replaced while it is open commits nothing: what it would
 * acknowledge nobody could find.
 */
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { isRegaliaError, Regalia } from '../../src/index.js';
import { bytes, codeOf, put, textAt } from './setup.js';

t.setTimeout(120_000);

t.test('a folder that was removed and made anew', async (t) => {
  const place = path.join(t.testdir(), 'store');
  const store = await Regalia.open(place);
  await put(store, { '/a': '1' });
  const tx = store.begin();
  tx.put('/b', 's', bytes('1'));
  fs.rmSync(place, { recursive: true });
  for (const durability of ['sync', 'group', 'none'] as const) {
    const lost = store.transact((tx) => tx.put('/c', 's', bytes('1')), { durability });
    t.equal(await codeOf(lost), 'REGALIA_IO', durability);
  }
  await using made = await Regalia.open(place);
  await put(made, { '/new': '1' });
  const error = await tx.commit().catch((error: unknown) => error);
  t.ok(isRegaliaError(error, 'REGALIA_IO'));
  t.match(error, { outcome: 'none', data: { operation: 'commit' }, message: /open it again/ });
  for (const work of [store.fork('f'), store.tags.set('t'), store.branches.reset('main', 'main')]) {
    t.equal(await codeOf(work), 'REGALIA_IO');
  }
  t.equal(textAt(store.snapshot(), '/a'), '1', 'it is read as before');
  t.equal(store.snapshot().entry('/b'), undefined);
  await store.close();
  t.equal(textAt(made.snapshot(), '/new'), '1');
  t.equal(made.stats().commits, 2);
});

t.test('a backup that was put in its place, and one that came back', async (t) => {
  const folder = t.testdir();
  const [place, copy, aside] = ['store', 'copy', 'aside'].map((one) => path.join(folder, one));
  await using store = await Regalia.open(place as string, { durability: 'none' });
  await using other = await Regalia.open(place as string);
  await put(store, { '/a': '1' });
  await store.backup(copy as string);
  fs.renameSync(place as string, aside as string);
  t.equal(await codeOf(put(store, { '/b': '1' })), 'REGALIA_IO', 'moved away');
  fs.renameSync(copy as string, place as string);
  t.equal(await codeOf(put(store, { '/b': '1' })), 'REGALIA_IO', 'replaced');
  t.equal(await codeOf(put(other, { '/b': '1' })), 'REGALIA_IO', 'by whatever handle');
  t.equal(await codeOf(store.flush()), 'REGALIA_IO');
  await using moved = await Regalia.open(aside as string);
  await put(moved, { '/c': '1' }, 'where it is now');
  t.equal(await codeOf(put(store, { '/b': '1' })), 'REGALIA_IO', 'though it is open elsewhere');
  t.equal(textAt(store.snapshot(), '/c'), '1');
  fs.renameSync(place as string, copy as string);
  fs.renameSync(aside as string, place as string);
  await put(store, { '/b': '1' });
  t.equal(textAt(store.snapshot(), '/b'), '1', 'back where it was');
});
