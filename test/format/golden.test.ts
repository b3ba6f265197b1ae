/**
 * Stores that older releases wrote are still opened, and the same contents still have the same
 * addresses.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { nameText } from '../../src/ground/text.js';
import { Regalia } from '../../src/index.js';
import { content, GOLDEN, makeGolden, unpackFixture } from './golden-store.js';

const folder = await mkdtemp(join(tmpdir(), 'regalia-golden-'));
t.teardown(() => rm(folder, { recursive: true, force: true }));

t.test('a store made today has the addresses that it always had', async (t) => {
  const place = join(folder, 'today');
  await makeGolden(place);
  const store = await Regalia.open(place, { readOnly: true });
  await check(t, store);
  await store.close();
});

t.test('a store of version 1 is read, verified and written to', async (t) => {
  const place = join(folder, 'version-1');
  await unpackFixture(1, place);
  const reader = await Regalia.open(place, { readOnly: true });
  await check(t, reader);
  await reader.close();
  await t.rejects(Regalia.open(place), { code: 'REGALIA_CLONED' });
  const store = await Regalia.open(place, { adopt: true });
  await store.transact((tx) => tx.put('/new', 'note', Uint8Array.of(1)));
  t.ok(store.snapshot().get('/new', 'note'));
  t.equal(await faultsOf(store), 0);
  await store.close();
});

async function check(t: Test, store: Regalia): Promise<void> {
  const { head, root, entries } = store.stats();
  t.same({ head, root, entries }, { head: GOLDEN.head, root: GOLDEN.root, entries: 126 });
  t.equal(store.branches.get('draft')?.commit, GOLDEN.draft);
  t.equal(store.tags.get('v1')?.commit, GOLDEN.head);
  t.same(
    [...store.log()].map(({ message }) => message),
    GOLDEN.messages,
  );
  const snapshot = store.snapshot();
  const title = snapshot.get('/cats/tom.jpg', 'title')?.inline;
  t.equal(title && nameText(title), 'a cat');
  t.same(await snapshot.get('/cats/tom.jpg', 'content')?.bytes(), content);
  t.equal([...snapshot.children('/many')].length, 120);
  t.same(snapshot.get('/inner/two', 'note')?.inline, Uint8Array.of(2));
  t.notOk(store.branch('draft').snapshot().entry('/many/name-007'));
  t.equal(await faultsOf(store), 0);
}

async function faultsOf(store: Regalia): Promise<number> {
  let faults = -1;
  for await (const row of store.verify()) if (row.kind === 'summary') faults = row.faults;
  return faults;
}
