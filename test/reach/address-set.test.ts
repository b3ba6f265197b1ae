/** A set of addresses beside the language's own, with digests that crowd in one place. */
import fc from 'fast-check';
import t from 'tap';
import { addressKey } from '../../src/blocks/address.js';
import { AddressSet } from '../../src/reach/address-set.js';
import { runs } from '../runs.js';

/** Many begin alike, some with zeros, or are zeros in the half that counts. */
const digest = fc.oneof(
  fc.uint8Array({ minLength: 32, maxLength: 32 }),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.fill(7, 0, 4)),
  fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => bytes.fill(0, 0, 12)),
);
const addresses = fc.array(
  digest.map((bytes) => Uint8Array.of(1, ...bytes)),
  { maxLength: 400 },
);

t.test('it knows what was added, and nothing else', async (t) => {
  const property = fc.property(addresses, addresses, (added, asked) => {
    const set = new AddressSet();
    const model = new Set<string>();
    for (const address of added) {
      // Nothing is at zeros: who asks for such a one is told each time that it is new.
      if (address.subarray(1, 17).every((byte) => byte === 0)) continue;
      const isNew = !model.has(addressKey(address));
      model.add(addressKey(address));
      if (set.add(address) !== isNew) return false;
    }
    return asked.every((address) => set.has(address) === model.has(addressKey(address)));
  });
  fc.assert(property, { numRuns: runs(300) });
  t.pass('all cases hold');
});

t.test('it grows, and keeps what it has', async (t) => {
  const set = new AddressSet();
  const of = (number: number): Uint8Array => {
    const address = new Uint8Array(33).fill(1);
    new DataView(address.buffer).setUint32(1, number * 64);
    new DataView(address.buffer).setUint32(5, number + 1);
    return address;
  };
  for (let i = 0; i < 20_000; i++) if (!set.add(of(i))) t.fail(`${i} is new`);
  for (let i = 0; i < 20_000; i++) if (set.add(of(i))) t.fail(`${i} is known`);
  t.notOk(set.has(of(20_000)));
  const zeros = new Uint8Array(33);
  t.ok(set.add(zeros) && set.add(zeros), 'what looks like a free slot is never known');
});
