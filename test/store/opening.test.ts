/** Many who open a new store at once make one, and nobody leaves anything beside it. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type OpenOptions, Regalia } from '../../src/index.js';
import { bare } from '../bare.js';
import { codeOf, keysOf, noise, put } from './setup.js';

const child = fileURLToPath(new URL('./opening-child.js', import.meta.url));

t.setTimeout(120_000);

/** Bytes as the store asks for them, of which each is another; `before` comes before the first. */
function randomAfter(before: () => void): OpenOptions {
  let count = 0;
  return {
    random: (length) => {
      if (count++ === 0) before();
      return noise(length, count);
    },
  };
}

t.test('opened twice at once, a new store is made once', async (t) => {
  const folder = t.testdir();
  const place = path.join(folder, 'store');
  const stores = await Promise.all(Array.from({ length: 8 }, () => Regalia.open(place)));
  const ids = new Set(stores.map((store) => store.id));
  t.equal(ids.size, 1);
  await Promise.all(stores.map((store, i) => put(store, { [`/${i}`]: `${i}` })));
  t.equal(keysOf(stores[0]?.snapshot() as never).length, 9);
  for (const store of stores) await store.close();
  t.strictSame(fs.readdirSync(folder), ['store']);
});

t.test('many processes at once make one store', async (t) => {
  const folder = t.testdir();
  const place = path.join(folder, 'store');
  const names = ['a', 'b', 'c', 'd', 'e', 'f'];
  const children = names.map((name) => {
    const stdio: ['pipe', 'pipe', 'inherit'] = ['pipe', 'pipe', 'inherit'];
    return spawn(...bare(process.execPath, child, place, 'stay', name), { stdio });
  });
  const ended = children.map((one: ChildProcess) => once(one, 'exit'));
  await Promise.all(children.map((one, i) => Promise.race([once(one.stdout, 'data'), ended[i]])));
  for (const one of children) one.stdin.end();
  for (const [code] of await Promise.all(ended)) t.equal(code, 0);
  await using store = await Regalia.open(place, { create: false });
  t.strictSame(keysOf(store.snapshot()), ['/', ...names.map((name) => `/${name}`)]);
  t.strictSame(fs.readdirSync(folder), ['store']);
});

t.test('whoever is late opens what the first one made', async (t) => {
  const folder = t.testdir();
  const place = path.join(folder, 'store');
  const late = randomAfter(() => execFileSync(...bare(process.execPath, child, place, 'once')));
  const store = await Regalia.open(place, late);
  const { id } = store;
  await put(store, { '/a': '1' });
  await store.close();
  await using again = await Regalia.open(place);
  t.equal(again.id, id);
  t.strictSame(keysOf(again.snapshot()), ['/', '/a']);
  t.strictSame(fs.readdirSync(folder), ['store']);
});

t.test('whoever must make it is refused, and leaves nothing', async (t) => {
  const folder = t.testdir();
  const place = path.join(folder, 'store');
  await using source = await Regalia.memory();
  const late = randomAfter(() => execFileSync(...bare(process.execPath, child, place, 'once')));
  t.equal(await codeOf(Regalia.receive(place, source.export(), late)), 'REGALIA_EXISTS');
  t.strictSame(fs.readdirSync(folder), ['store']);
  await (await Regalia.open(place)).close();
});

t.test('what cannot be made has a code, and leaves nothing', async (t) => {
  const folder = t.testdir({ file: '' });
  await using source = await Regalia.open(path.join(folder, 'source'));
  for (const place of ['file', 'file/store', 'file/deep/store']) {
    const codes = [
      await codeOf(source.clone(path.join(folder, place))),
      await codeOf(Regalia.receive(path.join(folder, place), source.export())),
    ];
    for (const code of codes) t.match(code, /^REGALIA_(?:EXISTS|NOT_FOUND)$/, place);
  }
  t.strictSame(fs.readdirSync(folder), ['file', 'source']);
});

t.test('what a killed process was making goes when the store is opened', async (t) => {
  const folder = t.testdir();
  const place = path.join(folder, 'store');
  const killed = (): string | null => {
    return spawnSync(...bare(process.execPath, child, place, 'die')).signal;
  };
  t.equal(killed(), 'SIGKILL');
  t.not(fs.readdirSync(folder).length, 0, 'it had begun');
  await (await Regalia.open(place)).close();
  t.strictSame(fs.readdirSync(folder), ['store']);
  // One that was late, and was killed when the store was there.
  fs.renameSync(place, path.join(folder, 'aside'));
  t.equal(killed(), 'SIGKILL');
  fs.renameSync(path.join(folder, 'aside'), place);
  await (await Regalia.open(place)).close();
  t.strictSame(fs.readdirSync(folder), ['store']);
});
