/**
 * Commits that are sound block by block, and cannot be: a bucket at two keys, maps that contradict
 * the trees, streams against the rules. They are made by hand, below what would refuse them.
 */
import t from 'tap';
import { type Address, addressText } from '../../src/blocks/address.js';
import type { Core } from '../../src/commit/core.js';
import { Writers } from '../../src/commit/writers.js';
import { concatBytes } from '../../src/ground/bytes.js';
import { type OpenOptions, Regalia } from '../../src/index.js';
import { type Commit, mapsBefore } from '../../src/log/commit.js';
import { encodeMap, type MapRow } from '../../src/log/maps.js';
import { scopeOf } from '../../src/store/bucket.js';
import { Contents } from '../../src/store/contents.js';
import type { Encoding } from '../../src/streams/rule.js';
import { type EntryEdit, editAt, TreeEdit } from '../../src/tree/apply.js';
import { parseKey } from '../../src/tree/key.js';
import type { Tree } from '../../src/tree/lookup.js';
import {
  encodeRecord,
  inlinePart,
  METADATA,
  NO_CHILD,
  readRecord,
  type StreamPart,
} from '../../src/tree/record.js';
import { NO_NAME } from '../../src/tree/root.js';
import { finishSteps } from '../../src/tree/steps.js';
import { noise } from '../chunks/setup.js';
import { forge, type Sample, scrub } from './setup.js';

/** What a commit made by hand is on top of the head. */
interface Forged {
  readonly edit?: ((tree: Tree, writers: Writers, core: Core) => EntryEdit) | undefined;
  /** Other rules of the bucket. */
  readonly rules?: Uint8Array;
  readonly map?: (writers: Writers) => Address | undefined;
  readonly mapsBefore?: (head: Address) => Commit['mapsBefore'];
}

async function append(store: Regalia, forged: Forged): Promise<string> {
  const { edit, rules, map, mapsBefore: before } = forged;
  const { core, line } = scopeOf(store);
  const sample: Pick<Sample, 'core' | 'engine' | 'head'> = {
    core,
    engine: core.engine,
    head: () => line.stored(),
  };
  const head = sample.head();
  await core.blocks.reserve(100);
  const writers = new Writers(core.cache, core.blocks);
  const tree = core.treeOf(head.address);
  const change = edit?.(tree, writers, core) ?? (rules && UNCHANGED);
  const from = { ...tree.root, rules: rules ?? tree.root.rules };
  const steps = change && new TreeEdit(core.cache, writers.for).rootSteps(from, change);
  const root = steps && finishSteps(steps);
  const address = map?.(writers);
  await core.engine.write((batch) => writers.blocks.emit(batch), 'none');
  writers.blocks.published();
  const make = (): Commit => ({
    ...head.commit,
    root: root?.address ?? head.commit.root,
    maps: [address],
    mapsBefore: before?.(head.address) ?? mapsBefore([head]),
  });
  return forge(sample, make, root?.id);
}

/** Of the top: nothing but its root is written. */
const UNCHANGED: EntryEdit = editAt([], { clear: false, streams: [] });

function edited(key: string, stream: string, part: StreamPart): EntryEdit {
  return editAt(parseKey(key), { clear: false, streams: [{ stream, part }] });
}

/** What is at a key, at another as well. */
function doubled(tree: Tree, from: string, to: string): EntryEdit {
  const spot = tree.outer(parseKey(from));
  if (spot === undefined) throw new Error(`no ${from}`);
  const parts = readRecord(spot.node, spot.index);
  return editAt(parseKey(to), { clear: true, streams: [], parts });
}

async function filled(options: OpenOptions = {}): Promise<Regalia> {
  const store = await Regalia.memory(options);
  await store.transact((tx) => {
    tx.createBucket('/one');
    tx.put('/one/x', 's', Uint8Array.of(1));
    tx.createBucket('/two');
    tx.put('/two/x', 's', Uint8Array.of(2));
    tx.put('/a/x', 's', Uint8Array.of(3));
    tx.put('/b/x', 's', Uint8Array.of(4));
    tx.createBucket('/strict', { default: { inlineMax: 0 } });
    tx.put('/strict/x', 's', Uint8Array.of(5));
    for (let i = 0; i < 12; i++) tx.put('/wide', `s${i}`, noise(500, i));
  });
  return store;
}

async function faultsOf(store: Regalia) {
  const { faults } = await scrub(store);
  return faults.map(({ kind, key, stream, what }) => ({ kind, key, stream, what }));
}

t.test('a bucket at two keys of a commit is found, at any depth', async (t) => {
  for (const to of ['/copy', '/a/deep/copy', '/two/copy']) {
    const store = await filled();
    t.same(await faultsOf(store), []);
    const commit = await append(store, { edit: (tree) => doubled(tree, '/one', to) });
    const { faults } = await scrub(store);
    t.match(faults, [{ kind: 'bucket', address: commit, commit, what: /is at \/.* as well/ }], to);
    t.equal(faults.length, 1);
    const keys = [faults[0]?.key, /at (\S+)/.exec(faults[0]?.what ?? '')?.[1]].sort();
    t.same(keys, ['/one', to].sort());
  }
});

t.test('heads that are not those of the tree are found', async (t) => {
  const small = inlinePart(Uint8Array.of(9));
  const cases: readonly (readonly [what: RegExp, edit: Forged['edit']])[] = [
    [/a head of bucket \S+ with root/, () => edited('/one/new', 's', small)],
    [/a head of bucket \S+, which is not/, () => removed('/one')],
  ];
  for (const [what, edit] of cases) {
    const store = await filled();
    const commit = await append(store, { edit });
    t.match((await scrub(store)).faults, [{ kind: 'bucket', what, address: commit, commit }]);
  }
});

function removed(key: string): EntryEdit {
  return editAt(parseKey(key), { clear: true, streams: [] });
}

t.test('one that left and is brought back, or moved, is no twin', async (t) => {
  await using store = await filled();
  const { commit } = store.info();
  await store.transact((tx) => tx.move('/one', '/two/one'));
  await store.fork('side');
  await store.transact((tx) => tx.del('/two'));
  await store.branch('side').transact((tx) => tx.move('/two', '/three'));
  await store.restore(commit);
  t.same(await faultsOf(store), []);
});

const row = (from: string, to: string | undefined, returned = false): MapRow => {
  return { from, to, returned };
};

/** Stores the blocks of a map and names the last. */
function mapOf(...rows: MapRow[]): (writers: Writers) => Address | undefined {
  return (writers) =>
    encodeMap(1, rows)
      .map(({ block }) => writers.putPlain(1, block).address)
      .at(-1);
}

t.test('maps that cannot be are found', async (t) => {
  const cases: readonly (readonly [what: RegExp, ...rows: MapRow[]])[] = [
    [/the parent has no \/absent/, row('/absent', '/a')],
    [/the parent has no \/absent/, row('/absent', undefined)],
    [/the commit has no \/absent/, row('/a', '/absent')],
    [/the commit has no \/absent/, row('/gone', '/absent', true)],
    [/the parent has it/, row('/a', '/b', true)],
    [/\/b is buried, and the commit has it/, { ...row('/a', '/b'), buried: true } as const],
    [/two rows from \/a$/, row('/a', '/b'), row('/a', '/wide')],
    [/not the same bucket/, row('/one', '/a')],
    [/not the same bucket/, row('/one', '/two')],
    [/changes nothing/, row('/a', '/a')],
    [/from \/a\/x changes nothing/, row('/a', '/b'), row('/a/x', '/b/x')],
  ];
  for (const [what, ...rows] of cases) {
    const store = await filled();
    const commit = await append(store, { map: mapOf(...rows) });
    const { faults } = await scrub(store);
    const label = JSON.stringify(rows);
    t.match(faults, [{ kind: 'map', commit, what, key: String }], label);
    t.equal(faults.length, 1, label);
  }
  for (const rows of [
    [row('/a', '/b')],
    [row('/a', '/one')],
    [row('/a', undefined)],
    [row('/one', '/a', true)],
    [{ ...row('/a', '/gone'), buried: true } as const],
    [row('/gone', '/a', true), row('/gone', '/b', true)],
    [row('/a', '/b'), row('/b', '/a')],
  ]) {
    const store = await filled();
    await append(store, { map: mapOf(...rows) });
    t.same(await faultsOf(store), [], JSON.stringify(rows));
  }
});

t.test('a map in another spelling is found', async (t) => {
  const store = await filled();
  const map = (writers: Writers): Address => {
    const [last] = encodeMap(1, [row('/a', '/b')]);
    const [first] = encodeMap(1, [row('/b', '/a')]);
    if (last === undefined || first === undefined) throw new Error('a map has blocks');
    writers.putPlain(1, last.block);
    const named = concatBytes([Uint8Array.of(1), last.address]);
    const parts = [first.block.subarray(0, 3), named, first.block.subarray(4)];
    return writers.putPlain(1, concatBytes(parts)).address;
  };
  await append(store, { map });
  t.match(await faultsOf(store), [{ kind: 'map', what: /in another order/ }]);
});

t.test('a map that is not here, and maps before that are others, are found', async (t) => {
  const absent = new Uint8Array(33).fill(7);
  absent[0] = 1;
  const one = await filled();
  await append(one, { map: () => absent });
  t.match((await scrub(one)).faults, [{ kind: 'missing', address: addressText(absent) }]);
  const other = await filled();
  const commit = await append(other, { mapsBefore: (head) => [head] });
  t.match((await scrub(other)).faults, [
    { kind: 'map', address: commit, what: /nearest commits with maps/ },
  ]);
});

t.test('streams that are laid out against the rules are found', async (t) => {
  const long = inlinePart(noise(600, 1));
  const cases: readonly (readonly [what: RegExp, stream: string | undefined, Forged['edit']])[] = [
    [/600 bytes are metadata, and inlineMax is 512/, 's', () => edited('/new', 's', long)],
    [
      /1 bytes are metadata, and inlineMax is 0/,
      's',
      () => {
        return edited('/strict/new', 's', inlinePart(Uint8Array.of(9)));
      },
    ],
    [
      /1 bytes are a content, and inlineMax is 512/,
      's',
      (tree) => {
        return edited('/new', 's', tree.stream('/strict/x', 's') as StreamPart);
      },
    ],
    [/stream s\d+ in a block, with room in its record/, undefined, metadataAlone],
  ];
  for (const [what, stream, edit] of cases) {
    const store = await filled();
    const commit = await append(store, { edit });
    const { faults: all } = await scrub(store);
    // What was changed in a bucket by hand has no commit of its own.
    const faults = all.filter(({ kind }) => kind !== 'bucket');
    t.match(faults, [{ kind: 'layout', what, commit, key: /\/new$/ }], `${what}`);
    t.equal(faults[0]?.stream, stream);
    t.equal(faults.length, 1);
  }
});

/** A stream of '/wide' that left its record, in a record of its own. */
function metadataAlone(tree: Tree): EntryEdit {
  const spot = tree.find(parseKey('/wide'));
  if (spot === undefined) throw new Error('no /wide');
  const { shape, streams } = readRecord(spot.node, spot.index);
  const index = streams.findIndex(({ form }) => form === METADATA);
  const own = tree.cache.shapes.of([shape.names[index] as string]);
  const [bytes] = parseKey('/new');
  if (bytes === undefined) throw new Error('a key has names');
  const parts = { shape: own, streams: [streams[index] as StreamPart], child: NO_CHILD };
  const fresh = encodeRecord(bytes, parts);
  const list = [{ bytes, start: 0, end: bytes.length, clear: false, streams: [], fresh }];
  return { bytes: NO_NAME, start: 0, end: 0, clear: false, streams: [], below: () => list };
}

const BROKEN: readonly (readonly [encoding: Encoding, bytes: Uint8Array])[] = [
  ['utf8', concatBytes([new Uint8Array(40).fill(0x61), Uint8Array.of(0xff)])],
  ['cbor', concatBytes([Uint8Array.of(0x82, 0x01), new Uint8Array(40).fill(0x61)])],
];

t.test('streams that break their encoding are found, wherever they lie', async (t) => {
  for (const [encoding, tail] of BROKEN) {
    for (const length of [0, 900, 400_000]) {
      const store = await Regalia.memory({ streams: { text: { encoding } } });
      const bytes = concatBytes([new Uint8Array(length).fill(0x61), tail]);
      const edit: Forged['edit'] = (tree, writers, core) => {
        const rule = { ...core.rules(tree.root.rules).ruleOf('text'), encoding: 'bytes' } as const;
        return edited(
          '/new',
          'text',
          new Contents(core, writers).put(tree.root, rule, 'text', bytes),
        );
      };
      await append(store, { edit });
      const { faults } = await scrub(store);
      t.match(faults, [{ kind: 'encoding', key: '/new', stream: 'text' }], `${encoding} ${length}`);
      t.equal(faults.length, 1);
    }
  }
  const store = await Regalia.memory({ default: { encoding: 'utf8' } });
  await append(store, {
    edit: () => {
      const streams = Array.from({ length: 12 }, (_, i) => {
        return { stream: `s${i}`, part: inlinePart(noise(500, i)) };
      });
      return editAt(parseKey('/new'), { clear: false, streams });
    },
  });
  const { faults } = await scrub(store);
  t.ok(faults.length > 2, 'those in blocks of their own as well');
  t.ok(faults.every(({ kind, key }) => kind === 'encoding' && key === '/new'));
});

t.test('sound streams of every encoding have no fault', async (t) => {
  const store = await Regalia.memory({
    streams: { text: { encoding: 'utf8' }, data: { encoding: 'cbor', inlineMax: 4096 } },
  });
  const text = 'añb漢c'.repeat(60_000);
  await store.transact((tx) => {
    tx.put('/long', 'text', text);
    tx.put('/longer', 'text', `${text.slice(0, 100_000)}!${text}`);
    tx.put('/short', 'text', 'short ñ');
    tx.put('/holes', 'data', [new Uint8Array(300_000), 'between', new Uint8Array(200_000)]);
    tx.put('/middle', 'data', 'x'.repeat(3_000));
    for (let i = 0; i < 9; i++) tx.put('/full', `s${i}`, noise(510, i));
    tx.put('/full/below', 'data', { a: 1 });
  });
  t.same(await faultsOf(store), []);
});

t.test('a root without rules is found', async (t) => {
  await using store = await filled();
  await append(store, { rules: new Uint8Array(0) });
  t.match(await faultsOf(store), [{ kind: 'structure', what: /reference to it promises/ }]);
});
