/**
 * Integers, the writer and the reader: against DataView, against each other, and against bytes that
 * were cut, padded or made up.
 */
import fc from 'fast-check';
import t from 'tap';
import { isRegaliaError } from '../../src/ground/errors.js';
import * as integers from '../../src/ground/integers.js';
import { ByteReader } from '../../src/ground/reader.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { ByteWriter } from '../../src/ground/writer.js';

const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

type Field =
  | { readonly kind: 'u8' | 'u16' | 'u32' | 'u48' | 'varint'; readonly number: number }
  | { readonly kind: 'bytes' | 'lengthed'; readonly bytes: Uint8Array }
  | { readonly kind: 'text'; readonly text: string };

const number = (kind: 'u8' | 'u16' | 'u32' | 'u48' | 'varint', most: number): fc.Arbitrary<Field> =>
  fc
    .oneof(fc.nat(300), fc.maxSafeNat())
    .map((some) => ({ kind, number: most === 2 ** 53 ? some : some % most }));
const field: fc.Arbitrary<Field> = fc.oneof(
  number('u8', 2 ** 8),
  number('u16', 2 ** 16),
  number('u32', 2 ** 32),
  number('u48', 2 ** 48),
  number('varint', 2 ** 53),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => ({ kind: 'bytes' as const, bytes })),
  fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ kind: 'lengthed' as const, bytes })),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => ({ kind: 'text' as const, text })),
);

function write(writer: ByteWriter, one: Field): void {
  if (one.kind === 'text') writer.text(one.text);
  else if ('bytes' in one) writer[one.kind](one.bytes);
  else writer[one.kind](one.number);
}

function read(reader: ByteReader, one: Field): unknown {
  if (one.kind === 'text') return reader.text();
  if (one.kind === 'lengthed') return Buffer.from(reader.lengthed());
  if (one.kind === 'bytes') return Buffer.from(reader.bytes(one.bytes.length));
  return reader[one.kind]();
}

function dataOf(one: Field): unknown {
  if (one.kind === 'text') return one.text;
  return 'bytes' in one ? Buffer.from(one.bytes) : one.number;
}

const isWell = (text: string): boolean => text.isWellFormed();

t.test('what is written is read again, in a buffer that grows', async (t) => {
  const lists = fc.array(field, { maxLength: 30 });
  const property = fc.property(lists, fc.nat(40), (fields, capacity) => {
    const whole = fields.filter((one) => one.kind !== 'text' || isWell(one.text));
    const writer = new ByteWriter(capacity);
    for (const one of whole) write(writer, one);
    const bytes = writer.finish();
    const reader = new ByteReader(bytes, 'a list');
    for (const one of whole) {
      const [found, expected] = [read(reader, one), dataOf(one)];
      if (Buffer.isBuffer(expected) ? !expected.equals(found as Buffer) : found !== expected) {
        return false;
      }
    }
    reader.end();
    return writer.length === bytes.length && Buffer.from(writer.view()).equals(bytes);
  });
  fc.assert(property, { numRuns: 500, seed });
  t.pass();
});

t.test('a list that is cut anywhere is malformed, never misread to its end', async (t) => {
  const property = fc.property(fc.array(field, { minLength: 1, maxLength: 10 }), (fields) => {
    const whole = fields.filter((one) => one.kind !== 'text' || isWell(one.text));
    const writer = new ByteWriter();
    for (const one of whole) write(writer, one);
    const bytes = writer.finish();
    for (let length = 0; length < bytes.length; length++) {
      try {
        const reader = new ByteReader(bytes.subarray(0, length), 'a list');
        for (const one of whole) read(reader, one);
        return false;
      } catch (error) {
        if (!isRegaliaError(error, 'REGALIA_FORMAT') || error.data.what !== 'a list') throw error;
      }
    }
    return true;
  });
  fc.assert(property, { numRuns: 200, seed });
  t.pass();
});

t.test('integers of a fixed width are those of DataView', async (t) => {
  const property = fc.property(fc.maxSafeNat(), fc.nat(5), (some, at) => {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    const ends = [
      integers.putU16(bytes, at, some % 2 ** 16),
      integers.putU32(bytes, at, some % 2 ** 32),
      integers.putU48(bytes, at, some % 2 ** 48),
    ];
    const expected = BigInt(some % 2 ** 48);
    const same =
      integers.readU48(bytes, at) === some % 2 ** 48 &&
      (view.getBigUint64(at, true) & 0xffff_ffff_ffffn) === expected &&
      integers.readU32(bytes, at) === view.getUint32(at, true) &&
      integers.readU16(bytes, at) === view.getUint16(at, true);
    view.setBigUint64(at, BigInt(some), true);
    return (
      same &&
      integers.readU64(bytes, at) === some &&
      ends.join() === [at + 2, at + 4, at + 6].join()
    );
  });
  fc.assert(property, { numRuns: 1_000, seed });
  t.pass();
});

t.test('varints: their length, in place, and at every border', async (t) => {
  const borders = [0, 1, 127, 128, 2 ** 14 - 1, 2 ** 14, 2 ** 32, 2 ** 49, Number.MAX_SAFE_INTEGER];
  for (const some of borders) {
    const bytes = new Uint8Array(10);
    const end = integers.putVarint(bytes, 1, some);
    t.equal(end - 1, integers.varintLength(some), `${some}`);
    t.equal(integers.readVarint(bytes, 1), some);
    t.equal(new ByteReader(bytes, 'it', 1, end).varint(), some);
  }
});

t.test('what an enemy makes of a varint, a text or a length is refused', async (t) => {
  const refused = (bytes: number[], read: (reader: ByteReader) => unknown): unknown => {
    try {
      return read(new ByteReader(Uint8Array.from(bytes), 'it'));
    } catch (error) {
      return isRegaliaError(error, 'REGALIA_FORMAT') ? error.data.expected : error;
    }
  };
  t.equal(
    refused([0x80, 0], (reader) => reader.varint()),
    'an integer in its shortest form',
  );
  const large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x10];
  t.equal(
    refused(large, (reader) => reader.varint()),
    'an integer below 2^53',
  );
  const long = new Array(9).fill(0xff);
  t.equal(
    refused(long, (reader) => reader.varint()),
    'an integer of at most 8 bytes',
  );
  t.equal(
    refused([5, 1, 2], (reader) => reader.lengthed()),
    '5 bytes',
  );
  t.equal(
    refused([3, 1, 2, 3], (reader) => reader.lengthed(2)),
    'at most 2 bytes',
  );
  t.equal(
    refused([2, 0xc3, 0x28], (reader) => reader.text()),
    'valid UTF-8',
  );
  t.equal(
    refused([1], (reader) => reader.end()),
    'the end',
  );
  t.equal(new ByteReader(utf8Bytes('ab'), 'it').bytes(2).length, 2);
});

t.test('a version that this release does not know says so', async (t) => {
  const reader = new ByteReader(Uint8Array.of(7), 'a row');
  const data = { what: 'a row', expected: '1', actual: '7' };
  t.throws(() => reader.version(1), { code: 'REGALIA_VERSION', data });
});
