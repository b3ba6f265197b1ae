/**
 * What a merge reads: nodes in proportion to what changed, whatever the size of the tree.
 */
import t, { type Test } from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import type { Policies } from '../../src/merge/resolve.js';
import { diffTrees } from '../../src/tree/diff.js';
import { Tree } from '../../src/tree/lookup.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { cloneEntry, type Entry, Laboratory, newEntry, put } from '../tree/model.js';
import { merge } from './merging.js';

const CHANGES = 40;

/** An engine that counts the extents that are viewed. */
function counting(engine: Engine): { engine: Engine; views: () => number } {
  let count = 0;
  const view: Engine['view'] = (table, key) => {
    if (table === 'extents') count++;
    return engine.view(table, key);
  };
  const counted = new Proxy(engine, {
    get(target, property) {
      if (property === 'view') return view;
      const found = Reflect.get(target, property) as unknown;
      return typeof found === 'function' ? found.bind(target) : found;
    },
  });
  return { engine: counted, views: () => count };
}

function large(count: number): Entry {
  const top = newEntry();
  for (let i = 0; i < count; i++) put(top, `/d${i % 20}/f${i}`, 's', `contents ${i}`.repeat(4));
  return top;
}

function changed(model: Entry, count: number, salt: number): Entry {
  const copy = cloneEntry(model);
  for (let i = 0; i < CHANGES; i++) {
    const n = ((i * 2_654_435_761 + salt * 40_503) >>> 0) % count;
    put(copy, `/d${n % 20}/f${n}`, 's', `changed by ${salt}`);
  }
  return copy;
}

/** The extents viewed by a diff, and by a merge, of cold trees. */
async function costOf(t: Test, count: number): Promise<{ diff: number; merge: number }> {
  const { engine, views } = counting(openMemory());
  const laboratory = await Laboratory.open(engine, 4_000);
  const model = large(count);
  const roots = [model, changed(model, count, 1), changed(model, count, 2)].map((each) => {
    return laboratory.build(each).root;
  });
  const { blocks } = laboratory.writer;
  await engine.write((batch) => blocks.emit(batch), 'none');
  blocks.published();
  const cold = (): Tree[] => {
    const cache = new NodeCache(laboratory.blocks, 64 * 1024 * 1024);
    return roots.map(({ id, address }) => Tree.load(cache, id, address));
  };
  const start = views();
  const [a, b] = cold();
  const rows = [...diffTrees(a, b)].length;
  const diff = views() - start;
  t.ok(rows > CHANGES / 2, `${rows} rows`);
  const [base, ours, theirs] = cold() as [Tree, Tree, Tree];
  const { cache } = base;
  const middle = views();
  const given: Policies = { entries: () => 'ours', streams: () => 'ours' };
  const { changed: copied } = merge(laboratory, base, ours, theirs, { cache, given }).result;
  t.ok(copied > CHANGES / 2, `${copied} copied`);
  return { diff, merge: views() - middle };
}

t.test('nodes read grow with the changes, not with the tree', async (t) => {
  const costs = [];
  for (const count of [2_000, 16_000, 128_000]) costs.push(await costOf(t, count));
  const [small, , huge] = costs as [
    { diff: number; merge: number },
    unknown,
    { diff: number; merge: number },
  ];
  t.comment(JSON.stringify(costs));
  t.ok(huge.diff < CHANGES * 8, `${huge.diff} nodes for a diff`);
  t.ok(huge.merge < CHANGES * 8, `${huge.merge} nodes for a merge`);
  t.ok(huge.diff < small.diff * 4, `${small.diff} nodes in a tree of a 64th of the size`);
});
