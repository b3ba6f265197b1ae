/** Bytes and text: order, equality, copies, digits; names of any bytes as text and back. */
import fc from 'fast-check';
import t from 'tap';
import * as bytes from '../../src/ground/bytes.js';
import { isAscii, nameBytes, nameText, utf8Text } from '../../src/ground/text.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);
const some = fc.uint8Array({ maxLength: 40 });
/** Bytes in which UTF-8 begins and breaks off. */
const nearText = fc
  .array(
    fc.constantFrom(0x41, 0x80, 0xbf, 0xc3, 0xa9, 0xed, 0xa0, 0xb2, 0xe2, 0x82, 0xf0, 0x9f, 0xff),
  )
  .map((list) => Uint8Array.from(list));

t.test('order and equality are those of Buffer', async (t) => {
  const property = fc.property(some, some, fc.nat(10), (a, b, at) => {
    const start = Math.min(at, a.length);
    return (
      Math.sign(bytes.compareBytes(a, b)) === Buffer.compare(a, b) &&
      bytes.equalBytes(a, b) === (Buffer.compare(a, b) === 0) &&
      Math.sign(bytes.compareRange(a, start, a.length, b)) === Buffer.compare(a.subarray(start), b)
    );
  });
  fc.assert(property, { numRuns: 1_000, seed });
  t.pass();
});

t.test('a copy is private, whatever its length', async (t) => {
  for (const length of [0, 1, 2_048, 2_049, 20_000]) {
    const source = new Uint8Array(length + 2).fill(7);
    const copies = [bytes.copyRange(source, 1, length + 1), bytes.copyBytes(source)];
    source.fill(0);
    for (const copy of copies)
      t.ok(
        copy.every((byte) => byte === 7),
        `${length} bytes`,
      );
  }
  const [a, b] = [bytes.copyRange(Uint8Array.of(1), 0, 1), bytes.copyRange(Uint8Array.of(2), 0, 1)];
  t.strictSame([a[0], b[0]], [1, 2], 'copies that share a buffer do not overlap');
});

t.test('digits: there and back, and nothing else', async (t) => {
  fc.assert(
    fc.property(some, (given) => bytes.equalBytes(bytes.unhex(bytes.hex(given)) ?? given, given)),
    { seed },
  );
  for (const text of ['0', 'zz', '0x', '1 ']) t.equal(bytes.unhex(text), undefined, text);
});

t.test('every name has one text, and every text at most one name', async (t) => {
  const property = fc.property(fc.oneof(some, nearText), (given) => {
    const text = nameText(given);
    const back = nameBytes(text);
    return back !== undefined && bytes.equalBytes(back, given);
  });
  fc.assert(property, { numRuns: 3_000, seed });
  const texts = fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
    const name = nameBytes(text);
    return name === undefined || nameText(name) === text;
  });
  fc.assert(texts, { numRuns: 2_000, seed });
  t.equal(nameBytes('\ud800'), undefined, 'a lone surrogate that stands for no byte');
  t.equal(nameBytes('\udcc3\udca9'), undefined, 'surrogates that spell a valid character');
  t.equal(nameText(Uint8Array.of(0x61, 0xff)), 'a\udcff');
});

t.test('UTF-8 is strict, and ASCII is seen', async (t) => {
  t.equal(utf8Text(Uint8Array.of(0xef, 0xbb, 0xbf, 0x61)), '\ufeffa', 'a mark is a character');
  t.equal(utf8Text(Uint8Array.of(0xc0, 0x80)), undefined);
  t.equal(isAscii(Uint8Array.of(0x80, 0x41, 0x80), 1, 2), true);
  t.equal(isAscii(Uint8Array.of(0x41, 0x80), 0, 2), false);
});
