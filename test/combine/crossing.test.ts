/**
 * Histories that cross: both sides have merged each other before, so that there are several bases.
 * What conflicted between these is unknown from then on: different from everything, never absent.
 */
import t from 'tap';
import type { World } from './branch.js';
import { checkHistory, type History } from './history.js';

/** A and B change a stream, and each merges what the other had: both keep what A has. */
async function settledAlike({ A, B }: World, key: string): Promise<void> {
  await A.put(key, 'of A');
  await B.put(key, 'of B');
  const [a, b] = [A.head, B.head];
  await B.merge(a, 'theirs');
  await A.put('/k');
  await A.merge(b, 'ours');
}

const BUCKET: Pick<History, 'start'> = {
  async start(main) {
    await main.makeBucket('/m');
    await main.put('/m/o');
  },
};

const HISTORIES: readonly History[] = [
  {
    name: 'a removal within a bucket after both sides settled an edit alike',
    ...BUCKET,
    async play(world) {
      await settledAlike(world, '/m/o');
      await world.B.del('/m/o');
    },
    conflicts: ['changed/removed /m/o'],
    settled: {
      ours: { '/m/': 'm', '/m/o': 'of A', '/k': 'k' },
      theirs: { '/m/': 'm', '/k': 'k' },
    },
  },
  {
    name: 'the removal of a whole bucket after both sides settled an edit alike',
    ...BUCKET,
    async play(world) {
      await settledAlike(world, '/m/o');
      await world.B.del('/m');
    },
    conflicts: ['changed/removed /m'],
    settled: { ours: { '/m/': 'm', '/m/o': 'of A', '/k': 'k' }, theirs: { '/k': 'k' } },
  },
  {
    name: 'the removal of a whole directory after both sides settled an edit alike',
    start: (main) => main.putEach('/d/o', '/d/p'),
    async play(world) {
      await settledAlike(world, '/d/o');
      await world.B.del('/d');
    },
    conflicts: ['changed/removed /d'],
    settled: { ours: { '/d/o': 'of A', '/d/p': 'p', '/k': 'k' }, theirs: { '/k': 'k' } },
  },
  {
    name: 'the removal of one stream of an entry after both sides settled an edit alike',
    async start(main) {
      await main.put('/o');
      await main.put('/o', 't', 't');
    },
    async play(world) {
      await settledAlike(world, '/o');
      await world.B.del('/o', 's');
    },
    conflicts: ['changed/removed /o s'],
    settled: {
      ours: { '/o': 'of A', '/o t': 't', '/k': 'k' },
      theirs: { '/o t': 't', '/k': 'k' },
    },
  },
  {
    name: 'an edit after both sides settled an edit alike',
    start: (main) => main.put('/o'),
    async play(world) {
      await settledAlike(world, '/o');
      await world.B.put('/o', 'once more');
    },
    conflicts: ['both-changed /o s'],
    settled: {
      ours: { '/o': 'of A', '/k': 'k' },
      theirs: { '/o': 'once more', '/k': 'k' },
    },
  },
  {
    name: 'an edit that each side settled for itself',
    start: (main) => main.put('/o'),
    async play({ A, B }) {
      await A.put('/o', 'of A');
      await B.put('/o', 'of B');
      const [a, b] = [A.head, B.head];
      await A.merge(b, 'ours');
      await B.merge(a, 'ours');
    },
    conflicts: ['both-changed /o s'],
    settled: { ours: { '/o': 'of A' }, theirs: { '/o': 'of B' } },
  },
  {
    name: 'nothing else, after both sides settled an edit alike',
    start: (main) => main.put('/o'),
    play: (world) => settledAlike(world, '/o'),
    gives: { '/o': 'of A', '/k': 'k' },
  },
  {
    name: 'an edit of what moved after both sides settled its two places alike',
    start: (main) => main.put('/album/photo'),
    async play({ A, B }) {
      await A.move('/album', '/2024');
      await B.move('/album', '/holiday');
      const [a, b] = [A.head, B.head];
      await B.merge(a, 'theirs');
      await A.put('/k');
      await A.merge(b, 'ours');
      await B.put('/2024/photo', 'edited');
    },
    gives: { '/2024/photo': 'edited', '/k': 'k' },
  },
  {
    name: 'a removal of what was kept, after both sides settled a removal alike',
    start: (main) => main.put('/o'),
    async play({ A, B }) {
      await A.put('/o', 'of A');
      await B.del('/o');
      const [a, b] = [A.head, B.head];
      await B.merge(a, 'theirs');
      await A.put('/k');
      await A.merge(b, 'ours');
      await B.del('/o');
    },
    conflicts: ['changed/removed *'],
    settled: { ours: { '/o': 'of A', '/k': 'k' }, theirs: { '/k': 'k' } },
  },
  {
    name: 'a bucket that moved deep into another place through crossing merges, and goes on',
    ...BUCKET,
    async play({ A, B, C }) {
      await A.put('/m/w');
      await C.merge(A);
      await C.move('/m', '/a/x/u');
      await B.put('/m/q');
      await A.merge(B);
      await B.merge(C);
      await A.merge(B);
      await A.put('/a/x/u/o', 'of A');
      await B.put('/a/x/u/w', 'of B');
    },
    gives: { '/a/x/u/': 'm', '/a/x/u/o': 'of A', '/a/x/u/q': 'q', '/a/x/u/w': 'of B' },
  },
];

for (const history of HISTORIES) t.test(history.name, (t) => checkHistory(t, history));
