/** Searches through the transducer, against matchers that try every name. */

import fc from 'fast-check';
import t from 'tap';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { nameText, utf8Bytes } from '../../src/ground/text.js';
import { type Automaton, editDistance, glob, prefix } from '../../src/kernels/automata.js';
import { Fst } from '../../src/kernels/fst.js';
import { runs } from '../runs.js';
import { anyName, anyNames, charactersOf, distance, globMatches, sorted } from './naive-names.js';
import { transducerOf } from './transducers.js';

function found<S>(names: readonly Uint8Array[], automaton: Automaton<S>): number[] {
  const fst = new Fst(transducerOf(names));
  const ordinals: number[] = [];
  for (const name of fst.search(automaton)) {
    if (name === undefined) continue;
    const ordinal = fst.find(name);
    if (!equalBytes(name, names[ordinal])) throw new Error(`another name at ${ordinal}`);
    ordinals.push(ordinal);
  }
  return ordinals;
}

/** Each name that matches goes on as `ahead` says, wherever the automaton is on its way. */
function aheadHolds<S>(names: readonly Uint8Array[], automaton: Automaton<S>): boolean {
  return names.every((name) => {
    let state: S | undefined = automaton.start();
    const promised: [number, Uint8Array][] = [];
    for (let i = 0; i < name.length && state !== undefined; i++) {
      promised.push([i, automaton.ahead(state)]);
      state = automaton.step(state, name[i]);
    }
    if (state === undefined || !automaton.accepts(state)) return true;
    return promised.every(([at, ahead]) => equalBytes(ahead, name.subarray(at, at + ahead.length)));
  });
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
      '{a,b?}',
      '/**/',
      '{é,/b,a{b,.}}',
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join(''));

t.test('prefix finds what begins so', async () => {
  fc.assert(
    fc.property(anyNames, anyName, fc.nat(8), (names, name, length) => {
      const begin = name.subarray(0, length);
      const expected = chosen(names, (each) => equalBytes(each.subarray(0, begin.length), begin));
      return found(names, prefix(begin)).join() === expected && aheadHolds(names, prefix(begin));
    }),
  );
});

t.test('glob finds what a recursive matcher finds', async () => {
  fc.assert(
    fc.property(fc.oneof(plainNames, anyNames), pattern, (names, pattern) => {
      const expected = chosen(names, (name) => {
        const characters = charactersOf(name);
        return unbraced(pattern).some((each) => globMatches(marksOf(each), characters));
      });
      return found(names, glob(pattern)).join() === expected && aheadHolds(names, glob(pattern));
    }),
    { numRuns: runs(500) },
  );
});

const marksOf = (pattern: string): string[] => [...pattern.replace(/\*{2,}/g, '**')];

/** The patterns without choices that one with choices stands for. */
function unbraced(pattern: string): string[] {
  const [, before, inner, after] = /^(.*?)\{([^{}]*)\}(.*)$/s.exec(pattern) ?? [];
  if (inner === undefined) return [pattern];
  return inner.split(',').flatMap((each) => unbraced(`${before}${each}${after}`));
}

t.test('choices nest, and may be nothing', async (t) => {
  const names = texts(['a', 'ab', 'ac', 'axc', 'b', 'cat.js', 'cat.ts', 'd,e', 'x/y/z']);
  const all = (pattern: string): string[] =>
    found(names, glob(pattern)).map((ordinal) => nameText(names[ordinal]));
  t.strictSame(all('a{,b,{x,}c}'), ['a', 'ab', 'ac', 'axc']);
  t.strictSame(all('*.{j,t}s'), ['cat.js', 'cat.ts']);
  t.strictSame(all('{d,e}'), [], 'a comma parts');
  t.strictSame(all('d\\,e'), ['d,e']);
  t.strictSame(all('d,e'), ['d,e'], 'outside of braces it does not');
  t.strictSame(all('{x/{y,n},m}/z'), ['x/y/z']);
});

t.test('a pattern of more states than are remembered finds the same', async (t) => {
  // Which of the last 14 characters are an a: 2^14 states.
  let state = 1;
  const letter = (): string => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return 'ab'[(state >>> 16) & 1];
  };
  const names = texts(
    Array.from({ length: 2000 }, () => Array.from({ length: 24 }, letter).join('')),
  );
  const expected = chosen(names, (name) => name[name.length - 14] === 0x61);
  t.equal(found(names, glob(`*a${'?'.repeat(13)}`)).join(), expected);
});

t.test('two stars and a slash may be no name at all', async (t) => {
  const names = texts(['/a', '/a/b', '/a/x/b', '/a/x/y/b', '/ab', '/c/a']);
  const all = (pattern: string): string[] =>
    found(names, glob(pattern)).map((ordinal) => nameText(names[ordinal]));
  t.strictSame(all('/a/**/b'), ['/a/b', '/a/x/b', '/a/x/y/b']);
  t.strictSame(all('/**/a'), ['/a', '/c/a']);
  t.strictSame(all('**/a'), ['/a', '/c/a']);
  t.strictSame(all('/a/**'), ['/a/b', '/a/x/b', '/a/x/y/b']);
  t.strictSame(all('/a/*/**/b'), ['/a/x/b', '/a/x/y/b']);
});

t.test('a pattern says how all that matches goes on', async (t) => {
  const ahead = (automaton: Automaton<unknown>, begin: string): string => {
    let state: unknown = automaton.start();
    for (const byte of utf8Bytes(begin)) state = automaton.step(state, byte);
    return nameText(automaton.ahead(state));
  };
  t.equal(ahead(glob('/photos/2024-*'), '/'), 'photos/2024-');
  t.equal(ahead(glob('/photos/2024-*'), '/photos/2024-'), '');
  t.equal(ahead(glob('/é\\*/b'), '/'), 'é*/b');
  t.equal(ahead(glob('/{a,b}/c'), '/a'), '/c');
  t.equal(ahead(prefix(utf8Bytes('/ab')), '/'), 'ab');
  t.equal(hex(glob('é').ahead(glob('é').step(glob('é').start(), 0xc3))), '', 'within a character');
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
  for (const bad of [
    '[',
    '[a',
    '[!',
    '[z-a]',
    'a\\',
    '[a\\',
    '[]',
    '{a',
    '{a,{b}',
    'a'.repeat(4097),
  ])
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
    { numRuns: runs(40) },
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
    ahead: (state) => inner.ahead(state),
  };
  t.equal(found(names, counted).length, 100);
  t.ok(steps < 300, `${steps} steps`);
});
