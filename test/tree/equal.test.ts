/**
 * Equality by contents: entries are equal, and have one address, exactly where their models are,
 * whatever their names, their neighbours and the forms of their parts.
 */
import fc from 'fast-check';
import t from 'tap';
import { recordAddress, sameEntry, sameStream, streamAddress } from '../../src/tree/equal.js';
import { parseKey } from '../../src/tree/key.js';
import type { Spot, Tree } from '../../src/tree/lookup.js';
import { findStream, INLINE, METADATA, readRecord } from '../../src/tree/record.js';
import { cloneEntry, type Entry, entryAt, Laboratory, listing, newEntry, place } from './model.js';

function at(tree: Tree, key: string): Spot {
  return tree.outer(parseKey(key)) as Spot;
}

function addressAt(tree: Tree, key: string): string {
  const { node, index } = at(tree, key);
  const address = recordAddress(node.algorithm, readRecord(node, index));
  return Buffer.from(address).toString('hex');
}

/** An entry of some streams, of which several leave the record, over some children. */
const entryArbitrary: fc.Arbitrary<Entry> = fc
  .record({
    streams: fc.dictionary(
      fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'),
      fc.constantFrom('', 'short', 'x'.repeat(33), 'y'.repeat(500), 'z'.repeat(900)),
      { minKeys: 1 },
    ),
    children: fc.uniqueArray(fc.integer({ min: 0, max: 300 }), { maxLength: 60 }),
  })
  .map(({ streams, children }) => {
    const entry = newEntry();
    for (const [stream, contents] of Object.entries(streams)) entry.streams.set(stream, contents);
    for (const child of children) {
      const inner = newEntry();
      inner.streams.set('s', `child ${child}`);
      entry.children.set(`c${child}`, inner);
    }
    return entry;
  });

t.test('entries are the same exactly where their models are, and so are addresses', async (t) => {
  const laboratory = await Laboratory.open();
  const property = fc.property(entryArbitrary, entryArbitrary, fc.boolean(), (a, b, twin) => {
    const top = newEntry();
    const other = twin ? cloneEntry(a) : b;
    place(top, '/one', a);
    place(top, `/elsewhere/${'n'.repeat(200)}`, other);
    const tree = laboratory.build(top);
    const same = listing(a).join() === listing(other).join();
    const [p, q] = ['/one', `/elsewhere/${'n'.repeat(200)}`];
    return (
      sameEntry(laboratory.cache, at(tree, p), at(tree, q)) === same &&
      (addressAt(tree, p) === addressAt(tree, q)) === same
    );
  });
  fc.assert(property, { numRuns: 150 });
  t.pass('whatever forms their parts have');
});

t.test('every change of an entry changes its address', async (t) => {
  const laboratory = await Laboratory.open();
  const base = newEntry();
  base.streams.set('a', 'one').set('b', 'x'.repeat(600));
  place(base, '/inner/deep', newEntry());
  (entryAt(base, '/inner/deep') as Entry).streams.set('s', 'deep');
  const variant = (change: (entry: Entry) => void): string => {
    const entry = cloneEntry(base);
    change(entry);
    const top = newEntry();
    place(top, '/e', entry);
    return addressAt(laboratory.build(top), '/e');
  };
  const addresses = [
    variant(() => {}),
    variant(({ streams }) => streams.set('a', 'two')),
    variant(({ streams }) => streams.set('b', `${'x'.repeat(599)}y`)),
    variant(({ streams }) => streams.delete('a')),
    variant(({ streams }) => streams.delete('a') && streams.set('c', 'one')),
    variant((entry) => (entryAt(entry, '/inner/deep') as Entry).streams.set('s', 'Deep')),
    variant((entry) => place(entry, '/inner/more', cloneEntry(base))),
    variant((entry) => entry.children.delete('inner')),
  ];
  t.equal(new Set(addresses).size, addresses.length);
});

t.test('a stream has one address in its record and beside it', async (t) => {
  const laboratory = await Laboratory.open();
  const contents = 'x'.repeat(500);
  const top = newEntry();
  for (const key of ['/alone', '/crowded']) place(top, key, newEntry());
  (entryAt(top, '/alone') as Entry).streams.set('x', contents);
  const crowded = (entryAt(top, '/crowded') as Entry).streams;
  for (let i = 0; i < 12; i++) crowded.set(`a${i}`, `${i}`.repeat(400));
  crowded.set('x', contents);
  const tree = laboratory.build(top);
  const [alone, beside] = ['/alone', '/crowded'].map((key) => {
    const { node, index } = at(tree, key);
    return findStream(node, index, 'x');
  });
  if (alone === undefined || beside === undefined) throw new Error('both have it');
  t.equal(alone.form, INLINE);
  t.equal(beside.form, METADATA);
  t.ok(sameStream(laboratory.cache, alone, beside));
  const { algorithm } = tree.root;
  t.strictSame(streamAddress(algorithm, alone), streamAddress(algorithm, beside));
});
