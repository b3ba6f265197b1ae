/**
 * Moves that cross borders of buckets, and moves that meet at one name: every entry goes on at one
 * place, and whoever does not get a name stays beside it.
 */
import t from 'tap';
import { type Branch, type Contents, settle, type World, world, wrongs } from './branch.js';
import { checkHistory, type History } from './history.js';

const TWO_BUCKETS: Pick<History, 'start'> = {
  async start(main) {
    await main.makeBucket('/m');
    await main.makeBucket('/n');
    await main.putEach('/m/f', '/n/g');
  },
};

const HISTORIES: readonly History[] = [
  {
    name: 'an edit follows an entry from one bucket to another',
    ...TWO_BUCKETS,
    async play({ A, B }) {
      await A.move('/m/f', '/n/f');
      await B.put('/m/f', 'edited');
    },
    gives: { '/m/': 'm', '/n/': 'n', '/n/f': 'edited', '/n/g': 'g' },
  },
  {
    name: 'an edit follows an entry into a bucket',
    async start(main) {
      await main.makeBucket('/m');
      await main.put('/d/f');
    },
    async play({ A, B }) {
      await A.move('/d', '/m/d');
      await B.put('/d/f', 'edited');
      await B.put('/d/g');
    },
    gives: { '/m/': 'm', '/m/d/f': 'edited', '/m/d/g': 'g' },
  },
  {
    name: 'an entry that leaves its bucket on both sides, for two places',
    ...TWO_BUCKETS,
    async play({ A, B }) {
      await A.move('/m/f', '/n/f');
      await B.move('/m/f', '/f');
    },
    conflicts: ['moved two-places /m/f'],
    settled: {
      ours: { '/m/': 'm', '/n/': 'n', '/n/f': 'f', '/n/g': 'g' },
      theirs: { '/m/': 'm', '/n/': 'n', '/f': 'f', '/n/g': 'g' },
    },
  },
  {
    name: 'an edit within a bucket follows it out of the bucket around it',
    async start(main) {
      await main.makeBucket('/m');
      await main.makeBucket('/m/n');
      await main.put('/m/n/f');
    },
    async play({ A, B }) {
      await A.move('/m/n', '/n');
      await B.put('/m/n/f', 'edited');
    },
    gives: { '/m/': 'm', '/n/': 'n', '/n/f': 'edited' },
  },
  {
    name: 'an edit in a bucket below a directory that moves into another bucket',
    async start(main) {
      await main.makeBucket('/m');
      await main.makeBucket('/d/n');
      await main.put('/d/n/f');
    },
    async play({ A, B }) {
      await A.move('/d', '/m/d');
      await B.put('/d/n/f', 'edited');
    },
    gives: { '/m/': 'm', '/m/d/n/': 'n', '/m/d/n/f': 'edited' },
  },
  {
    name: 'edits within a bucket on both sides, which one of them moved into another',
    ...TWO_BUCKETS,
    async play({ A, B }) {
      await A.put('/n/a');
      await A.move('/n', '/m/n');
      await B.put('/n/b');
      await B.put('/m/b');
    },
    gives: {
      '/m/': 'm',
      '/m/b': 'b',
      '/m/f': 'f',
      '/m/n/': 'n',
      '/m/n/a': 'a',
      '/m/n/b': 'b',
      '/m/n/g': 'g',
    },
  },
  {
    name: 'two entries moved to one name',
    start: (main) => main.putEach('/a', '/b'),
    async play({ A, B }) {
      await A.move('/a', '/c');
      await B.move('/b', '/c');
    },
    conflicts: ['moved one-name *'],
    settled: { ours: { '/c': 'a', '/c~': 'b' }, theirs: { '/c': 'b', '/c~': 'a' } },
  },
  {
    name: 'two directories moved to one name stay two',
    start: (main) => main.putEach('/a/x', '/b/y'),
    async play({ A, B }) {
      await A.move('/a', '/c');
      await B.move('/b', '/c');
    },
    conflicts: ['moved one-name *'],
    settled: { ours: { '/c/x': 'x', '/c~/y': 'y' }, theirs: { '/c/y': 'y', '/c~/x': 'x' } },
  },
  {
    name: 'a bucket and a plain entry made at one key',
    async play({ A, B }) {
      await A.makeBucket('/m');
      await A.put('/m/a');
      await B.put('/m/b');
    },
    conflicts: ['moved one-name /m'],
    settled: {
      ours: { '/m/': 'm', '/m/a': 'a', '/m~/b': 'b' },
      theirs: { '/m/b': 'b', '/m~/': 'm', '/m~/a': 'a' },
    },
  },
  {
    name: 'edits of both entries that wanted one name, after it was settled on one side',
    start: (main) => main.put('/a'),
    async play({ A, B, C }) {
      await A.move('/a', '/c');
      await B.put('/c');
      await C.put('/a', 'edited');
      await A.merge(B, 'ours');
      await A.merge(C);
      await B.put('/c', 'edited too');
    },
    gives: { '/c': 'edited', '/c~': 'edited too' },
  },
  {
    name: 'two entries for one name, settled alike on both sides',
    start: (main) => main.put('/a'),
    async play({ A, B }) {
      await A.move('/a', '/c');
      await B.put('/c');
      const [a, b] = [A.head, B.head];
      await A.merge(b, 'ours');
      await B.merge(a, 'theirs');
      await A.put('/k');
    },
    gives: { '/c': 'a', '/c~': 'c', '/k': 'k' },
  },
];

for (const history of HISTORIES) t.test(history.name, (t) => checkHistory(t, history));

/** A moves /a to a key, and B puts one there: merged into A, who keeps the name. */
async function contested(key: string, start?: (main: Branch) => Promise<unknown>): Promise<World> {
  const made = await world(async (main) => {
    await main.put('/a', 'moved');
    await start?.(main);
  });
  await made.A.move('/a', key);
  await made.B.put(key, 'put');
  await settle(made.A, made.B, () => 'ours');
  return made;
}

/** The keys as they are, of streams with that text. */
function keysOf({ bucket }: Branch, text: string): string[] {
  const view = bucket.snapshot();
  const all = [...view.walk()].filter(({ key }) => {
    const inline = view.get(key, 's')?.inline;
    return inline !== undefined && Buffer.from(inline).toString() === text;
  });
  return all.map(({ key }) => key);
}

t.test('the name that a loser gets ends in 8 digits of what it is', async (t) => {
  const { A } = await contested('/d/c');
  t.strictSame(keysOf(A, 'moved'), ['/d/c']);
  const [key = '', ...rest] = keysOf(A, 'put');
  t.strictSame(rest, []);
  t.match(key, /^\/d\/c~[0-9a-f]{8}$/);
});

t.test('the name gets more digits where the one with 8 is taken', async (t) => {
  const [taken = ''] = keysOf((await contested('/c')).A, 'put');
  const { A } = await contested('/c', (main) => main.put(taken, 'before'));
  t.strictSame(keysOf(A, 'before'), [taken]);
  t.strictSame(keysOf(A, 'moved'), ['/c']);
  const [key = '', ...rest] = keysOf(A, 'put');
  t.strictSame(rest, []);
  t.ok(key.startsWith(taken) && key.length > taken.length, key);
});

t.test('a long name is cut for it, and stays text where it is text', async (t) => {
  for (const name of ['n'.repeat(255), 'n'.repeat(250), 'ä'.repeat(127), `n${'€'.repeat(84)}`]) {
    const { store, A } = await contested(`/d/${name}`);
    const [key = '', ...rest] = keysOf(A, 'put');
    t.strictSame([rest, keysOf(A, 'moved')], [[], [`/d/${name}`]]);
    t.match(key, /^\/d\/[^~]+~[0-9a-f]{8}$/);
    t.ok(key.isWellFormed(), 'no character is cut in two');
    t.ok(Buffer.byteLength(key) - '/d/'.length <= 255, `${Buffer.byteLength(key)} bytes`);
    t.strictSame(await wrongs(store), []);
  }
});

t.test(
  'a loser whose key would be too long goes to the nearest parent where it fits',
  async (t) => {
    const parents = `/${'p'.repeat(255)}`.repeat(15);
    const key = `${parents}/${'q'.repeat(244)}/${'n'.repeat(10)}`;
    t.equal(key.length, 4_096);
    const { store, A } = await contested(key);
    t.strictSame(keysOf(A, 'moved'), [key]);
    const [loser = '', ...rest] = keysOf(A, 'put');
    t.strictSame(rest, []);
    t.match(loser.slice(parents.length), /^\/n{10}~[0-9a-f]{8}$/);
    t.strictSame(await wrongs(store), []);
  },
);

t.test('moves that meet in a name lose nothing, whoever merges them', async (t) => {
  const texts: Contents[] = [];
  for (const winner of ['ours', 'theirs'] as const) {
    const made = await world((main) => main.putEach('/a', '/b', '/x/c'));
    await made.A.move('/a', '/x/d');
    await made.A.move('/b', '/x/e');
    await made.B.move('/b', '/x/d');
    await made.B.move('/a', '/x/e');
    await settle(made.A, made.B, () => winner);
    texts.push(made.A.contents());
    t.strictSame(await wrongs(made.store), []);
  }
  t.strictSame(texts, [
    { '/x/c': 'c', '/x/d': 'a', '/x/e': 'b' },
    { '/x/c': 'c', '/x/d': 'b', '/x/e': 'a' },
  ]);
});
