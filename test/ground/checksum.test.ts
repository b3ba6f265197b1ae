/** CRC-32 against its check value, and each form against its twins. */
import zlib from 'node:zlib';
import fc from 'fast-check';
import t from 'tap';
import { crc32, crc32ByTable } from '../../src/ground/checksum.js';
import { utf8Bytes } from '../../src/ground/text.js';

function counted(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

t.test(
  'crc32 agrees with its check value, and with zlib at every length near the switch',
  async (t) => {
    t.equal(crc32(utf8Bytes('123456789')), 0xcbf43926);
    t.equal(crc32(new Uint8Array(0)), 0);
    const native = (zlib as { crc32?: (bytes: Uint8Array, start?: number) => number }).crc32;
    for (let length = 0; length < 200; length++) {
      const bytes = counted(length).map((byte) => byte * 7);
      t.equal(crc32(bytes), crc32ByTable(bytes));
      if (native !== undefined) t.equal(crc32(bytes), native(bytes));
    }
  },
);

t.test('a checksum goes on where another ended', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }), (a, b) => {
      const whole = new Uint8Array([...a, ...b]);
      return crc32(b, crc32(a)) === crc32(whole) && crc32ByTable(whole) === crc32(whole);
    }),
  );
});
