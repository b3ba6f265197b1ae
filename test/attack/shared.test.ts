/**
 * Trees that share: a directory that was copied into a copy of itself, again and again. An honest
 * store makes such a one in a few calls. It has 2^24 entries in some dozens of blocks, and so
 * whatever walks it goes by address: a walk by place never ends. The budget is of nodes asked for.
 */
import assert from 'node:assert/strict';
import path from 'node:path';
import t from 'tap';
import { openPackIndex, Regalia } from '../../src/index.js';
import { noise } from '../store/setup.js';
import { collect } from '../sync/setup.js';
import { cameTo, within } from './lab.js';

const LEVELS = 24;
/** Many times the nodes that there are. */
const BUDGET = 5_000;

/** Copies a directory of some entries into itself: twice as many entries with each level. */
async function doubled(store: Regalia): Promise<void> {
  const tx = store.begin();
  for (let i = 0; i < 30; i++) tx.put(`/0/${i}`, 's', noise(60, i + 1));
  await tx.write('/0/content', 'content', noise(5_000));
  await tx.commit();
  for (let i = 1; i <= LEVELS; i++) {
    await store.transact((tx) => {
      tx.copy(`/${i - 1}`, `/${i}/left`);
      tx.move(`/${i - 1}`, `/${i}/right`);
    });
  }
}

t.test('what shares below it is forked, edited, compared and merged', async (t) => {
  const store = await Regalia.memory();
  await doubled(store);
  t.ok(store.stats().entries > 2 ** LEVELS);
  const last = `/${LEVELS}${'/left'.repeat(LEVELS)}`;
  const side = await store.fork('side');
  const edit = (on: Regalia | typeof side, key: string) =>
    on.transact((tx) => tx.put(key, 's', noise(60, 99)));
  await within(BUDGET, async () => {
    await edit(side, `${last}/1`);
    await edit(store, `${last}/2`);
    t.equal([...store.diff('main', 'side')].length, 2);
    t.match(await store.merge('side'), { merged: true, conflicts: [] });
  });
});

const WALKS: Readonly<Record<string, (store: Regalia) => unknown>> = {
  'an export, which has no index of so many keys': async (store) => {
    const pack = await collect(store.export());
    const read = (offset: number, length: number) => pack.subarray(offset, offset + length);
    const opened = openPackIndex({ size: pack.length, read });
    await assert.rejects(opened, { code: 'REGALIA_NOT_FOUND' });
    const asked = collect(store.export({ index: true }));
    await assert.rejects(asked, { code: 'REGALIA_OPTION' });
  },
  'a verification': async (store) => {
    for await (const _ of store.verify());
  },
  'a collection': (store) => store.gc({ graceMs: 0 }),
  'statistics of contents': async (store) => {
    const { streams } = await store.contentStats();
    assert.deepEqual(
      streams.map(({ stream, contents }) => [stream, contents]),
      [['content', 2 ** LEVELS]],
    );
  },
  repair: (store) => store.repair(),
};

for (const [what, walk] of Object.entries(WALKS)) {
  t.test(`${what} goes through each block once`, async (t) => {
    await using store = await Regalia.open(path.join(t.testdir(), 'store'));
    await doubled(store);
    t.equal(await within(BUDGET, () => cameTo(() => walk(store))), 'done');
  });
}
