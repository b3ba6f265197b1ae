/**
 * What cannot be read now is neither lost nor damaged: reads, verification, repair and collection
 * report it as what it is, leave it as it is, and find it again.
 */
import fs from 'node:fs';
import t, { type Test } from 'tap';
import type { Regalia } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { Lab } from '../volumes/lab.js';

const MIRRORED = { kind: 'mirrored', copies: 2 } as const;
const CODED = { kind: 'coded', data: 4, parity: 2, from: 100_000 } as const;

/** How reads of files fail: when they are opened, or when they are read. */
const FAILURES = [
  ['EMFILE', 'open', 'REGALIA_IO', true],
  ['ENOMEM', 'open', 'REGALIA_IO', true],
  ['EACCES', 'open', 'REGALIA_PERMISSION', false],
  ['EIO', 'open', 'REGALIA_IO', false],
  ['EIO', 'read', 'REGALIA_IO', false],
  ['EUNHEARDOF', 'read', 'REGALIA_IO', false],
] as const;

type Failure = (typeof FAILURES)[number];

/** Lets reads of all files fail whose paths contain one of `parts`; what is returned ends it. */
function fail([errno, when]: Failure, ...parts: readonly string[]): () => void {
  const { openSync, readSync, readFileSync } = fs;
  const failing = new Set<number>();
  const isMeant = (name: unknown): boolean => parts.some((part) => String(name).includes(part));
  const failure = (): never => {
    throw Object.assign(new Error(`${errno}: a failure that was injected`), { code: errno });
  };
  fs.openSync = ((...args: Parameters<typeof openSync>) => {
    if (isMeant(args[0]) && when === 'open') failure();
    const descriptor = openSync(...args);
    if (isMeant(args[0])) failing.add(descriptor);
    else failing.delete(descriptor);
    return descriptor;
  }) as typeof openSync;
  fs.readSync = ((descriptor: number, ...args: never[]) => {
    if (failing.has(descriptor)) failure();
    return (readSync as (...all: unknown[]) => number)(descriptor, ...args);
  }) as typeof readSync;
  fs.readFileSync = ((...args: Parameters<typeof readFileSync>) => {
    if (isMeant(args[0])) failure();
    return readFileSync(...args);
  }) as typeof readFileSync;
  return () => Object.assign(fs, { openSync, readSync, readFileSync });
}

async function stored(t: Test, redundancy: object | undefined, volumes: number): Promise<Lab> {
  const lab = new Lab(t, redundancy as never);
  await lab.volumes(volumes);
  await lab.write({ '/a': noise(300_000, 1), '/b': noise(150_000, 2) });
  const store = await lab.store();
  await store.repair({ restedMs: 0 });
  await store.gc({ graceMs: 0 });
  await lab.reopen();
  return lab;
}

async function reading(store: Regalia): Promise<void> {
  await store.snapshot().get('/a', 'content')?.bytes();
}

/** All rows that say where contents are. */
async function rows(lab: Lab): Promise<unknown> {
  return [await lab.chunks(), await lab.groups()];
}

/** Runs upkeep, which may change nothing. */
async function unchanged(t: Test, lab: Lab, before: unknown): Promise<void> {
  const store = await lab.store();
  const { lost, unreadable, copiesRestored, shardsRestored } = await store.repair({ restedMs: 0 });
  t.same(
    { lost, copiesRestored, shardsRestored },
    { lost: 0, copiesRestored: 0, shardsRestored: 0 },
  );
  t.ok(unreadable > 0, 'a repair counts it');
  await store.gc({ graceMs: 0 });
  const faults = await lab.faults();
  t.ok(faults.length > 0 && faults.every((one) => /^!?unreadable: /.test(one)), faults.join('\n'));
  t.same(await rows(lab), before, 'nothing is given up');
}

for (const failure of FAILURES) {
  const [errno, when, code, retryable] = failure;
  const name = `${errno} of ${when}`;

  t.test(`${name}: the only copies are neither lost nor damaged`, async (t) => {
    const lab = await stored(t, undefined, 1);
    const before = await rows(lab);
    const end = fail(failure, 'seg-');
    try {
      await t.rejects(reading(await lab.store()), { code, retryable, data: { errno } });
      await unchanged(t, lab, before);
    } finally {
      end();
    }
    t.same(await lab.unreadable(), [], 'all is back, without opening the store anew');
    t.same(await lab.faults(), []);
  });

  t.test(`${name}: a copy with a second one is read around, and stays`, async (t) => {
    const lab = await stored(t, MIRRORED, 3);
    const before = await rows(lab);
    const end = fail(failure, `${lab.path(2)}/seg-`);
    try {
      t.same(await lab.unreadable(), []);
      await unchanged(t, lab, before);
    } finally {
      end();
    }
    t.same(await lab.faults(), []);
  });

  t.test(`${name}: shards are not given up, enough of them or too few`, async (t) => {
    const lab = await stored(t, CODED, 7);
    const before = await rows(lab);
    for (const volumes of [[2], [2, 3, 4, 5]]) {
      await lab.reopen();
      const end = fail(failure, ...volumes.map((volume) => `${lab.path(volume)}/seg-`));
      try {
        if (volumes.length === 1) t.same(await lab.unreadable(), []);
        else t.ok((await lab.unreadable()).length > 0);
        await unchanged(t, lab, before);
      } finally {
        end();
      }
    }
    await lab.reopen();
    t.same(await lab.unreadable(), []);
    t.same(await lab.faults(), []);
  });
}

t.test('a volume whose own file cannot be read is looked at again', async (t) => {
  const lab = await stored(t, undefined, 1);
  const store = await lab.store();
  const end = fail(FAILURES[0], 'VOLUME', 'seg-');
  try {
    await t.rejects(reading(store), {
      code: 'REGALIA_IO',
    });
    t.match(await store.repair(), { lost: 0 });
  } finally {
    end();
  }
  t.same(await lab.unreadable(), []);
  await lab.write({ '/c': noise(40_000, 3) });
  t.match(await store.volumes(), [{ state: 'online' }]);
});

t.test('a rescan does not take what cannot be read for damage', async (t) => {
  const lab = await stored(t, undefined, 1);
  await lab.clear('chunks');
  await lab.reopen();
  const end = fail(FAILURES[0], 'seg-');
  try {
    await t.rejects((await lab.store()).rescan(), { code: 'REGALIA_IO', retryable: true });
  } finally {
    end();
  }
  t.match(await (await lab.store()).rescan(), { damaged: 0 });
  t.same(await lab.unreadable(), []);
});
