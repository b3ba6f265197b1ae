/**
 * Walks: children first, everything once or more, nothing that a base has; at a cost that follows
 * the difference; and on past what cannot be read, if asked.
 */
import t from 'tap';
import { addressText } from '../../src/blocks/address.js';
import { BlockKind } from '../../src/ground/block-header.js';
import type { Regalia } from '../../src/index.js';
import type { LogEntry } from '../../src/log/entry.js';
import { type CommitRef, walkCommit } from '../../src/reach/commit-walk.js';
import { keyText } from '../../src/tree/key.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { bytes, noise } from '../store/setup.js';
import { coreOf, headOf, seededStore, variedStore } from '../sync/setup.js';

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

t.test('what cannot be read is reported at its place, and the walk goes on', async (t) => {
  const store = await variedStore(1, 900);
  const { blocks } = coreOf(store);
  const all = [...walkCommit({ cache: freshCache(store) }, refOf(store))].map((block) => ({
    ...block,
    key: keyText(block.names()),
  }));
  const read = blocks.read.bind(blocks);
  for (const lost of all.filter(({ kind }) => kind !== BlockKind.chunk)) {
    blocks.read = (id, address, what) => {
      if (addressText(address) === addressText(lost.address)) throw new Error('lost');
      return read(id, address, what);
    };
    const reported = [...walkCommit({ cache: freshCache(store) }, refOf(store), { faults: true })];
    const faults = reported.filter((block) => block.fault !== undefined);
    if (faults.length === 0) t.fail(`no fault for a block of kind ${lost.kind} at ${lost.key}`);
    for (const { address } of faults) t.same(addressText(address), addressText(lost.address));
    t.throws(() => [...walkCommit({ cache: freshCache(store) }, refOf(store))], /lost/);
  }
});
