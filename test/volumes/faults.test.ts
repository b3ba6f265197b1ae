/**
 * What reads go around is told to `onFault`: copies, shards, volumes; and the read goes on,
 * whatever the listener does.
 */
import { mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t, { type Test } from 'tap';
import type { ContentFault, RegaliaOptions } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { within } from './setup.js';

const BYTES = noise(40_000, 1);

/** The folders of a store with so many volumes that holds one content. */
async function stored(t: Test, volumes: number, redundancy: object): Promise<string[]> {
  const folder = mkdtempSync(path.join(tmpdir(), 'regalia-faults-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const store = path.join(folder, 'store');
  const places = [path.join(store, 'volumes/1')];
  for (let i = 2; i <= volumes; i++) places.push(path.join(folder, `v${i}`));
  await within(store, { default: { redundancy } } as RegaliaOptions, async (open) => {
    for (const place of places.slice(1)) await open.addVolume(place);
    await open.transact((tx) => tx.write('/a', 'content', BYTES));
    await open.repair({ restedMs: 0 });
    await open.gc({ graceMs: 0 });
  });
  return [store, ...places];
}

/**
 * Changes bytes all over a volume's segments, behind their heads; what is returned puts them back.
 */
function damage(volume: string): () => void {
  const names = readdirSync(volume).filter((name) => name.startsWith('seg-'));
  const files = names.map((name) => path.join(volume, name));
  const before = files.map((file) => readFileSync(file));
  for (const [i, file] of files.entries()) {
    const bytes = Buffer.from(before[i] ?? []);
    for (let at = 200; at < bytes.length; at += 97) bytes[at] = (bytes[at] ?? 0) ^ 1;
    writeFileSync(file, bytes);
  }
  return () => {
    for (const [i, file] of files.entries()) writeFileSync(file, before[i] ?? '');
  };
}

async function faultsOfRead(t: Test, store: string): Promise<ContentFault[]> {
  const faults: ContentFault[] = [];
  await within(store, { readOnly: true, onFault: (fault) => faults.push(fault) }, async (open) => {
    for (let i = 0; i < 2; i++) {
      const read = await open.snapshot().get('/a', 'content')?.bytes();
      t.ok(read !== undefined && Buffer.from(read).equals(BYTES), 'what is read is right');
    }
  });
  return faults;
}

for (const [kind, count, redundancy] of [
  ['copy', 2, { kind: 'mirrored', copies: 2 }],
  ['shard', 3, { kind: 'coded', data: 2, parity: 1, from: 0 }],
] as const) {
  t.test(`a damaged ${kind} is told, and read around`, async (t) => {
    const [store = '', ...volumes] = await stored(t, count, redundancy);
    t.same(await faultsOfRead(t, store), []);
    const told: ContentFault[] = [];
    for (const volume of volumes) {
      const mend = damage(volume);
      const faults = await faultsOfRead(t, store);
      for (const fault of faults) {
        t.equal(fault.volume, volume);
        t.equal(fault.address === undefined, kind === 'shard');
        t.equal(fault.error.code, 'REGALIA_CORRUPT');
      }
      told.push(...faults);
      mend();
    }
    t.ok(told.length > 0, 'one of them is read');
    t.ok(told.every((fault) => fault.kind === kind));
  });

  t.test(`a volume with a ${kind} that is away is told once`, async (t) => {
    const [store = '', ...volumes] = await stored(t, count, redundancy);
    let told = 0;
    for (const volume of volumes) {
      renameSync(volume, `${volume}-away`);
      const faults = await faultsOfRead(t, store);
      t.ok(faults.length <= 1);
      for (const fault of faults) t.match(fault, { kind: 'volume', volume, address: undefined });
      told += faults.length;
      renameSync(`${volume}-away`, volume);
    }
    t.ok(told > 0);
  });
}
