/**
 * Every coding behind the seam, against a sorted array; then against truncated, flipped and random
 * bytes.
 */
import fc from 'fast-check';
import t from 'tap';
import { compareBytes, equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { anyName, anyNames, sorted } from '../../test/kernels/naive-names.js';
import { frontCoded, frontCodedEvery } from './front-coded.js';
import { type KeyMap, type KeyMapCoding, verifyKeyMap } from './key-map.js';
import { insertName, prefixOffsets, removeName } from './prefix-offsets.js';
import { transducer } from './transducer.js';

const codings: readonly KeyMapCoding[] = [
  prefixOffsets,
  frontCoded,
  frontCodedEvery(0),
  transducer,
];
const each = (names: readonly string[]): Uint8Array[] => sorted(names.map(utf8Bytes));

function agrees(map: KeyMap, names: readonly Uint8Array[], probes: readonly Uint8Array[]): boolean {
  const texts = names.map(hex);
  const find = (name: Uint8Array): number => texts.indexOf(hex(name));
  const lower = (name: Uint8Array): number => {
    const at = names.findIndex((each) => compareBytes(each, name) >= 0);
    return at < 0 ? names.length : at;
  };
  return (
    map.size === names.length &&
    names.every((name, i) => map.find(name) === i && map.lowerBound(name) === i) &&
    names.every((name, i) => equalBytes(map.nameAt(i), name)) &&
    probes.every((name) => map.find(name) === find(name)) &&
    probes.every((name) => map.lowerBound(name) === lower(name)) &&
    [...map.names()].map(hex).join() === texts.join()
  );
}

/** Names that are near the given ones: cut, extended, one byte changed. */
function near(names: readonly Uint8Array[]): Uint8Array[] {
  return names.flatMap((name) => [
    name.subarray(0, name.length - 1),
    Uint8Array.from([...name, 1]),
    Uint8Array.from([...name, 255]),
    name.map((byte, i) => (i === name.length >> 1 ? (byte % 255) + 1 : byte)),
  ]);
}

for (const [index, coding] of codings.entries()) {
  const title = `${coding.name} ${index}`;

  t.test(`${title}: answers as a sorted array does`, async () => {
    fc.assert(
      fc.property(anyNames, fc.array(anyName), fc.nat(), (names, others, from) => {
        const bytes = coding.build(names);
        const map = coding.open(bytes);
        verifyKeyMap(coding, bytes, names.length);
        const start = names.length === 0 ? 0 : from % names.length;
        const tail = [...map.names(start)].map(hex).join();
        return (
          agrees(map, names, [...others, ...near(names)]) &&
          tail === names.slice(start).map(hex).join()
        );
      }),
      { numRuns: 150 },
    );
  });

  t.test(`${title}: edges`, async (t) => {
    const empty = coding.open(coding.build([]));
    t.ok(agrees(empty, [], each(['a'])), 'no names');
    const whole = [new Uint8Array(255).fill(255)];
    t.ok(agrees(coding.open(coding.build(whole)), whole, near(whole)), 'one name of 255 bytes');
    const nested = each(['a', 'ab', 'abc', 'abcd']);
    t.ok(agrees(coding.open(coding.build(nested)), nested, near(nested)), 'each begins the next');
    const bytes = Array.from({ length: 255 }, (_, i) => Uint8Array.of(i + 1));
    t.ok(agrees(coding.open(coding.build(bytes)), bytes, near(bytes)), 'every byte');
    const many = each(Array.from({ length: 3000 }, (_, i) => `f${i}-${'x'.repeat(i % 50)}`));
    t.ok(agrees(coding.open(coding.build(many)), many, []), 'many names, wide offsets');
    const buried = coding.build(nested);
    const within = new Uint8Array(buried.length + 9).fill(0xee);
    within.set(buried, 5);
    const view = within.subarray(5, 5 + buried.length);
    t.ok(agrees(coding.open(view), nested, near(nested)), 'a view amid other bytes');
  });

  t.test(`${title}: refuses what it cannot hold or answer`, async (t) => {
    t.throws(() => coding.build(each(['b', 'a']).reverse()), /sorted/);
    t.throws(() => coding.build([utf8Bytes('a'), utf8Bytes('a')]), /distinct/);
    t.throws(() => coding.build([new Uint8Array(0)]), /0 bytes/);
    t.throws(() => coding.build([new Uint8Array(256).fill(1)]), /256 bytes/);
    const map = coding.open(coding.build(each(['a', 'b'])));
    for (const ordinal of [-1, 2, 0.5, Number.NaN])
      t.throws(() => map.nameAt(ordinal), { code: 'REGALIA_RANGE' });
  });

  t.test(`${title}: hostile bytes give an error or a bounded answer`, async (t) => {
    let refused = 0;
    const attack = (bytes: Uint8Array): void => {
      try {
        const map = coding.open(bytes);
        for (const name of each(['', 'a', 'lib', 'libfoo.so.1', 'zz', '\x01'])) {
          const found = map.find(name);
          const lower = map.lowerBound(name);
          if (found < -1 || found >= map.size || lower < 0 || lower > map.size)
            throw new Error(`found ${found}, ${lower} of ${map.size}`);
        }
        for (const at of [0, 1, map.size >> 1, map.size - 1]) if (at < map.size) map.nameAt(at);
        let count = 0;
        for (const name of map.names()) if (name.length > 255 || ++count === 2000) break;
      } catch (error) {
        if (!isRegaliaError(error)) throw error;
        refused++;
      }
    };
    const names = each(['lib', 'libbar.so', 'libbar.so.1', 'libfoo.so', 'libfoo.so.1', 'lib€']);
    const long = each(Array.from({ length: 40 }, (_, i) => `name-${i}-${'y'.repeat(i)}`));
    for (const bytes of [coding.build(names), coding.build(long), coding.build([])]) {
      for (let length = 0; length < bytes.length; length++) attack(bytes.subarray(0, length));
      for (let at = 0; at < bytes.length; at++)
        for (let bit = 0; bit < 8; bit++)
          attack(bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte)));
    }
    t.ok(refused > 100, `${refused} were refused`);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => attack(bytes)));
    fc.assert(
      fc.property(anyNames, fc.array(fc.tuple(fc.nat(), fc.nat(255))), (names, changes) => {
        const bytes = coding.build(names);
        for (const [at, byte] of changes) bytes[at % bytes.length] = byte;
        attack(bytes);
      }),
    );
  });

  t.test(`${title}: only the one encoding passes verification`, async (t) => {
    const bytes = coding.build(each(['cat', 'cats', 'dog', 'dogs', 'owl']));
    const whole = [...coding.open(bytes).names()].map(hex).join();
    for (let at = 0; at < bytes.length; at++) {
      const flipped = bytes.map((byte, i) => (i === at ? byte ^ 4 : byte));
      try {
        verifyKeyMap(coding, flipped, 1000);
        t.not([...coding.open(flipped).names()].map(hex).join(), whole, 'other names');
      } catch (error) {
        t.ok(isRegaliaError(error, 'REGALIA_FORMAT'), `${error}`);
      }
    }
    t.throws(() => verifyKeyMap(coding, bytes, 4), { code: 'REGALIA_FORMAT' });
  });
}

t.test('verification refuses another interval', async (t) => {
  const bytes = frontCodedEvery(1).build(each(['cat', 'cats', 'dog']));
  t.throws(() => verifyKeyMap(frontCoded, bytes, 9), { code: 'REGALIA_FORMAT' });
});

t.test('prefix-offsets: a spliced map equals a built one', async () => {
  fc.assert(
    fc.property(anyNames, fc.array(anyName), fc.array(fc.nat()), (names, added, removed) => {
      const present = new Map(names.map((name) => [hex(name), name]));
      let bytes = prefixOffsets.build(names);
      const check = (): void => {
        const built = prefixOffsets.build(sorted([...present.values()]));
        if (!equalBytes(built, bytes)) throw new Error(`${hex(bytes)} is not ${hex(built)}`);
      };
      for (const name of [...added, ...near(names).filter((each) => each.length % 256 > 0)]) {
        present.set(hex(name), name);
        bytes = insertName(bytes, name);
        check();
      }
      for (const pick of [...removed, ...names.keys()]) {
        const name = [...present.values()][pick % Math.max(1, present.size)];
        if (name === undefined) break;
        present.delete(hex(name));
        bytes = removeName(removeName(bytes, name), name);
        check();
      }
    }),
    { numRuns: 60 },
  );
});

t.test('prefix-offsets: ends that do not ascend are refused', async (t) => {
  const bytes = prefixOffsets.build(each(['xa', 'xbb', 'xcc']));
  t.strictSame([...bytes], [1, 3, 1, 0x78, 1, 3, 5, 0x61, 0x62, 0x62, 0x63, 0x63]);
  for (const end of [0, 9]) {
    const map = prefixOffsets.open(bytes.map((byte, i) => (i === 5 ? end : byte)));
    t.throws(() => map.find(utf8Bytes('xbb')), { code: 'REGALIA_FORMAT' });
    t.throws(() => map.nameAt(1), { code: 'REGALIA_FORMAT' });
  }
});

t.test('front-coded: the bytes are those of the format', async (t) => {
  const bytes = frontCodedEvery(1).build(each(['xab', 'xabc', 'xb']));
  const names = [0x02, 0x61, 0x62, 0x21, 0x63, 0x01, 0x62];
  t.strictSame([...bytes], [1 << 2, 3, 1, 0x78, 5, ...names]);
});

t.test('prefix-offsets: splicing hostile bytes is bounded', async (t) => {
  const bytes = prefixOffsets.build(each(['lib', 'libbar.so', 'libfoo.so', 'libfoo.so.1']));
  let survived = 0;
  for (let at = 0; at < bytes.length; at++)
    for (const byte of [0, 1, 3, 127, 255]) {
      const hostile = bytes.map((old, i) => (i === at ? byte : old));
      try {
        insertName(hostile, utf8Bytes('libc.so'));
        removeName(hostile, utf8Bytes('libfoo.so'));
        survived++;
      } catch (error) {
        if (!isRegaliaError(error) && !/sorted|bytes/.test(`${error}`)) throw error;
      }
    }
  t.ok(survived > 0);
});
