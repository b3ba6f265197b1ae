/** Searches through the transducer, against matchers that try every name. */
import fc from 'fast-check';
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { nameText, utf8Bytes } from '../../src/ground/text.js';
import { type Automaton, editDistance, glob, prefix } from '../../src/kernels/automata.js';
import { fst, openFst } from '../../src/kernels/fst.js';
import { anyName, anyNames, charactersOf, distance, globMatches, sorted } from './naive-names.js';

function found<S>(names: readonly Uint8Array[], automaton: Automaton<S>, from = 0): number[] {
  const map = openFst(fst.build(names));
  const ordinals: number[] = [];
  for (const { ordinal, name } of map.search(automaton, from)) {
    if (!equalBytes(name, names[ordinal])) throw new Error(`another name at ${ordinal}`);
    ordinals.push(ordinal);
  }
  return ordinals;
}

function chosen(names: readonly Uint8Array[], choose: (name: Uint8Array) => boolean): string {
  return [...names.keys()].filter((i) => choose(names[i])).join();
}

const texts = (names: readonly string[]): Uint8Array[] => sorted(names.map(utf8Bytes));

/** Names of few different characters, of one to four bytes, so that patterns match by chance. */
const plainNames = fc
  .array(fc.stringMatching(/^[ab.é€😀/]{1,7}$/u), { maxLength: 40 })
  .map((names) => texts(names));

const pattern = fc
  .array(
    fc.constantFrom(
      '*',
      '**',
      '?',
      'a',
      'b',
      '.',
      'é',
      '€',
      '😀',
      '/',
      '[a-b]',
      '[!a]',
      '[é-😀]',
      '[.]',
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

t.test('prefix finds what begins so', async () => {
  fc.assert(
    fc.property(anyNames, anyName, fc.nat(8), fc.nat(20), (names, name, length, from) => {
      const begin = name.subarray(0, length);
      const expected = chosen(names, (each) => equalBytes(each.subarray(0, begin.length), begin));
      const later = expected.split(',').filter((each) => each !== '' && Number(each) >= from);
      return (
        found(names, prefix(begin)).join() === expected &&
        found(names, prefix(begin), from).join() === later.join()
      );
    }),
  );
});

t.test('glob finds what a recursive matcher finds', async () => {
  fc.assert(
    fc.property(fc.oneof(plainNames, anyNames), pattern, (names, pattern) => {
      const marks = [...pattern.replace(/\*{2,}/g, '**')];
      const expected = chosen(names, (name) => globMatches(marks, charactersOf(name)));
      return found(names, glob(pattern)).join() === expected;
    }),
    { numRuns: 300 },
  );
});

t.test('glob takes classes, escapes and bytes that are no text', async (t) => {
  const names = texts(['a]', 'a-', 'a*', 'a\\', 'ab', 'a/b', 'é', 'm.js', 'm.ts']);
  const all = (pattern: string): string[] =>
    found(names, glob(pattern)).map((ordinal) => nameText(names[ordinal]));
  t.strictSame(all('a[]]'), ['a]']);
  t.strictSame(all('a[^]]'), ['a*', 'a-', 'a\\', 'ab']);
  t.strictSame(all('a[a-]'), ['a-']);
  t.strictSame(all('a\\*'), ['a*']);
  t.strictSame(all('a[\\]\\-]'), ['a-', 'a]']);
  t.strictSame(all('a\\\\'), ['a\\']);
  t.strictSame(all('?'), ['é']);
  t.strictSame(all('*.[jt]s'), ['m.js', 'm.ts']);
  t.strictSame(all('a*b'), ['ab']);
  t.strictSame(all('a**b'), ['a/b', 'ab']);
  t.strictSame(found([Uint8Array.of(0xe2, 0x82)], glob('?')), [], 'two bytes, two characters');
  t.strictSame(found([Uint8Array.of(0xe2, 0x82)], glob('??')), [0]);
  for (const bad of ['[', '[a', '[!', '[z-a]', 'a\\', '[a\\', '[]'])
    t.throws(() => glob(bad), { code: 'REGALIA_OPTION' }, bad);
});

t.test("edit distance finds what Levenshtein's table finds", async () => {
  fc.assert(
    fc.property(fc.oneof(plainNames, anyNames), anyName, fc.nat(4), (names, other, max) => {
      for (const name of [other, ...names.slice(0, 2)]) {
        const near = (each: Uint8Array): boolean =>
          distance(charactersOf(each), charactersOf(name)) <= max;
        if (found(names, editDistance(name, max)).join() !== chosen(names, near)) return false;
      }
      return true;
    }),
    { numRuns: 40 },
  );
});

t.test('edit distance counts characters, and takes text or bytes', async (t) => {
  const names = texts(['cafe', 'café', 'caffè', 'cat']);
  t.strictSame(found(names, editDistance('café', 1)), [0, 2]);
  t.strictSame(found(names, editDistance(utf8Bytes('café'), 2)), [0, 1, 2, 3]);
  t.strictSame(found(names, editDistance('café', 0)), [2]);
  for (const max of [-1, 0.5, Number.NaN])
    t.throws(() => editDistance('a', max), { code: 'REGALIA_OPTION' });
});

t.test('a search leaves what cannot match', async (t) => {
  const names = texts(Array.from({ length: 20_000 }, (_, i) => `${i}`.padStart(6, '0')));
  let steps = 0;
  const inner = glob('0123*');
  const counted: Automaton<unknown> = {
    start: () => inner.start(),
    step: (state, byte) => {
      steps++;
      return inner.step(state, byte);
    },
    accepts: (state) => inner.accepts(state),
  };
  t.equal(found(names, counted).length, 100);
  t.ok(steps < 300, `${steps} steps`);
});
