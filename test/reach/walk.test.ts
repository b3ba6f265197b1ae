/**
 * Walks: children first, everything once or more, nothing that a base has; at a cost that follows
 * the difference.
 */
import t from 'tap';
import { BlockKind } from '../../src/ground/block-header.js';
import type { Regalia } from '../../src/index.js';
import type { LogEntry } from '../../src/log/entry.js';
import type { CommitRef } from '../../src/reach/commit-walk.js';
import { keyText } from '../../src/tree/key.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { bytes, noise } from '../store/setup.js';
import { coreOf, headOf, seededStore, variedStore, walkCommit } from '../sync/setup.js';

function refOf(store: Regalia, address = headOf(store)): CommitRef {
  const { history } = coreOf(store);
  return { ...(history.entry(address) as LogEntry), commit: history.commit(address) };
}

function freshCache(store: Regalia): NodeCache {
  return new NodeCache(coreOf(store).blocks, 4 * 1024 * 1024);
}

t.test('blocks are reported with the keys and streams that they belong to', async (t) => {
  const store = await variedStore();
  const found = new Map<string, string[]>();
  for (const block of walkCommit({ cache: freshCache(store) }, refOf(store))) {
    const place = `${keyText(block.names())} ${block.stream ?? ''}`.trim();
    found.set(place, [...(found.get(place) ?? []), String(block.kind)]);
  }
  t.ok(found.get('/large content')?.includes(String(BlockKind.manifest)));
  t.equal(found.get('/large content')?.filter((kind) => kind === '3').length, 4);
  t.ok(found.has('/inner') && found.has('/inner/core'), 'roots of buckets within');
  t.ok([...found].some(([place, kinds]) => place.startsWith('/wide ') && kinds.includes('2')));
});

t.test('a walk against a base reads what differs, however large the tree', async (t) => {
  const reads: number[] = [];
  for (const count of [2_000, 16_000]) {
    const store = await seededStore();
    await store.transact((tx) => {
      for (let i = 0; i < count; i++) tx.put(`/d/f${i}`, 's', noise(60, i + 1));
    });
    const base = refOf(store);
    await store.transact((tx) => tx.put('/d/f77', 's', bytes('changed')));
    const { blocks } = coreOf(store);
    let asked = 0;
    const read = blocks.read.bind(blocks);
    blocks.read = (...args) => {
      asked++;
      return read(...args);
    };
    const cache = freshCache(store);
    const reported = [...walkCommit({ cache }, refOf(store), { bases: [base] })];
    reads.push(asked);
    t.ok(reported.length <= 6, `${reported.length} blocks`);
  }
  t.comment(`${reads.join(' and ')} reads`);
  t.ok((reads[1] as number) <= (reads[0] as number) + 4);
});
