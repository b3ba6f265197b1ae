/**
 * The guess whether bytes compress, beside what compressing them shows.
 */
import { brotliCompressSync, deflateRawSync } from 'node:zlib';
import t from 'tap';
import { utf8Bytes } from '../../src/ground/text.js';
import { mayCompress } from '../../src/kernels/sample.js';
import { noise, prose } from '../volumes/frames.js';

t.test('short bytes are always worth a try', async (t) => {
  for (const length of [0, 1, 4_095, 4_096, 8_191]) t.ok(mayCompress(noise(length)), `${length}`);
});

t.test('noise and what is compressed already are not', async (t) => {
  for (const length of [8_192, 8_193, 65_536, 1_000_003]) {
    for (let seed = 1; seed < 50; seed++) {
      if (mayCompress(noise(length, seed * 7_919))) t.fail(`${length} bytes of noise ${seed}`);
    }
  }
  const text = prose(400_000);
  t.notOk(mayCompress(brotliCompressSync(text)));
  t.notOk(mayCompress(deflateRawSync(Buffer.from(noise(40_000)).toString('base64'))));
});

t.test('text, programs, digits and tables of numbers are', async (t) => {
  const numbers = new Float64Array(4_096).map((_, i) => Math.sin(i) * 1_000);
  const hexadecimal = Buffer.from(noise(20_000)).toString('hex');
  const base64 = Buffer.from(noise(20_000)).toString('base64');
  t.ok(mayCompress(prose(100_000)));
  t.ok(mayCompress(new Uint8Array(10_000)));
  t.ok(mayCompress(utf8Bytes(hexadecimal)) && mayCompress(utf8Bytes(base64)));
  t.ok(mayCompress(new Uint8Array(numbers.buffer)));
});

t.test('a part that compresses is seen where it fills a sample', async (t) => {
  const bytes = noise(65_536);
  t.notOk(mayCompress(bytes));
  bytes.fill(0, 0, 1_024);
  t.ok(mayCompress(bytes), 'the first KiB');
  bytes.set(noise(1_024), 0);
  bytes.fill(0, 65_536 - 1_024);
  t.ok(mayCompress(bytes), 'the last');
});
