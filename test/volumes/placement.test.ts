/**
 * Placement: shares follow weights, a volume that comes or goes moves its own share alone, copies
 * go to volumes of their own, stripes take turns. The hashes are those of seeded bytes, so that
 * each figure is the same in every run.
 */
import t from 'tap';
import { openMemory } from '../../src/engine/memory.js';
import {
  type Candidate,
  copiesOf,
  inPreference,
  type Spread,
} from '../../src/volumes/placement.js';
import { putVolume, type VolumeEntry } from '../../src/volumes/registry.js';
import type { Redundancy } from '../../src/volumes/storage-rules.js';
import { createVolume } from '../../src/volumes/volume-folder.js';
import { VolumeSet } from '../../src/volumes/volume-set.js';
import { noise } from '../chunks/setup.js';
import { folderOf, IDS } from './setup.js';

const CHUNKS = 20_000;
const addresses = Array.from({ length: CHUNKS }, (_, i) => noise(33, i * 7_919 + 1));
const NONE: Redundancy = { kind: 'none' };
const MIRRORED: Redundancy = { kind: 'mirrored', copies: 2 };
const STRIPED: Redundancy = { kind: 'striped' };

function volumesOf(...weights: number[]): Candidate[] {
  return weights.map((weight, i) => ({ number: i + 1, id: noise(16, i + 100), weight }));
}

function spreadOf(redundancy: Redundancy, content: number, index = 0): Spread {
  return { redundancy, content, index };
}

/** What each volume is first of, in thousandths. */
function shares(volumes: readonly Candidate[], orders: readonly (readonly number[])[]): number[] {
  return volumes.map(({ number }) => {
    const count = orders.filter(([first]) => first === number).length;
    return Math.round((count * 1_000) / orders.length);
  });
}

function byAddress(volumes: readonly Candidate[], redundancy = MIRRORED): number[][] {
  return addresses.map((address, i) => inPreference(volumes, spreadOf(redundancy, i), address));
}

function byContent(volumes: readonly Candidate[]): number[][] {
  return addresses.map((address, i) =>
    inPreference(volumes, spreadOf(NONE, Math.imul(i, 2_654_435_761) >>> 0), address),
  );
}

t.test('shares follow weights, by chunks and by contents', async (t) => {
  for (const weights of [
    [1, 1, 1],
    [1, 2, 5],
    [1_000_000, 500_000],
    [3, 3, 3, 1],
  ]) {
    const volumes = volumesOf(...weights);
    const sum = weights.reduce((a, b) => a + b);
    for (const orders of [byAddress(volumes), byContent(volumes)]) {
      for (const [i, share] of shares(volumes, orders).entries()) {
        const expected = ((weights[i] as number) * 1_000) / sum;
        t.ok(Math.abs(share - expected) < 15, `${weights}: ${share}, expected ${expected}`);
      }
    }
  }
});

t.test('every order has each volume once, and is the same for the same chunk', async (t) => {
  const volumes = volumesOf(1, 2, 3, 4, 5);
  for (const redundancy of [NONE, MIRRORED, STRIPED]) {
    for (const [i, order] of byAddress(volumes, redundancy).slice(0, 2_000).entries()) {
      if ([...order].sort().join() !== '1,2,3,4,5') t.fail(`${i}: ${order}`);
      const again = inPreference(
        [...volumes].reverse(),
        spreadOf(redundancy, i),
        addresses[i] as Uint8Array,
      );
      if (again.join() !== order.join()) t.fail(`${i}: ${again}, not ${order}`);
    }
  }
  t.strictSame(inPreference(volumesOf(7), spreadOf(NONE, 1), noise(33, 1)), [1]);
});

t.test('second choices follow weights, too', async (t) => {
  const volumes = volumesOf(1, 1, 1, 1);
  const second = byAddress(volumes).map((order) => order.slice(1));
  for (const share of shares(volumes, second)) t.ok(Math.abs(share - 250) < 15, `${share}`);
});

t.test('a volume that is added takes its share, and nothing moves between others', async (t) => {
  for (const all of [volumesOf(1, 1, 1, 1), volumesOf(2, 1, 4, 3)]) {
    const before = all.slice(0, 3);
    for (const make of [byAddress, byContent]) {
      const [old, fresh] = [make(before), make(all)];
      let moved = 0;
      for (const [i, order] of fresh.entries()) {
        // The order without the new volume is that of before.
        const rest = order.filter((number) => number !== 4);
        if (rest.join() !== old[i]?.join()) t.fail(`${i}: ${order}, before ${old[i]}`);
        if (order[0] === 4) moved++;
      }
      const weights = all.map(({ weight }) => weight);
      const expected = (weights[3] as number) / weights.reduce((a, b) => a + b);
      t.ok(Math.abs(moved / CHUNKS - expected) < 0.015, `${moved} moved`);
    }
  }
});

t.test('a weight that is raised draws to its volume, and from no other to another', async (t) => {
  const [old, fresh] = [byAddress(volumesOf(1, 1, 1)), byAddress(volumesOf(1, 3, 1))];
  let moved = 0;
  for (const [i, [first]] of fresh.entries()) {
    if (first === old[i]?.[0]) continue;
    moved++;
    if (first !== 2) t.fail(`${i} moved to ${first}`);
  }
  t.ok(Math.abs(moved / CHUNKS - (3 / 5 - 1 / 3)) < 0.015, `${moved} moved`);
});

t.test('all chunks of a content that is kept once lie together', async (t) => {
  const volumes = volumesOf(1, 2, 1);
  for (let content = 0; content < 100; content++) {
    const orders = addresses
      .slice(0, 50)
      .map((address, index) =>
        inPreference(volumes, spreadOf(NONE, content, index), address).join(),
      );
    t.equal(new Set(orders).size, 1);
  }
});

t.test('stripes take turns over all volumes, from another one for each content', async (t) => {
  const volumes = volumesOf(4, 4, 4);
  const first = (content: number, index: number): number =>
    inPreference(volumes, spreadOf(STRIPED, content, index), noise(33, 5))[0] as number;
  for (const content of [0, 1, 2, 5_000, 2 ** 32 - 1]) {
    const row = Array.from({ length: 9 }, (_, index) => first(content, index));
    for (let i = 0; i < 7; i++) t.equal(new Set(row.slice(i, i + 3)).size, 3, `${row}`);
    t.equal(row[0], row[3]);
  }
  t.equal(new Set([0, 1, 2].map((content) => first(content, 0))).size, 3);
  const unequal = volumesOf(1, 2, 5);
  const found = shares(unequal, byAddress(unequal, STRIPED));
  for (const [i, share] of found.entries()) {
    t.ok(Math.abs(share - [125, 250, 625][i]) < 15, `by weight where these differ: ${found}`);
  }
});

t.test('copies are asked for by mirrors alone', async (t) => {
  t.equal(copiesOf(NONE), 1);
  t.equal(copiesOf(STRIPED), 1);
  for (const copies of [1, 2, 32]) t.equal(copiesOf({ kind: 'mirrored', copies }), copies);
});

t.test('weight 0, read-only and absent volumes are no candidates', async (t) => {
  const folder = folderOf(t);
  const entries: VolumeEntry[] = [];
  for (const [i, [weight, state]] of (
    [
      [1, 'online'],
      [0, 'online'],
      [9, 'read-only'],
      [9, 'draining'],
      [9, 'failing'],
      [9, 'online'],
      [2, 'online'],
    ] as const
  ).entries()) {
    const number = i + 1;
    const entry = { number, id: noise(16, number), path: `${number}`, weight, state, sequence: 1 };
    entries.push(entry);
    const identity = { id: entry.id, replica: IDS.replica, sequence: 1, createdMs: 0 };
    if (number !== 6) await createVolume(`${folder}/${number}`, identity);
  }
  const engine = openMemory();
  await engine.write((batch) => {
    for (const entry of entries) putVolume(batch, entry);
  }, 'none');
  const volumes = new VolumeSet(engine, { replica: IDS.replica, folder, now: () => 0 });
  const orders = addresses
    .slice(0, 3_000)
    .map((address, i) => volumes.candidates(spreadOf(MIRRORED, i), address));
  t.ok(orders.every((order) => [...order].sort().join() === '1,7'));
  const [, , , , , , last] = shares(entries, orders);
  t.ok(Math.abs((last as number) - 667) < 30, `${last}`);
  await volumes.close();
});
