/**
 * Commit blocks: golden bytes, one spelling, and nothing but coded errors from hostile bytes.
 */
import fc from 'fast-check';
import t from 'tap';
import { addressText } from '../../src/blocks/address.js';
import { BLAKE3, SHA256 } from '../../src/ground/block-header.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { MESSAGE_BYTES_MAX, PARENTS_MAX, TIME_MS_MAX } from '../../src/ground/limits.js';
import {
  type Commit,
  commitAddress,
  decodeCommit,
  encodeCommit,
  mapsBefore,
  nearestMapped,
} from '../../src/log/commit.js';
import { event, fork, type Stamp, seed } from '../clock/stamps.js';
import { someAddress, someCommit } from './dag.js';

function bytesOf(length: number): fc.Arbitrary<Uint8Array> {
  return fc.uint8Array({ minLength: length, maxLength: length });
}

const addresses = fc.nat(0xffff).map(someAddress);
const optionalAddress = fc.option(addresses, { nil: undefined });
const stamps = fc.array(fc.nat(7), { maxLength: 12 }).map((turns) => {
  let living: Stamp[] = [...fork(seed())];
  for (const turn of turns) {
    const one = living[turn % living.length] as Stamp;
    living = living.filter((other) => other !== one);
    living.push(...(turn % 2 === 0 ? fork(event(one)) : [event(one)]));
  }
  return (living.at(-1) as Stamp).event;
});

type CommitMaps = Pick<Commit, 'parents' | 'maps' | 'mapsBefore'>;

const parentsWithMaps: fc.Arbitrary<CommitMaps> = fc
  .uniqueArray(fc.record({ number: fc.nat(99), map: optionalAddress, before: optionalAddress }), {
    maxLength: 5,
    selector: ({ number }) => number,
  })
  .map((all) => ({
    parents: all.map(({ number }) => someAddress(number)),
    maps: all.map(({ map }) => map),
    mapsBefore: mapsBefore(
      all.map(({ number, before }) => ({
        address: someAddress(number),
        commit: someCommit({ mapsBefore: before === undefined ? [] : [before] }),
      })),
    ),
  }));

const plainCommits = fc.record({
  algorithm: fc.constantFrom(SHA256, BLAKE3),
  bucket: bytesOf(16),
  root: addresses,
  heads: optionalAddress,
  stamp: stamps,
  actor: fc.option(bytesOf(32), { nil: undefined }),
  replica: bytesOf(16),
  incarnation: fc.nat(),
  sequence: fc.maxSafeNat(),
  timeMs: fc.nat({ max: TIME_MS_MAX }),
  message: fc.string({ unit: 'binary', maxLength: 40 }),
  extras: fc.option(
    fc
      .uniqueArray(fc.record({ tag: fc.integer({ min: 1 }), bytes: fc.uint8Array() }), {
        minLength: 1,
        maxLength: 3,
        selector: ({ tag }) => tag,
      })
      .map((all) => all.sort((a, b) => a.tag - b.tag)),
    { nil: undefined },
  ),
});

const commits: fc.Arbitrary<Commit> = fc
  .tuple(plainCommits, parentsWithMaps)
  .map(([plain, maps]) => ({ ...plain, ...maps }));

t.test('the bytes of a commit are these', async (t) => {
  const commit = someCommit({
    heads: someAddress(2),
    parents: [someAddress(3), someAddress(4)],
    maps: [undefined, someAddress(5)],
    mapsBefore: [someAddress(6)],
    actor: new Uint8Array(32).fill(0xac),
    sequence: 300,
    message: 'add cat',
  });
  const address = (number: string): string => `01${number.padStart(8, '0')}${number.repeat(28)}`;
  t.equal(
    hex(encodeCommit(commit)),
    [
      '060101', // kind, version, algorithm
      'b0'.repeat(16),
      address('01'),
      `01${address('02')}`,
      `02${address('03')}${address('04')}`,
      `00${'01'}${address('05')}`, // no map for the first parent, one for the second
      `01${'01'}${address('06')}`, // the nearest commit with maps is one for both
      hex(encodeCommit(commit)).slice(446, 450), // the stamp: its bytes are the clock's affair
      `01${'ac'.repeat(32)}`,
      '4e'.repeat(16),
      '01', // incarnation
      'ac02', // sequence
      '80d095ffbc31', // time
      `07${Buffer.from('add cat').toString('hex')}`,
    ].join(''),
  );
  t.match(addressText(commitAddress(commit)), /^sha256:/);
  t.match(addressText(commitAddress({ ...commit, algorithm: BLAKE3 })), /^blake3:/);
});

t.test('a commit decodes to what was encoded, and aliases nothing', async () => {
  fc.assert(
    fc.property(commits, (commit) => {
      // A Buffer's own slice is no copy.
      const block = Buffer.from(encodeCommit(commit));
      const decoded = decodeCommit(block);
      block.fill(0xff);
      return (
        equalBytes(encodeCommit(decoded), encodeCommit(commit)) && fc.stringify(decoded) !== ''
      );
    }),
  );
});

t.test(
  'bytes with a change decode to a coded error or to a commit that they are the one spelling of',
  async () => {
    fc.assert(
      fc.property(commits, fc.nat(), fc.integer({ min: 1, max: 255 }), (commit, place, change) => {
        const block = encodeCommit(commit);
        const at = place % block.length;
        block[at] = (block[at] as number) ^ change;
        return isCodedOrCanonical(block);
      }),
      { numRuns: 2_000 },
    );
  },
);

t.test('any bytes behind a true header do too', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (rest) =>
      isCodedOrCanonical(new Uint8Array([6, 1, 1, ...rest])),
    ),
    { numRuns: 500 },
  );
});

function isCodedOrCanonical(block: Uint8Array): boolean {
  let decoded: Commit;
  try {
    decoded = decodeCommit(block);
  } catch (error) {
    const codes = ['REGALIA_FORMAT', 'REGALIA_STAMP', 'REGALIA_VERSION'];
    return isRegaliaError(error) && codes.includes(error.code);
  }
  return equalBytes(encodeCommit(decoded), block);
}

t.test('truncated and prolonged bytes are refused', async (t) => {
  const block = encodeCommit(someCommit({ parents: [someAddress(3)], message: 'm' }));
  for (let length = 0; length < block.length; length++) {
    t.throws(() => decodeCommit(block.subarray(0, length)), { code: /REGALIA_(FORMAT|STAMP)/ });
  }
  t.throws(() => decodeCommit(new Uint8Array([...block, 0])), { code: 'REGALIA_FORMAT' });
});

t.test('another kind, version or algorithm is refused', async (t) => {
  const block = encodeCommit(someCommit());
  const altered = (at: number, byte: number): Uint8Array =>
    Uint8Array.from(block).fill(byte, at, at + 1);
  t.throws(() => decodeCommit(altered(0, 7)), { code: 'REGALIA_FORMAT' });
  t.throws(() => decodeCommit(altered(1, 2)), { code: 'REGALIA_VERSION', data: { actual: '2' } });
  t.throws(() => decodeCommit(altered(2, 3)), { code: 'REGALIA_FORMAT' });
});

t.test('fields out of their limits are refused before they are written', async (t) => {
  const many = Array.from({ length: PARENTS_MAX + 1 }, (_, number) => someAddress(number));
  t.ok(encodeCommit(someCommit({ parents: many.slice(1) })));
  t.ok(encodeCommit(someCommit({ message: 'é'.repeat(MESSAGE_BYTES_MAX / 2) })));
  const two = [someAddress(1), someAddress(2)];
  const wrong: Partial<Commit>[] = [
    { parents: many },
    { parents: [someAddress(1), someAddress(1)] },
    { parents: [new Uint8Array(33)] },
    { maps: [undefined] },
    { parents: [someAddress(1)], maps: [] },
    { parents: [someAddress(1)], maps: [new Uint8Array(33)] },
    { parents: [someAddress(1)], mapsBefore: [undefined] },
    { parents: [someAddress(1)], mapsBefore: [someAddress(2), someAddress(3)] },
    { mapsBefore: [someAddress(1)] },
    { parents: two, mapsBefore: [someAddress(3), someAddress(3)] },
    { parents: two, mapsBefore: [new Uint8Array(33), undefined] },
    { root: new Uint8Array(32) },
    { heads: new Uint8Array(33).fill(9) },
    { bucket: new Uint8Array(15) },
    { replica: new Uint8Array(17) },
    { actor: new Uint8Array(31) },
    { sequence: -1 },
    { incarnation: 0.5 },
    { timeMs: Number.NaN },
    { timeMs: TIME_MS_MAX + 1 },
    { message: `${'é'.repeat(MESSAGE_BYTES_MAX / 2)}x` },
    { message: '\ud800' },
  ];
  for (const fields of wrong) {
    t.throws(
      () => encodeCommit(someCommit(fields)),
      { code: 'REGALIA_OPTION' },
      Object.keys(fields)[0],
    );
  }
});

t.test(
  'a parent named twice, too many parents, and a time beyond all dates are refused',
  async (t) => {
    const block = encodeCommit(someCommit({ parents: [someAddress(1), someAddress(2)] }));
    const twice = Uint8Array.from(block);
    const first = 3 + 16 + 33 + 1 + 1;
    twice.copyWithin(first + 33, first, first + 33);
    t.throws(() => decodeCommit(twice), { code: 'REGALIA_FORMAT' });
    const many = Uint8Array.from(block);
    many[first - 1] = PARENTS_MAX + 1;
    t.throws(() => decodeCommit(many), { code: 'REGALIA_FORMAT', message: /at most 64 parents/ });
    const late = encodeCommit(someCommit({ timeMs: TIME_MS_MAX }));
    late[late.length - 2] = (late.at(-2) as number) + 1;
    t.throws(() => decodeCommit(late), { code: 'REGALIA_FORMAT' });
  },
);

t.test('lists of the nearest commits with maps have one spelling', async (t) => {
  const parents = [someAddress(1), someAddress(2)];
  const before = [someAddress(3), someAddress(4)];
  const block = encodeCommit(someCommit({ parents, mapsBefore: before }));
  const count = 3 + 16 + 33 + 1 + 1 + 2 * 33 + 2;
  t.equal(block[count], 2);
  const second = count + 1 + 34;
  const agreeing = Uint8Array.from(block);
  agreeing.copyWithin(second, count + 1, second);
  t.throws(() => decodeCommit(agreeing), {
    code: 'REGALIA_FORMAT',
    message: /one where all agree/,
  });
  const nothing = encodeCommit(someCommit({ parents }));
  const none = Uint8Array.from([
    ...nothing.subarray(0, count),
    1,
    0,
    ...nothing.subarray(count + 1),
  ]);
  t.throws(() => decodeCommit(none), { code: 'REGALIA_FORMAT' });
  const many = Uint8Array.from(block);
  many[count] = 3;
  t.throws(() => decodeCommit(many), { code: 'REGALIA_FORMAT' });
});

t.test('the nearest commit with maps is the commit itself, or one that it names', async (t) => {
  const [self, map, older] = [someAddress(1), someAddress(2), someAddress(3)];
  t.equal(nearestMapped(self, { maps: [undefined], mapsBefore: [] }), undefined);
  t.equal(nearestMapped(self, { maps: [undefined], mapsBefore: [older] }), older);
  t.equal(nearestMapped(self, { maps: [undefined, map], mapsBefore: [older] }), self);
  const joined = { maps: [undefined, undefined], mapsBefore: [older, undefined] };
  t.equal(nearestMapped(self, joined), self, 'which joins lines of different ones');
});

t.test('what a commit names of those before it is a function of its parents', async (t) => {
  const [a, b, older] = [someAddress(1), someAddress(2), someAddress(3)];
  const plain = { maps: [undefined], mapsBefore: [] };
  const later = { maps: [undefined], mapsBefore: [older] };
  const mapped = { maps: [someAddress(4)], mapsBefore: [older] };
  const before = (...commits: Pick<Commit, 'maps' | 'mapsBefore'>[]): unknown =>
    mapsBefore(
      commits.map((fields, i) => ({ address: [a, b][i] as typeof a, commit: someCommit(fields) })),
    );
  t.same(before(), []);
  t.same(before(plain), []);
  t.same(before(plain, plain), []);
  t.same(before(later), [older]);
  t.same(before(later, later), [older]);
  t.same(before(mapped, later), [a, older]);
  t.same(before(plain, mapped), [undefined, b]);
});
