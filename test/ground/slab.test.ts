/** Copies in slabs are private, whole, and do not overlap, at every length. */
import fc from 'fast-check';
import t from 'tap';
import { equalBytes } from '../../src/ground/bytes.js';
import { Slab } from '../../src/ground/slab.js';

t.test('copies keep their bytes, whatever becomes of the original and of other copies', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 64 }),
      (originals, slabBytes) => {
        const slab = new Slab(slabBytes);
        const kept = originals.map((bytes) => ({ bytes: bytes.slice(), copy: slab.copy(bytes) }));
        for (const bytes of originals) bytes.fill(0xff);
        const [first] = kept;
        first?.copy.fill(0xee);
        return kept.slice(1).every(({ bytes, copy }) => equalBytes(bytes, copy));
      },
    ),
  );
  t.end();
});

t.test('a range is copied alone, and short copies share a buffer', (t) => {
  const slab = new Slab(16);
  const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6);
  const [one, two] = [slab.copy(bytes, 1, 3), slab.copy(bytes, 3)];
  t.strictSame([...one], [2, 3]);
  t.strictSame([...two], [4, 5, 6]);
  t.equal(one.buffer, two.buffer);
  const long = slab.copy(new Uint8Array(20));
  t.equal(long.length, 20);
  t.not(long.buffer, one.buffer);
  t.end();
});
