/**
 * Digests against published vectors, and each form against its twins.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import {
  blake3,
  digest,
  digestInto,
  sha256,
  sha256Into,
  sha256Streamed,
} from '../../src/kernels/hash.js';

/** BLAKE3's own vectors feed the bytes 0, 1, … 250, 0, 1, … */
function counted(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => i % 251);
}

t.test('sha256 agrees with the examples of FIPS 180-4', async (t) => {
  const examples: [string, string][] = [
    ['', 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
    [
      'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
      '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
    ],
    ['a'.repeat(1_000_000), 'cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0'],
  ];
  for (const [message, expected] of examples) t.equal(hex(sha256(utf8Bytes(message))), expected);
});

t.test("blake3 agrees with the specification's vectors", async (t) => {
  const vectors: [number, string][] = [
    [0, 'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262'],
    [1, '2d3adedff11b61f14c886e35afa036736dcd87a74d27b5c1510225d0f592e213'],
    [1023, '10108970eeda3eb932baac1428c7a2163b0e924c9a9e25b35bba72b28f70bd11'],
    [1024, '42214739f095a406f3fc83deb889744ac00df831c10daa55189b5d121c855af7'],
    [1025, 'd00278ae47eb27b34faecf67b4fe263f82d5412916c1ffd97c8cb7fb814b8444'],
  ];
  for (const [length, expected] of vectors) t.equal(hex(blake3(counted(length))), expected);
});

t.test('all forms of a digest agree, and write nowhere else', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5_000 }), fc.nat(9), (bytes, at) => {
      const expected = createHash('sha256').update(bytes).digest('hex');
      for (const into of [sha256Into, sha256Streamed]) {
        const out = new Uint8Array(50).fill(0xaa);
        into(bytes, out, at);
        if (hex(out.subarray(at, at + 32)) !== expected) return false;
        out.fill(0xaa, at, at + 32);
        if (out.some((byte) => byte !== 0xaa)) return false;
      }
      const other = new Uint8Array(32);
      digestInto('blake3', bytes, other, 0);
      return (
        hex(digest('sha256', bytes)) === expected && hex(digest('blake3', bytes)) === hex(other)
      );
    }),
    { numRuns: 50 },
  );
});
