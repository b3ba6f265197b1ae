/**
 * Packs there and back: whole histories, deltas, single buckets, without contents, without history;
 * the same bytes every time; and what a receiver has is skipped.
 */
import t from 'tap';
import { type Address, addressText } from '../../src/blocks/address.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { branch } from '../../src/log/branches.js';
import type { LogEntry } from '../../src/log/entry.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { bytes, noise } from '../store/setup.js';
import {
  bare,
  blocksOf,
  branchesOf,
  bucketOf,
  coreOf,
  headOf,
  headsOfNested,
  importInto,
  importRows,
  pack,
  seededStore,
  trailerOf,
  variedStore,
  walkCommit,
} from './setup.js';

t.test('a whole history comes over: every commit, block and signature', async (t) => {
  const store = await variedStore();
  const packed = await pack({ store });
  const to = bare();
  const result = await importInto(to, packed);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
  t.equal(result.bytes, packed.length);
  t.equal(result.cut, 0);
  t.strictSame(result.heads, [{ branch: 'main', commit: headOf(store) }]);
  t.equal(branchesOf(to.engine, bucketOf(store)).join(), 'main');
  const { history } = coreOf(store);
  for (const entry of history.log(bucketOf(store))) {
    const other = to.history.entry(entry.address);
    if (!equalBytes(other?.signature ?? noise(1), entry.signature ?? noise(1))) {
      t.fail(`the signature of ${addressText(entry.address)}`);
    }
  }
  t.equal(importRows(to.engine), 0, 'nothing is left of the import');
  t.strictSame(trailerOf(packed).length, packed.length);
});

t.test('local ids come with the links: no read goes by address', async (t) => {
  const store = await variedStore();
  const to = bare();
  await importInto(to, await pack({ store }));
  let asked = 0;
  const { index } = to.blocks;
  const ask = index.candidates.bind(index);
  index.candidates = (address) => {
    asked++;
    return ask(address);
  };
  const commit = to.history.commit(headOf(store));
  const entry = to.history.entry(headOf(store)) as LogEntry;
  const cache = new NodeCache(to.blocks, 4 * 1024 * 1024);
  let count = 0;
  for (const block of walkCommit({ cache }, { ...entry, commit })) {
    count++;
    t.not(block.id, 0);
    to.blocks.read(block.id, block.address, 'block');
  }
  t.ok(count > 8, `${count} blocks`);
  t.equal(asked, 0);
});

t.test('a delta brings what is new, and no more', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (let i = 0; i < 5_000; i++) tx.put(`/d${i % 7}/f${i}`, 's', noise(60, i + 1));
  });
  const before = headOf(store);
  const to = bare();
  const whole = await pack({ store });
  await importInto(to, whole);
  await store.transact((tx) => tx.put('/d3/f3', 's', bytes('changed')));
  const delta = await pack({ store, haves: [before] });
  t.ok(delta.length < 12_000, `${delta.length} bytes beside ${whole.length}`);
  t.ok(trailerOf(delta).blocks <= 6, `${trailerOf(delta).blocks} blocks`);
  const result = await importInto(to, delta);
  t.equal(result.commits, 1);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('deltas step by step lead to what a whole pack gives', async (t) => {
  const store = await variedStore();
  const core = coreOf(store);
  const to = bare();
  let have: Address[] = [];
  for (const { address } of core.history.log(bucketOf(store))) {
    const wants = [{ branch: 'main', commit: address }];
    await importInto(to, await pack({ store, wants, haves: have }));
    have = [address, ...have].slice(0, 3);
  }
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(core, headOf(store)));
});

t.test('a bucket moved into another brings only the commits that are new', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    tx.createBucket('/n');
    tx.put('/n/x', 's', bytes('0'));
    tx.createBucket('/m');
    tx.createBucket('/m/inner');
  });
  for (let i = 1; i < 5; i++) {
    await store.transact((tx) => tx.put('/n/x', 's', bytes(`${i}`)));
    await store.transact((tx) => tx.put('/m/inner/x', 's', bytes(`${i}`)));
  }
  const before = headOf(store);
  const to = bare();
  await importInto(to, await pack({ store }));
  await store.transact((tx) => tx.put('/n/x', 's', bytes('last')));
  await store.transact((tx) => tx.move('/n', '/m/n'));
  await store.transact((tx) => tx.move('/m/inner', '/m/n/inner'));
  const delta = await pack({ store, haves: [before] });
  const news = [...coreOf(store).history.log(bucketOf(store))].length - 10;
  const { commits } = await importInto(to, delta);
  t.equal(trailerOf(delta).commits, commits, 'none came that was there');
  t.equal(news, 3, 'of the outermost');
  t.equal(commits, news + 2 + 2, 'two of the bucket, and of the one that it came into');
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('commits that come although they are here need no name', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    tx.createBucket('/n');
    tx.createBucket('/m');
  });
  await store.transact((tx) => tx.put('/n/x', 's', bytes('1')));
  await store.fork('aside');
  await store.transact((tx) => tx.del('/n'));
  const before = headOf(store);
  const to = bare();
  await importInto(to, await pack({ store }));
  const aside = store.branch('aside');
  await aside.transact((tx) => tx.put('/n/x', 's', bytes('2')));
  await aside.transact((tx) => tx.move('/n', '/m/n'));
  await store.merge('aside', { policy: 'theirs' });
  const delta = await pack({ store, haves: [before] });
  await importInto(to, delta);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('a pack of what is here already is a header and a trailer', async (t) => {
  const store = await variedStore();
  const to = bare();
  await importInto(to, await pack({ store }));
  const nothing = await pack({ store, haves: [headOf(store)] });
  t.ok(nothing.length < 300, `${nothing.length} bytes`);
  const result = await importInto(to, nothing);
  t.equal(result.commits, 0);
  t.strictSame(result.heads, [{ branch: 'main', commit: headOf(store) }]);
});

t.test('the same pack twice changes nothing', async (t) => {
  const store = await variedStore();
  const to = bare();
  const packed = await pack({ store });
  await importInto(to, packed);
  const extents = to.engine.count('extents');
  const again = await importInto(to, packed);
  t.equal(again.commits, 0);
  t.equal(again.blocks, 0);
  t.equal(to.engine.count('extents'), extents);
});

t.test('the same store, wants and haves give the same bytes', async (t) => {
  const store = await variedStore();
  const before = headOf(store);
  const whole = await pack({ store });
  t.ok(equalBytes(whole, await pack({ store })));
  await store.transact((tx) => tx.put('/files/f9', 's', bytes('later')));
  const delta = await pack({ store, haves: [before] });
  t.ok(equalBytes(delta, await pack({ store, haves: [before, before] })));
  const twin = await variedStore();
  t.ok(equalBytes(whole, await pack({ store: twin })), 'also from another store of equal history');
});

t.test('an export begins at any byte', async (t) => {
  const store = await variedStore(1, 8);
  const whole = await pack({ store });
  for (let from = 0; from <= whole.length; from += from < 200 ? 31 : 19_999) {
    const rest = await pack({ store, from });
    if (!equalBytes(rest, whole.subarray(from))) t.fail(`from ${from}`);
  }
  t.ok(equalBytes(await pack({ store, from: whole.length }), new Uint8Array(0)));
});

t.test('a bucket within travels alone, and its commits verify alone', async (t) => {
  const store = await variedStore();
  const core = coreOf(store);
  for (const { bucket, commit } of headsOfNested(core, headOf(store))) {
    const wants = [{ branch: 'main', commit }];
    const to = bare();
    const result = await importInto(to, await pack({ store, bucket, wants }), { bucket });
    t.strictSame(result.bucket, bucket);
    t.strictSame(blocksOf(to, commit), blocksOf(core, commit));
    t.equal(branch(to.engine, bucket, 'main')?.head.join(), commit.join());
    t.equal(to.history.entry(headOf(store)), undefined);
  }
});

t.test('without nested commits the buckets within have contents, and no history', async (t) => {
  const store = await variedStore();
  const to = bare();
  const result = await importInto(to, await pack({ store, nested: false }));
  t.equal(result.nested, false);
  for (const { commit } of headsOfNested(coreOf(store), headOf(store))) {
    t.equal(to.history.entry(commit), undefined);
  }
  t.ok(to.history.entry(headOf(store)));
});

t.test('without contents the chunks stay behind, and metadata is whole', async (t) => {
  const store = await variedStore();
  const whole = await pack({ store });
  const light = await pack({ store, contents: false });
  t.ok(light.length < whole.length - 190_000, `${light.length} beside ${whole.length}`);
  const to = bare();
  const result = await importInto(to, light);
  t.equal(result.contents, false);
  t.throws(() => blocksOf(to, headOf(store)), { code: 'REGALIA_MISSING' });
  await importInto(to, whole);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('a shallow pack brings a state without its past', async (t) => {
  const store = await variedStore();
  const to = bare();
  const result = await importInto(to, await pack({ store, shallow: true }));
  t.ok(result.cut > 0);
  const entry = to.history.entry(headOf(store));
  t.equal(entry?.cut, true);
  t.equal(entry?.height, coreOf(store).history.entry(headOf(store))?.height);
  const commits = [...to.history.log(bucketOf(store))];
  t.equal(commits.length, 1);
});

t.test('a have that the sender does not know is reported, and ignored', async (t) => {
  const store = await variedStore();
  const strange = headOf(store).slice();
  strange[5] = (strange[5] as number) ^ 1;
  const unknown: string[] = [];
  const packed = await pack({
    store,
    haves: [strange],
    onUnknown: (have) => unknown.push(hex(have)),
  });
  t.strictSame(unknown, [hex(strange)]);
  t.ok(equalBytes(packed, await pack({ store })));
});

t.test('a moved directory is not sent again', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (let i = 0; i < 3_000; i++) tx.put(`/big/f${i}`, 's', noise(80, i + 1));
    tx.put('/else', 's', bytes('here'));
  });
  const before = headOf(store);
  await store.transact((tx) => tx.move('/big', '/else/where'));
  const delta = await pack({ store, haves: [before] });
  t.ok(delta.length < 2_000, `${delta.length} bytes`);
  const to = bare();
  await importInto(to, await pack({ store, wants: [{ branch: 'main', commit: before }] }));
  await importInto(to, delta);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('a directory that becomes a bucket is not sent again', async (t) => {
  const store = await seededStore();
  await store.transact((tx) => {
    for (let i = 0; i < 3_000; i++) tx.put(`/big/f${i}`, 's', noise(80, i + 1));
  });
  const before = headOf(store);
  await store.transact((tx) => tx.createBucket('/big'));
  const delta = await pack({ store, haves: [before] });
  t.ok(delta.length < 2_500, `${delta.length} bytes`);
  const to = bare();
  await importInto(to, await pack({ store, wants: [{ branch: 'main', commit: before }] }));
  await importInto(to, delta);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('a change within a large stream sends the chunks that changed', async (t) => {
  const store = await seededStore();
  const large = noise(40 * 65_536, 5);
  await store.transact((tx) => tx.write('/l', 'content', [large]));
  const before = headOf(store);
  const to = bare();
  await importInto(to, await pack({ store }));
  large[20 * 65_536 + 5] ^= 1;
  await store.transact((tx) => tx.write('/l', 'content', [large]));
  const delta = await pack({ store, haves: [before] });
  t.ok(delta.length < 3 * 65_536, `${delta.length} bytes`);
  await importInto(to, delta);
  t.strictSame(blocksOf(to, headOf(store)), blocksOf(coreOf(store), headOf(store)));
});

t.test('several branches come in one pack, each landing where it is named', async (t) => {
  const store = await variedStore();
  const wants = ['side', 'main'].map((name) => {
    return { branch: `replica/x/${name}`, commit: headOf(store, name) };
  });
  const to = bare();
  await importInto(to, await pack({ store, wants }));
  t.strictSame(branchesOf(to.engine, bucketOf(store)), ['replica/x/main', 'replica/x/side']);
});
