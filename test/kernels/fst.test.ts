/**
 * The transducer: against a sorted array, exactly minimal, built in chunks and with bounded memory,
 * with long keys, from hostile bytes.
 */
import fc from 'fast-check';
import t from 'tap';
import { concatBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { prefix } from '../../src/kernels/automata.js';
import { Fst } from '../../src/kernels/fst.js';
import { FstBuilder } from '../../src/kernels/fst-builder.js';
import { trailer } from '../../src/kernels/fst-format.js';
import { anyName, anyNames, minimalStates, sorted } from './naive-names.js';
import { namesOf, statesOf, transducerOf } from './transducers.js';

function words(count: number, seed = 1): Uint8Array[] {
  const parts = ['re', 'un', 'do', 'ing', 'able', 'er', 'ation', 'ed', 'ly', 'pre', 's', 'post'];
  const names: string[] = [];
  for (let i = 0, state = seed; i < count; i++) {
    let name = '';
    for (let k = 0; k < 5; k++) {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      name += parts[(state >>> 16) % parts.length];
    }
    names.push(name);
  }
  return sorted(names.map(utf8Bytes));
}

t.test('answers as a sorted array does', async () => {
  fc.assert(
    fc.property(anyNames, fc.array(anyName), (names, others) => {
      const fst = new Fst(transducerOf(names));
      const texts = names.map(hex);
      const near = names.flatMap((name) => [name.subarray(1), Uint8Array.from([...name, 1])]);
      return (
        fst.size === names.length &&
        [...names, ...others, ...near].every(
          (name) => fst.find(name) === texts.indexOf(hex(name)),
        ) &&
        namesOf(transducerOf(names)).map(hex).join() === texts.join()
      );
    }),
    { numRuns: 150 },
  );
});

t.test('names out of order, empty or too long are refused', async (t) => {
  const build = (...names: string[]) => transducerOf(names.map(utf8Bytes));
  t.throws(() => build('b', 'a'), /sorted/);
  t.throws(() => build('a', 'a'), /distinct/);
  t.throws(() => build(''), /0 bytes/);
  t.throws(() => build('x'.repeat(4097)), /4097 bytes/);
});

t.test('has exactly as many states as the minimal automaton', async (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyNames,
        fc
          .array(fc.stringMatching(/^[ab]{1,8}$/), { maxLength: 60 })
          .map((texts) => sorted(texts.map(utf8Bytes))),
      ),
      (names) => names.length === 0 || statesOf(transducerOf(names)) === minimalStates(names),
    ),
    { numRuns: 150 },
  );
  const names = words(2000);
  t.equal(statesOf(transducerOf(names)), minimalStates(names));
});

t.test('a bounded registry gives the same answers with at least as many states', async (t) => {
  const names = words(3000);
  const [small, large] = [transducerOf(names), transducerOf(names, 4096)];
  t.ok(statesOf(large) > statesOf(small), `${statesOf(large)} and ${statesOf(small)} states`);
  t.ok(large.length < 4 * small.length, 'what was used lately is still shared');
  const fst = new Fst(large);
  for (const [i, name] of names.entries()) if (fst.find(name) !== i) t.fail(`name ${i}`);
});

t.test('what was used lately stays in a bounded registry, what was not is forgotten', async (t) => {
  // Each name of the first kind ends in the same 40 bytes, as long as those states are remembered.
  const tail = 'y'.repeat(40);
  const often = Array.from({ length: 400 }, (_, i) => `a${String(i).padStart(4, '0')}${tail}`);
  const between = Array.from({ length: 400 }, (_, i) => `b${'uvwxyz'.repeat(9)}${i * 7919}`);
  const build = (names: string[]) => transducerOf(sorted(names.map(utf8Bytes)), 4096).length;
  t.ok(build(often) < 400 * 12, 'shared all along');
  const again = between.concat('czz'.concat(tail));
  t.ok(build(often.concat(again)) - build(often.concat(between)) > 40, 'forgotten in between');
});

t.test('is written in chunks', async (t) => {
  const names = sorted(
    Array.from({ length: 40_000 }, (_, i) => utf8Bytes(`${(i * 7919) % 1e6}!${i}`)),
  );
  const lengths: number[] = [];
  const builder = new FstBuilder((chunk) => lengths.push(chunk.length));
  for (const name of names) builder.add(name);
  builder.finish();
  t.ok(lengths.length > 1 && lengths.every((length) => length < 80_000));
  t.strictSame(namesOf(transducerOf(names)), names);
});

t.test('full keys of 4,096 bytes are names', async (t) => {
  const keys = sorted(
    ['', 'a', 'b/c', 'b/c/d'].map((end) => utf8Bytes(`/${'long/'.repeat(810)}${end}`)),
  ).concat([new Uint8Array(4096).fill(0x7a)]);
  const bytes = transducerOf(keys);
  t.strictSame(namesOf(bytes), keys);
  const fst = new Fst(bytes);
  for (const [i, key] of keys.entries()) t.equal(fst.find(key), i);
  t.equal([...fst.search(prefix(keys[2]))].filter((key) => key !== undefined).length, 2);
});

t.test('a search pauses, even where it finds nothing', async (t) => {
  const names = Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(6, '0'));
  const nothing = {
    start: () => 0,
    step: () => 0,
    accepts: () => false,
    ahead: () => new Uint8Array(0),
  };
  const found = [...new Fst(transducerOf(names.map(utf8Bytes))).search(nothing)];
  t.ok(found.length > 3 && found.every((each) => each === undefined), `${found.length} pauses`);
});

t.test('a graph of more paths than it declares is refused, soon', async (t) => {
  // Each state has two transitions to the one below: 2^201 names in 1,206 bytes, declared as 100 or
  // as 2^32 - 1.
  const level = [1, 6, 6, 0x61, 0x62, 0x02];
  const states = Uint8Array.from([1, 0, 0, 0x61, 0x62, 0x02, ...Array(200).fill(level).flat()]);
  for (const size of [100, 2 ** 32 - 1]) {
    const bytes = concatBytes([states, trailer(size)]);
    t.throws(() => namesOf(bytes), { code: 'REGALIA_FORMAT' });
    const fst = new Fst(bytes);
    t.throws(() => [...fst.search(prefix(new Uint8Array(220).fill(0x61)))], {
      code: 'REGALIA_FORMAT',
    });
    t.equal(fst.find(new Uint8Array(250).fill(0x61)), -1);
  }
});

t.test('numbers are as wide as they must be', async (t) => {
  for (let count = 250; count < 260; count++) {
    const inner = Array.from({ length: count }, (_, i) => [0x61, 0x62, 1 + (i >> 4), 1 + (i & 15)]);
    const names = sorted([[0x61], ...inner, [0x61, 0x63]].map((each) => Uint8Array.from(each)));
    const bytes = transducerOf(names);
    const fst = new Fst(bytes);
    for (const [i, name] of names.entries()) if (fst.find(name) !== i) t.fail(`${count}: ${i}`);
    t.strictSame(namesOf(bytes), names);
  }
  for (const length of [240, 250, 251, 252, 253, 254]) {
    // A chain of this length lies between the root and the state that 'a' leads to.
    const names = ['ab', 'ac', `b${'x'.repeat(length)}`].map(utf8Bytes);
    t.strictSame(namesOf(transducerOf(names)), names);
  }
});

t.test('a transition below the first byte is refused', async (t) => {
  const bytes = concatBytes([Uint8Array.of(9, 0x61, 0x01), trailer(1)]);
  t.throws(() => new Fst(bytes).find(utf8Bytes('a')), { code: 'REGALIA_FORMAT' });
  t.throws(() => namesOf(bytes), { code: 'REGALIA_FORMAT' });
});

t.test('hostile bytes give an error or a bounded answer', async (t) => {
  let refused = 0;
  const attack = (bytes: Uint8Array): void => {
    try {
      const fst = new Fst(bytes);
      for (const name of ['', 'a', 'lib', 'libfoo.so.1', 'zz']) {
        const found = fst.find(utf8Bytes(name));
        if (found < -1 || found >= fst.size) throw new Error(`found ${found} of ${fst.size}`);
      }
      let count = 0;
      for (const _ of fst.search(prefix(new Uint8Array(0)))) if (++count === 2000) break;
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_FORMAT')) throw error;
      refused++;
    }
  };
  const names = ['lib', 'libbar.so', 'libbar.so.1', 'libfoo.so', 'libfoo.so.1', 'lib€'];
  const long = Array.from({ length: 40 }, (_, i) => `name-${i}-${'y'.repeat(i)}`);
  for (const each of [names, long, []]) {
    const bytes = transducerOf(sorted(each.map(utf8Bytes)));
    for (let length = 0; length < bytes.length; length++) attack(bytes.subarray(0, length));
    for (let at = 0; at < bytes.length; at++)
      for (let bit = 0; bit < 8; bit++)
        attack(bytes.map((byte, i) => (i === at ? byte ^ (1 << bit) : byte)));
  }
  t.ok(refused > 100, `${refused} were refused`);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => attack(bytes)));
});

t.test('the bytes are those of the format', async (t) => {
  // a, ab, cb. Behind 'a' a final state, 'b' to address 0; behind 'c' one that is not final; then
  // the root.
  const behindA = [0x00, 0x62, 0x41];
  const behindC = [0x00, 0x62, 0x01];
  const root = [2, 12 - 3, 12 - 6, 0x61, 0x63, 0x02];
  const names = ['a', 'ab', 'cb'].map(utf8Bytes);
  t.strictSame([...transducerOf(names)], [...behindA, ...behindC, ...root, 3, 0x11]);
  t.strictSame([...transducerOf([])], [0x10]);
  t.strictSame([...transducerOf([utf8Bytes('abc')])], [0xe3, 0xe2, 0xe1, 0x01, 0x11]);
  t.strictSame([...transducerOf([Uint8Array.of(0xff)])], [0xff, 0x80, 0x01, 0x11]);
});
