/** Encodings: what each takes, stores and refuses, whole and part by part. */
import fc from 'fast-check';
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import { isRegaliaError, type RegaliaError } from '../../src/ground/errors.js';
import { CBOR_BYTES_MAX } from '../../src/ground/limits.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { contentChecker, decodeContents, encodeContents } from '../../src/streams/encoding.js';
import type { Encoding } from '../../src/streams/rule.js';

function refusal(fn: () => unknown): RegaliaError<'REGALIA_ENCODING'> | undefined {
  try {
    fn();
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_ENCODING')) return error;
    throw error;
  }
  return undefined;
}

t.test('bytes are stored as they are', async (t) => {
  const given = new Uint8Array([0xff, 0, 1]);
  t.equal(hex(encodeContents('bytes', 's', given)), 'ff0001');
  const read = decodeContents('bytes', 's', given) as Uint8Array;
  given.fill(0);
  t.equal(hex(read), 'ff0001', 'decoded bytes are a copy');
  for (const bad of ['text', 1, null, undefined, {}, [1]]) {
    t.match(
      refusal(() => encodeContents('bytes', 's', bad)),
      { data: { stream: 's' } },
    );
  }
});

t.test('utf8 takes strings and valid bytes, and keeps every character', async (t) => {
  const text = '\ufeffe\u0301 é 水 \u{1f600}\0';
  t.equal(decodeContents('utf8', 's', encodeContents('utf8', 's', text)), text);
  t.equal(hex(encodeContents('utf8', 's', utf8Bytes(text))), hex(utf8Bytes(text)));
  t.ok(refusal(() => encodeContents('utf8', 's', 'a\ud800')));
  t.ok(refusal(() => encodeContents('utf8', 's', new Uint8Array([0xc3]))));
  t.ok(refusal(() => encodeContents('utf8', 's', 5)));
  t.ok(refusal(() => decodeContents('utf8', 's', new Uint8Array([0xed, 0xa0, 0x80]))));
});

t.test('cbor stores equal data in equal bytes and names what it refuses', async (t) => {
  const one = encodeContents('cbor', 's', { b: 1, a: [2] });
  t.equal(hex(one), hex(encodeContents('cbor', 's', { a: [2], b: 1 })));
  t.same(decodeContents('cbor', 's', one), { a: [2], b: 1 });
  const error = refusal(() => encodeContents('cbor', 'meta', { a: new Map() }));
  t.match(error, { data: { stream: 'meta', actual: 'a Map at data.a' } });
  t.match(
    refusal(() => decodeContents('cbor', 'meta', new Uint8Array([0x18, 0]))),
    {
      data: { stream: 'meta', actual: 'a longer one at byte 0' },
      cause: { code: 'REGALIA_FORMAT' },
    },
  );
});

t.test('a checker decides as the decoder does, wherever the chunks end', async () => {
  const bytes = fc.oneof(fc.uint8Array(), fc.string({ unit: 'binary' }).map(utf8Bytes));
  const encoding = fc.constantFrom<Encoding>('bytes', 'utf8', 'cbor');
  fc.assert(
    fc.property(encoding, bytes, fc.nat(8), (encoding, bytes, step) => {
      const whole = refusal(() => decodeContents(encoding, 's', bytes)) === undefined;
      const parts = refusal(() => {
        const checker = contentChecker(encoding, 's');
        for (let at = 0; at < bytes.length; at += step + 1) {
          const chunk = bytes.slice(at, at + step + 1);
          checker.push(chunk);
          chunk.fill(0xff);
        }
        checker.end();
      });
      return whole === (parts === undefined);
    }),
  );
});

t.test('a checker of cbor gathers no more than the limit', async (t) => {
  const checker = contentChecker('cbor', 's');
  checker.push(new Uint8Array(CBOR_BYTES_MAX));
  t.ok(refusal(() => checker.push(new Uint8Array(1))));
});
