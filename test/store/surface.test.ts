/**
 * The public surface is shut: what each public class has is exactly what is documented, own
 * properties and those of its prototype alike.
 */
import t from 'tap';
import * as surface from '../../src/index.js';
import { bytes } from './setup.js';

const { Branches, Bucket, Entry, Regalia, RegaliaError, Snapshot, Stream, Tags, Transaction } =
  surface;

const VIEW = ['base', 'children', 'entry', 'find', 'get', 'walk'];
const BUCKET = [
  ...['accept', 'begin', 'branch', 'branchName', 'branches', 'bucket', 'clone', 'diff', 'export'],
  ...['fork', 'grant', 'have', 'id', 'import', 'info', 'key', 'log', 'merge', 'reflog', 'restore'],
  ...['revert', 'rules', 'snapshot', 'tags', 'transact', 'undo', 'watch'],
];
const STORE = [
  ...['addVolume', 'backup', 'close', 'contentStats', 'drainVolume', 'flush', 'gc', 'path'],
  ...['removeVolume', 'repair', 'rescan', 'setVolume', 'stats', 'storageRules', 'verify'],
  ...['volumes', Symbol.asyncDispose],
];

/** By class, the names on its prototype. */
const DOCUMENTED: readonly [{ readonly prototype: object }, readonly (string | symbol)[]][] = [
  [Bucket, BUCKET],
  [Regalia, STORE],
  [Snapshot, [...VIEW, 'exact', 'root', Symbol.dispose]],
  [
    Transaction,
    [
      ...VIEW,
      ...['append', 'commit', 'copy', 'createBucket', 'del', 'drain', 'guard', 'move', 'put'],
      ...['truncate', 'write', Symbol.dispose],
    ],
  ],
  [
    Entry,
    ['address', 'bucket', 'get', 'hasChildren', 'key', 'name', 'nameBytes', 'streams', 'totals'],
  ],
  [Stream, ['address', 'bytes', 'decoded', 'equals', 'inline', 'readable', 'size', 'text']],
  [Branches, ['delete', 'get', 'reset', Symbol.iterator]],
  [Tags, ['delete', 'get', 'set', Symbol.iterator]],
];

const text = (name: string | symbol): string => String(name);

t.test('classes have the documented names alone', async (t) => {
  for (const [{ prototype }, names] of DOCUMENTED) {
    const found = Reflect.ownKeys(prototype).filter((name) => name !== 'constructor');
    t.strictSame(found.map(text).sort(), names.map(text).sort(), prototype.constructor.name);
  }
  t.equal(Object.getPrototypeOf(Regalia.prototype), Bucket.prototype);
  for (const made of [Bucket, Snapshot, Transaction, Entry, Stream, Branches, Tags]) {
    t.strictSame(Reflect.ownKeys(made).map(text).sort(), ['length', 'name', 'prototype']);
  }
  const own = ['length', 'memory', 'name', 'open', 'prototype', 'receive'];
  t.strictSame(Reflect.ownKeys(Regalia).map(text).sort(), own);
});

t.test('handles have no property of their own', async (t) => {
  await using store = await Regalia.memory();
  const tx = store.begin();
  tx.put('/a', 's', bytes('a'));
  tx.createBucket('/b');
  await tx.commit();
  const snapshot = store.snapshot();
  const entry = snapshot.entry('/a') as surface.Entry;
  const handles = [store, tx, snapshot, entry, entry.get('s') as surface.Stream];
  for (const handle of [...handles, store.branches, store.tags, store.bucket('/b')]) {
    t.strictSame(Reflect.ownKeys(handle), [], handle.constructor.name);
  }
});

t.test('an error has what is documented of it', async (t) => {
  await using store = await Regalia.memory();
  try {
    store.branch('nope');
    t.fail('there is such a branch');
  } catch (error) {
    t.ok(error instanceof RegaliaError);
    const own = ['code', 'data', 'message', 'name', 'outcome', 'retryable', 'stack'];
    t.strictSame(
      Reflect.ownKeys(error as Error)
        .map(text)
        .sort(),
      own,
    );
  }
});

t.test('the package exports the documented names', async (t) => {
  t.strictSame(Object.keys(surface).sort(), [
    ...['Branches', 'Bucket', 'Entry', 'Regalia', 'RegaliaError', 'Snapshot', 'Stream', 'Tags'],
    ...['Transaction', 'actorFromSeed', 'generateActor', 'isRegaliaError', 'nameBytes', 'nameText'],
    'openPackIndex',
  ]);
});
