/**
 * Histories with moves, removals, buckets and crossing merges, and what merging makes of them: what
 * happened, what conflicts, and what each answer gives.
 */
import type { History } from './history.js';

export const HISTORIES: readonly History[] = [
  {
    name: 'what is edited and added below a directory follows its move',
    start: (main) => main.put('/a/f'),
    async play({ A, B }) {
      await A.move('/a', '/b');
      await B.put('/a/f', 'edited');
      await B.put('/a/g');
    },
    gives: { '/b/f': 'edited', '/b/g': 'g' },
  },
  {
    name: 'two places, settled by each side for itself, conflict again when both merge',
    start: (main) => main.put('/album/photo'),
    async play({ A, B }) {
      await A.move('/album', '/2024');
      await B.move('/album', '/holiday');
      const [a, b] = [A.head, B.head];
      await A.merge(b, 'ours');
      await B.merge(a, 'ours');
    },
    conflicts: ['moved two-places *'],
    settled: { ours: { '/2024/photo': 'photo' }, theirs: { '/holiday/photo': 'photo' } },
  },
  {
    name: 'a removal after both sides settled an edit alike is not undone',
    start: (main) => main.put('/o'),
    async play({ A, B }) {
      await A.put('/o', 'of A');
      await B.put('/o', 'of B');
      const [a, b] = [A.head, B.head];
      await B.merge(a, 'theirs');
      await A.put('/k');
      await A.merge(b, 'ours');
      await B.del('/o', 's');
    },
    conflicts: ['changed/removed /o'],
    settled: { ours: { '/o': 'of A', '/k': 'k' }, theirs: { '/k': 'k' } },
  },
  {
    name: 'a directory that moved into another, through a merge, and moved elsewhere',
    start: (main) => main.putEach('/a/f', '/c/g'),
    async play({ A, B }) {
      await A.move('/a', '/c/a2');
      await B.move('/c', '/x');
      await A.merge(B);
      await B.move('/a', '/y');
    },
    conflicts: ['moved two-places /a'],
    settled: {
      ours: { '/x/a2/f': 'f', '/x/g': 'g' },
      theirs: { '/y/f': 'f', '/x/g': 'g' },
      base: { '/a/f': 'f', '/x/g': 'g' },
    },
  },
  {
    name: 'an edit under the old key follows moves that an earlier merge combined',
    start: (main) => main.putEach('/a/f', '/c/g'),
    async play({ A, B }) {
      await A.move('/a', '/c/a2');
      await B.move('/c', '/x');
      await A.merge(B);
      await B.put('/a/f', 'edited');
    },
    gives: { '/x/a2/f': 'edited', '/x/g': 'g' },
  },
  {
    name: 'a bucket moved into a bucket on one side, and elsewhere on the other',
    async start(main) {
      await main.makeBucket('/m');
      await main.makeBucket('/n');
      await main.put('/n/f');
    },
    async play({ A, B }) {
      await A.move('/n', '/m/n');
      await B.move('/n', '/e');
    },
    conflicts: ['moved two-places /n'],
    settled: {
      ours: { '/m/': 'm', '/m/n/': 'n', '/m/n/f': 'f' },
      theirs: { '/m/': 'm', '/e/': 'n', '/e/f': 'f' },
      base: { '/m/': 'm', '/n/': 'n', '/n/f': 'f' },
    },
  },
  {
    name: 'what is added in a bucket from three sides follows its move through crossing merges',
    async start(main) {
      await main.makeBucket('/m');
      await main.put('/m/o');
    },
    async play({ A, B, C }) {
      await A.put('/m/w');
      await C.merge(A);
      await C.move('/m', '/u');
      await B.put('/m/q');
      await A.merge(B);
      await B.merge(C);
    },
    gives: { '/u/': 'm', '/u/o': 'o', '/u/q': 'q', '/u/w': 'w' },
  },
  {
    name: 'an edit follows its entry when two entries change places',
    start: (main) => main.putEach('/a', '/b'),
    async play({ A, B }) {
      await A.transact((tx) => {
        tx.move('/a', '/t');
        tx.move('/b', '/a');
        tx.move('/t', '/b');
      });
      await B.put('/a', 'edited');
    },
    gives: { '/a': 'b', '/b': 'edited' },
  },
  {
    name: 'edits follow their entries along a chain of moves',
    start: (main) => main.putEach('/a', '/b'),
    async play({ A, B }) {
      await A.move('/b', '/c');
      await A.move('/a', '/b');
      await B.put('/b', 'edited');
      await B.put('/a', 't', 't');
    },
    gives: { '/c': 'edited', '/b': 'a', '/b t': 't' },
  },
  {
    name: 'two directories moved into each other are a cycle',
    start: (main) => main.putEach('/a', '/b'),
    async play({ A, B }) {
      await A.move('/a', '/b/a');
      await B.move('/b', '/a/b');
    },
    conflicts: ['moved cycle *'],
    settled: {
      ours: { '/b': 'b', '/b/a': 'a' },
      theirs: { '/a': 'a', '/a/b': 'b' },
      base: { '/a': 'a', '/b': 'b' },
    },
  },
  {
    name: 'a move to a name that the other side gave to a new entry',
    start: (main) => main.put('/a'),
    async play({ A, B }) {
      await A.move('/a', '/c');
      await B.put('/c');
    },
    conflicts: ['moved one-name *'],
    settled: { ours: { '/c': 'a', '/c~': 'c' }, theirs: { '/c': 'c', '/c~': 'a' } },
  },
  {
    name: 'a directory removed on one side and edited below on the other',
    start: (main) => main.putEach('/d/f', '/d/g'),
    async play({ A, B }) {
      await A.del('/d');
      await B.put('/d/f', 'edited');
    },
    conflicts: ['removed/changed /d'],
    settled: { ours: {}, theirs: { '/d/f': 'edited', '/d/g': 'g' } },
  },
  {
    name: 'a directory removed on one side, while the other moved an entry out of it',
    start: (main) => main.putEach('/d/f', '/d/g'),
    async play({ A, B }) {
      await A.del('/d');
      await B.move('/d/f', '/f');
    },
    conflicts: ['removed/changed /d/f'],
    settled: { ours: {}, theirs: { '/f': 'f' } },
  },
  {
    name: 'a directory removed on one side, while the other moved an entry into it',
    start: (main) => main.putEach('/d/f', '/x'),
    async play({ A, B }) {
      await A.del('/d');
      await B.move('/x', '/d/x');
    },
    conflicts: ['removed/changed /d'],
    settled: { ours: { '/x': 'x' }, theirs: { '/d/f': 'f', '/d/x': 'x' } },
  },
  {
    name: 'an edit of an entry that was moved out before its directory was removed',
    start: (main) => main.putEach('/d/f', '/d/g'),
    async play({ A, B }) {
      await A.move('/d/f', '/f');
      await A.del('/d');
      await B.put('/d/f', 'edited');
    },
    gives: { '/f': 'edited' },
  },
  {
    name: 'an addition to a directory whose only entry moved out',
    start: (main) => main.put('/d/f'),
    async play({ A, B }) {
      await A.move('/d/f', '/f');
      await B.put('/d/g');
    },
    gives: { '/f': 'f', '/d/g': 'g' },
  },
  {
    name: 'a directory and its only entry moved to one place',
    start: (main) => main.put('/a/a'),
    async play({ A, B }) {
      await A.move('/a', '/b/b');
      await B.move('/a/a', '/b/b');
    },
    gives: { '/b/b': 'a' },
  },
  {
    name: 'what two sides brought back after one removal is one entry, not two',
    start: (main) => main.put('/c'),
    async play({ A, B, C }) {
      await A.del('/c');
      await B.move('/c', '/b');
      await B.merge(A, 'ours');
      await C.put('/c', 'edited');
      await A.merge(C, 'theirs');
    },
    conflicts: ['moved two-places *', 'both-added * s'],
    settled: {
      'ours ours': { '/c': 'edited' },
      'theirs theirs': { '/b': 'c' },
      'ours theirs': { '/c': 'c' },
      'theirs ours': { '/b': 'edited' },
    },
  },
  {
    name: 'an edit after both sides merged each other is no conflict',
    start: (main) => main.putEach('/f', '/g'),
    async play({ A, B }) {
      await A.put('/f', 'once');
      await B.put('/g', 'once');
      const [a, b] = [A.head, B.head];
      await A.put('/x');
      await B.put('/y');
      await A.merge(b);
      await B.merge(a);
      await A.put('/f', 'twice');
    },
    gives: { '/f': 'twice', '/g': 'once', '/x': 'x', '/y': 'y' },
  },
  {
    name: 'the same move on both sides, and another beside it',
    start: (main) => main.putEach('/f', '/g'),
    async play({ A, B }) {
      await A.move('/f', '/n/f');
      await B.move('/f', '/n/f');
      await B.move('/g', '/n/g');
    },
    gives: { '/n/f': 'f', '/n/g': 'g' },
  },
  {
    name: 'two equal additions, one in one line of history and two in the other, are tangled',
    async play({ A, B, C }) {
      await A.put('/a');
      await B.put('/a');
      await C.merge(A);
      await C.move('/a', '/b');
      await C.merge(B);
      await A.merge(B);
    },
    last: ['A', 'C'],
    conflicts: ['moved tangled /a'],
    settled: { ours: { '/a': 'a' }, theirs: { '/a': 'a', '/b': 'a' } },
  },
  {
    name: 'an entry removed and put again is edited, and gets what the other side added',
    start: (main) => main.put('/a'),
    async play({ A, B }) {
      await A.del('/a');
      await A.put('/a', 'again');
      await B.put('/a', 't', 't');
    },
    gives: { '/a': 'again', '/a t': 't' },
  },
  {
    name: 'the only entry of a directory removed on one side, another added on the other',
    start: (main) => main.put('/d/f'),
    async play({ A, B }) {
      await A.del('/d/f');
      await B.put('/d/g');
    },
    conflicts: ['removed/changed /d'],
    settled: { ours: {}, theirs: { '/d/f': 'f', '/d/g': 'g' } },
  },
  {
    name: 'an edit within a bucket follows the move of the bucket into another',
    async start(main) {
      await main.makeBucket('/m');
      await main.makeBucket('/n');
      await main.put('/n/f');
    },
    async play({ A, B }) {
      await A.move('/n', '/m/n');
      await B.put('/n/f', 'edited');
    },
    gives: { '/m/': 'm', '/m/n/': 'n', '/m/n/f': 'edited' },
  },
  {
    name: 'an edit follows an entry out of its bucket',
    async start(main) {
      await main.makeBucket('/m');
      await main.put('/m/f');
    },
    async play({ A, B }) {
      await A.move('/m/f', '/f');
      await B.put('/m/f', 'edited');
    },
    gives: { '/m/': 'm', '/f': 'edited' },
  },
  {
    name: 'a bucket removed on one side and changed within on the other',
    async start(main) {
      await main.makeBucket('/m');
      await main.put('/m/f');
    },
    async play({ A, B }) {
      await A.del('/m');
      await B.put('/m/f', 'edited');
    },
    conflicts: ['removed/changed /m'],
    settled: { ours: {}, theirs: { '/m/': 'm', '/m/f': 'edited' } },
  },
  {
    name: 'a bucket made at one key on both sides',
    async play({ A, B }) {
      await A.makeBucket('/m', 'one');
      await A.put('/m/a');
      await B.makeBucket('/m', 'two');
      await B.put('/m/b');
    },
    conflicts: ['moved one-name /m'],
    settled: {
      ours: { '/m/': 'one', '/m/a': 'a', '/m~/': 'two', '/m~/b': 'b' },
      theirs: { '/m/': 'two', '/m/b': 'b', '/m~/': 'one', '/m~/a': 'a' },
    },
  },
  {
    name: 'an entry moved out of a directory that is removed, and renamed within it',
    start: (main) => main.putEach('/d/f', '/d/g'),
    async play({ A, B }) {
      await A.move('/d/f', '/f');
      await A.del('/d');
      await B.move('/d/f', '/d/h');
    },
    conflicts: ['removed/changed /d', 'moved two-places /d/f'],
    settled: {
      'ours ours': { '/f': 'f' },
      'theirs theirs': { '/d/g': 'g', '/d/h': 'f' },
      'theirs ours': { '/d/g': 'g', '/f': 'f' },
      'ours theirs': { '/d/h': 'f' },
    },
  },
];
