/** Finding entries by patterns: against a matcher that tries every key, and what is not read. */
import fc from 'fast-check';
import t from 'tap';
import { nameText } from '../../src/ground/text.js';
import { Regalia } from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import { globMatches } from '../kernels/naive-names.js';
import { bytes } from './setup.js';

async function storeOf(keys: readonly string[]): Promise<Regalia> {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    for (const key of keys) tx.put(key, 's', bytes(key));
  });
  return store;
}

const keysOf = (found: Iterable<{ readonly key: string }>): string[] =>
  Array.from(found, ({ key }) => key);

t.test('finds what a matcher finds that tries every key', async () => {
  const name = fc.stringMatching(/^[ab]{1,3}$/);
  const key = fc
    .array(name, { minLength: 1, maxLength: 4 })
    .map((names) => names.map((each) => `/${each}`).join(''));
  const part = fc.constantFrom('a', 'b', 'ab', '*', '?', '[!a]', '/', '/**', '/**/');
  const pattern = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(
      fc.array(key, { maxLength: 25 }),
      fc.array(pattern, { maxLength: 12 }),
      async (keys, patterns) => {
        const snapshot = (await storeOf(keys)).snapshot();
        const all = keysOf(snapshot.walk('/')).filter((each) => each !== '/');
        return patterns.every((pattern) => {
          const whole = `/${pattern}`.replace(/^\/+/, '/').replace(/\*{2,}/g, '**');
          const marks = [...(pattern.includes('/') ? whole : `/**/${pattern}`)];
          const expected = all.filter((each) => globMatches(marks, [...each]));
          const shape = pattern.includes('/') ? whole : pattern;
          return keysOf(snapshot.find(shape)).join() === expected.join();
        });
      },
    ),
    { numRuns: 60 },
  );
});

t.test('names of any bytes, buckets and children are found', async (t) => {
  const store = await storeOf(['/a/b/c', '/a/x', '/z']);
  await store.transact((tx) => {
    tx.put(['a', Uint8Array.of(0xff, 0x31)], 's', bytes('raw'));
    tx.createBucket('/a/bucket');
    tx.put('/a/bucket/deep/inside', 's', bytes('in'));
  });
  const snapshot = store.snapshot();
  const all = (pattern: string, options = {}) => keysOf(snapshot.find(pattern, options));
  const raw = `/a/${nameText(Uint8Array.of(0xff, 0x31))}`;
  t.strictSame(all('/a/?1'), [raw]);
  t.strictSame(all('/a/\udcff*'), [raw]);
  t.strictSame(all('inside'), ['/a/bucket/deep/inside']);
  t.strictSame(all('/a/b*'), ['/a/b', '/a/bucket']);
  t.strictSame(all('a/b*'), ['/a/b', '/a/bucket'], 'the first slash may be left out');
  t.strictSame(all('/a/{b/*,x}'), ['/a/b/c', '/a/x']);
  t.strictSame(all('/'), []);
  t.strictSame(all('/a//b'), []);
  t.equal(all('**').length, 9);
  const [entry] = snapshot.find('/z');
  t.equal(entry?.get('s')?.size, 2);
});

t.test('prefixes, edits and limits', async (t) => {
  const snapshot = (await storeOf(['/a*/b', '/ab', '/abc', '/b', '/cafe', '/caffè'])).snapshot();
  const all = (pattern: string, options = {}) => keysOf(snapshot.find(pattern, options));
  t.strictSame(all('/a*', { prefix: true }), ['/a*', '/a*/b']);
  t.strictSame(all('ab', { prefix: true }), ['/ab', '/abc']);
  t.strictSame(all('/café', { edits: 1 }), ['/cafe']);
  t.strictSame(all('/café', { edits: 2 }), ['/cafe', '/caffè']);
  t.strictSame(all('**', { limit: 2 }), ['/a*', '/a*/b']);
  t.strictSame(all('**', { limit: 0 }), []);
  for (const [pattern, options, code] of [
    ['[', {}, 'REGALIA_OPTION'],
    [7, {}, 'REGALIA_OPTION'],
    ['\ud800', { prefix: true }, 'REGALIA_OPTION'],
    ['a', { edits: -1 }, 'REGALIA_OPTION'],
    ['a', { edits: 1, prefix: true }, 'REGALIA_OPTION'],
    ['a', { limit: -1 }, 'REGALIA_RANGE'],
  ] as const) {
    t.throws(() => keysOf(snapshot.find(pattern as string, options)), { code });
  }
});

t.test('a transaction that notes what it reads finds without a limit too', async (t) => {
  const store = await storeOf(['/a', '/b']);
  const tx = store.begin({ isolation: 'serializable' });
  t.strictSame(keysOf(tx.find('*', { limit: Number.POSITIVE_INFINITY })), ['/a', '/b']);
});

t.test('what cannot match is not read', async (t) => {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    for (let i = 0; i < 30_000; i++) tx.put(`/d${i % 10}/f${i}`, 's', bytes('x'));
  });
  const snapshot = store.snapshot();
  let loads = 0;
  const { cache } = scopeOf(store).core;
  const child = cache.child.bind(cache);
  cache.child = (node, index) => {
    loads++;
    return child(node, index);
  };
  const loadsOf = (pattern: string): number => {
    loads = 0;
    t.ok(keysOf(snapshot.find(pattern)).length > 0, pattern);
    return loads;
  };
  const all = loadsOf('**');
  t.ok(all > 100, `${all} nodes in all`);
  t.ok(loadsOf('/d3/f123*') < all / 50);
  t.ok(loadsOf('/d3/f1003') < 10);
  t.ok(loadsOf('/d[34]/f*') < all / 3);
});

t.test('a transaction finds what it did', async (t) => {
  const store = await storeOf(['/a/1', '/a/2']);
  using tx = store.begin();
  tx.put('/a/3', 's', bytes('new'));
  tx.del('/a/1');
  t.strictSame(keysOf(tx.find('/a/*')), ['/a/2', '/a/3']);
});
