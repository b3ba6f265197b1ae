/**
 * The transducer beyond the seam: exact minimality, bounded and streamed building, long keys,
 * hostile graphs.
 */
import fc from 'fast-check';
import t from 'tap';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { prefix } from '../../src/kernels/automata.js';
import { fst, openFst, verifyFst } from '../../src/kernels/fst.js';
import { FstBuilder, type FstBuilderOptions } from '../../src/kernels/fst-builder.js';
import { trailer } from '../../src/kernels/fst-format.js';
import { FstRegistry } from '../../src/kernels/fst-registry.js';
import { anyNames, minimalStates, sorted } from './naive-names.js';

function built(names: readonly Uint8Array[], options?: FstBuilderOptions): FstBuilder {
  const builder = new FstBuilder(options);
  for (const name of names) builder.add(name);
  return builder;
}

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

t.test('has exactly as many states as the minimal automaton', async () => {
  fc.assert(
    fc.property(
      fc.oneof(
        anyNames,
        fc
          .array(fc.stringMatching(/^[ab]{1,8}$/), { maxLength: 60 })
          .map((texts) => sorted(texts.map(utf8Bytes))),
      ),
      (names) => {
        if (names.length === 0) return true;
        const builder = built(names);
        builder.finish();
        return builder.states === minimalStates(names);
      },
    ),
    { numRuns: 150 },
  );
  const names = words(2000);
  const builder = built(names);
  builder.finish();
  t.equal(builder.states, minimalStates(names));
});

t.test('a bounded registry gives the same answers with at least as many states', async (t) => {
  const names = words(3000);
  const exact = built(names);
  const bounded = built(names, { registryBytes: 4096 });
  const [small, large] = [exact.finish(), bounded.finish()];
  t.ok(bounded.states > exact.states, `${bounded.states} and ${exact.states} states`);
  t.ok(large.length < 4 * small.length, 'what was used lately is still shared');
  const map = openFst(large);
  for (const [i, name] of names.entries()) if (map.find(name) !== i) t.fail(`name ${i}`);
});

t.test('streams what it would have returned', async (t) => {
  const names = sorted(
    Array.from({ length: 40_000 }, (_, i) => utf8Bytes(`${(i * 7919) % 1e6}!${i}`)),
  );
  const chunks: Uint8Array[] = [];
  const streamed = built(names, { write: (chunk) => chunks.push(chunk) });
  t.equal(streamed.finish().length, 0);
  t.ok(chunks.length > 1 && chunks.every((chunk) => chunk.length < 80_000));
  t.ok(equalBytes(concatBytes(chunks), fst.build(names)));
});

t.test('a builder that is reset builds as a new one does', async (t) => {
  const builder = built(words(50, 7));
  builder.finish();
  t.throws(() => built(words(9)).add(utf8Bytes('')), /0 bytes/);
  for (const names of [words(40), [], words(1000), words(3)]) {
    builder.reset();
    for (const name of names) builder.add(name);
    t.equal(builder.size, names.length);
    t.ok(equalBytes(builder.finish(), built(names).finish()));
  }
});

t.test('holds full keys of 4,096 bytes where told to', async (t) => {
  const keys = sorted(
    ['', 'a', 'b/c', 'b/c/d'].map((end) => utf8Bytes(`/${'long/'.repeat(810)}${end}`)),
  ).concat([new Uint8Array(4096).fill(0x7a)]);
  const bytes = built(keys, { lengthMax: 4096 }).finish();
  const map = openFst(bytes, { lengthMax: 4096 });
  t.strictSame([...map.names()], keys);
  for (const [i, key] of keys.entries()) {
    t.equal(map.find(key), i);
    t.strictSame(map.nameAt(i), key);
  }
  t.equal([...map.search(prefix(keys[2]))].length, 2);
  t.throws(() => [...openFst(bytes).names()], { code: 'REGALIA_FORMAT' }, 'longer than allowed');
  t.throws(() => openFst(bytes).nameAt(4), { code: 'REGALIA_FORMAT' });
  t.throws(() => openFst(bytes, { lengthMax: 4096, sizeMax: 4 }), { code: 'REGALIA_FORMAT' });
});

t.test('a graph of more paths than it declares is refused, soon', async (t) => {
  // Each state has two transitions to the one below: 2^201 names in 1,206 bytes, declared as 100 or
  // as 2^32 - 1.
  const level = [1, 6, 6, 0x61, 0x62, 0x02];
  const states = Uint8Array.from([1, 0, 0, 0x61, 0x62, 0x02, ...Array(200).fill(level).flat()]);
  for (const size of [100, 2 ** 32 - 1]) {
    const map = openFst(concatBytes([states, trailer(size)]));
    t.throws(() => [...map.names()], { code: 'REGALIA_FORMAT' });
    t.throws(() => [...map.search(prefix(new Uint8Array(220).fill(0x61)))], {
      code: 'REGALIA_FORMAT',
    });
    if (size > 201) t.throws(() => map.nameAt(size - 1), { code: 'REGALIA_FORMAT' });
    t.equal(map.find(new Uint8Array(250).fill(0x61)), -1);
  }
});

t.test('what was used lately stays in a bounded registry, what was not is forgotten', async (t) => {
  const registry = new FstRegistry(4096);
  const state = (target: number) => ({ labels: [0x61], targets: [target], counts: [1] });
  for (const address of [1, 2]) {
    registry.find(false, state(address), 0, 1);
    registry.add(state(address), 0, address);
  }
  for (let target = 100; target < 5000; target++) {
    if (registry.find(false, state(target), 0, 1) >= 0) t.fail(`never added: ${target}`);
    registry.add(state(target), 0, target);
    if (target % 50 === 0 && registry.find(false, state(1), 0, 1) !== 1) t.fail('forgotten');
  }
  t.equal(registry.find(false, state(1), 0, 1), 1);
  t.equal(registry.find(false, state(2), 0, 1), -1);
  t.equal(registry.find(true, state(1), 0, 1), -1, 'finality counts');
});

t.test('numbers are as wide as they must be', async (t) => {
  for (let count = 250; count < 260; count++) {
    const inner = Array.from({ length: count }, (_, i) => [0x61, 0x62, 1 + (i >> 4), 1 + (i & 15)]);
    const names = sorted([[0x61], ...inner, [0x61, 0x63]].map((each) => Uint8Array.from(each)));
    const map = openFst(fst.build(names));
    for (const [i, name] of names.entries()) if (map.find(name) !== i) t.fail(`${count}: ${i}`);
    t.strictSame([...map.names()], names);
  }
  for (const length of [240, 250, 251, 252, 253, 254]) {
    // A chain of this length lies between the root and the state that 'a' leads to.
    const names = ['ab', 'ac', `b${'x'.repeat(length)}`].map(utf8Bytes);
    t.strictSame([...openFst(fst.build(names)).names()], names);
  }
});

t.test('a transition below the first byte is refused', async (t) => {
  const map = openFst(concatBytes([Uint8Array.of(9, 0x61, 0x01), trailer(1)]));
  t.throws(() => map.find(utf8Bytes('a')), { code: 'REGALIA_FORMAT' });
  t.throws(() => map.lowerBound(utf8Bytes('a')), { code: 'REGALIA_FORMAT' });
  t.throws(() => map.nameAt(0), { code: 'REGALIA_FORMAT' });
  t.throws(() => [...map.names()], { code: 'REGALIA_FORMAT' });
});

t.test('verification takes what the same builder wrote, and nothing else', async (t) => {
  const names = words(3000);
  const exact = built(names).finish();
  const options = { lengthMax: 4096, registryBytes: 4096 };
  const bounded = built(names, options).finish();
  verifyFst(exact);
  verifyFst(bounded, options);
  t.throws(() => verifyFst(bounded), { code: 'REGALIA_FORMAT' }, 'not minimal');
  t.throws(() => verifyFst(exact, { sizeMax: 10 }), { code: 'REGALIA_FORMAT' });
  const small = built(words(20)).finish();
  for (let at = 0; at < small.length; at++) {
    const flipped = small.map((byte, i) => (i === at ? byte ^ 1 : byte));
    try {
      verifyFst(flipped);
      t.notSame([...openFst(flipped).names()], words(20), 'another set of names');
    } catch (error) {
      t.ok(isRegaliaError(error, 'REGALIA_FORMAT'), `${error}`);
    }
  }
});

t.test('the bytes are those of the format', async (t) => {
  // a, ab, cb. Behind 'a' a final state, 'b' to address 0; behind 'c' one that is not final; then
  // the root.
  const behindA = [0x00, 0x62, 0x41];
  const behindC = [0x00, 0x62, 0x01];
  const root = [2, 12 - 3, 12 - 6, 0x61, 0x63, 0x02];
  const names = ['a', 'ab', 'cb'].map(utf8Bytes);
  t.strictSame([...fst.build(names)], [...behindA, ...behindC, ...root, 3, 0x11]);
  t.strictSame([...fst.build([])], [0x10]);
  t.strictSame([...fst.build([utf8Bytes('abc')])], [0xe3, 0xe2, 0xe1, 0x01, 0x11]);
  t.strictSame([...fst.build([Uint8Array.of(0xff)])], [0xff, 0x80, 0x01, 0x11]);
});
