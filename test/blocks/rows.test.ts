/**
 * Rows: what is sealed opens under its own table and key alone, and not with a bit flipped.
 */
import fc from 'fast-check';
import t from 'tap';
import { openRow, sealRow } from '../../src/blocks/rows.js';
import { equalBytes, hex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { utf8Bytes } from '../../src/ground/text.js';

const corrupt = { code: 'REGALIA_CORRUPT' };
const keys = fc.uint8Array({ minLength: 1, maxLength: 60 });
const bodies = fc.uint8Array({ maxLength: 200 });

t.test('a row opens to what was sealed, as a view', async () => {
  fc.assert(
    fc.property(keys, bodies, fc.nat(0xffffffff), (key, body, number) => {
      const row = sealRow('heads', key, body);
      const numbered = openRow('extents', number, sealRow('extents', number, body));
      const opened = openRow('heads', key, row);
      return equalBytes(opened, body) && opened.buffer === row.buffer && equalBytes(numbered, body);
    }),
  );
});

t.test('a row of another table or key is corrupt', async (t) => {
  const key = utf8Bytes('key');
  const row = sealRow('heads', key, utf8Bytes('body'));
  t.throws(() => openRow('log', key, row), corrupt);
  t.throws(() => openRow('heads', utf8Bytes('kez'), row), corrupt);
  const numbered = sealRow('extents', 5, utf8Bytes('body'));
  t.throws(() => openRow('extents', 6, numbered), corrupt);
  t.throws(() => openRow('addressLog', 5, numbered), corrupt);
});

t.test('body and key trade no bytes at their border', async (t) => {
  const row = sealRow('heads', utf8Bytes('bc'), utf8Bytes('a'));
  const [a, b, c, d] = row;
  for (const [body, key] of [
    ['ab', 'c'],
    ['', 'abc'],
  ] as const) {
    const traded = new Uint8Array([a, b, c, d, ...utf8Bytes(body)] as number[]);
    t.throws(() => openRow('heads', utf8Bytes(key), traded), corrupt);
  }
});

t.test('a flipped bit, a cut or a zeroed row is corrupt, with expected and actual', async (t) => {
  const key = utf8Bytes('key');
  const row = sealRow('meta', key, Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
  for (let bit = 0; bit < row.length * 8; bit++) {
    const flipped = Uint8Array.from(row);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    t.throws(() => openRow('meta', key, flipped), corrupt);
  }
  for (let length = 0; length < row.length; length++) {
    t.throws(() => openRow('meta', key, row.subarray(0, length)), corrupt);
    t.throws(() => openRow('meta', key, new Uint8Array(length)), corrupt);
  }
  try {
    openRow(
      'meta',
      key,
      Uint8Array.from(row, (byte, i) => (i === 0 ? byte ^ 1 : byte)),
    );
    t.fail('opened');
  } catch (error) {
    if (!isRegaliaError(error, 'REGALIA_CORRUPT')) throw error;
    t.match(error.data, { what: `row ${hex(key)} of table meta`, key: hex(key) });
    t.not(error.data.expected, error.data.actual);
  }
});
