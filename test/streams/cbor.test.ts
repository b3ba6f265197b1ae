/** Deterministic CBOR against RFC 8949, appendix A, against cbor-x, and against hostile bytes. */
import { isDeepStrictEqual } from 'node:util';
import { decode as looseDecode } from 'cbor-x';
import fc from 'fast-check';
import t from 'tap';
import { hex, unhex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { type CborData, decodeCbor, encodeCbor } from '../../src/streams/cbor.js';

const encoded = (data: unknown) => hex(encodeCbor(data as CborData));
const decoded = (text: string) => decodeCbor(unhex(text) as Uint8Array);
const bytes = (text: string) => unhex(text) as Uint8Array;

function refusal(fn: () => unknown): { code: string; actual: string } {
  try {
    fn();
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_ENCODING') || isRegaliaError(error, 'REGALIA_FORMAT')) {
      return { code: error.code, actual: error.data.actual };
    }
    throw error;
  }
  return { code: 'nothing', actual: '' };
}

const count = (length: number) => Array.from({ length }, (_, index) => index + 1);
const short = '98190102030405060708090a0b0c0d0e0f101112131415161718181819';

/** RFC 8949, appendix A: what lies within the subset, spelled as section 4.2.1 asks. */
const VECTORS: [string, unknown][] = [
  ['00', 0],
  ['01', 1],
  ['0a', 10],
  ['17', 23],
  ['1818', 24],
  ['1819', 25],
  ['1864', 100],
  ['1903e8', 1000],
  ['1a000f4240', 1000000],
  ['1b000000e8d4a51000', 1000000000000],
  ['1bffffffffffffffff', 18446744073709551615n],
  ['c249010000000000000000', 18446744073709551616n],
  ['3bffffffffffffffff', -18446744073709551616n],
  ['c349010000000000000000', -18446744073709551617n],
  ['20', -1],
  ['29', -10],
  ['3863', -100],
  ['3903e7', -1000],
  ['f98000', -0],
  ['fb3ff199999999999a', 1.1],
  ['f93e00', 1.5],
  ['fa7f7fffff', 3.4028234663852886e38],
  ['fb7e37e43c8800759c', 1e300],
  ['f90001', 2 ** -24],
  ['f90400', 2 ** -14],
  ['fbc010666666666666', -4.1],
  ['f97c00', Infinity],
  ['f97e00', NaN],
  ['f9fc00', -Infinity],
  ['f4', false],
  ['f5', true],
  ['f6', null],
  ['f7', undefined],
  ['c11a514b67b0', new Date('2013-03-21T20:04:00Z')],
  ['c1fb41d452d9ec200000', new Date('2013-03-21T20:04:00.500Z')],
  ['40', bytes('')],
  ['4401020304', bytes('01020304')],
  ['60', ''],
  ['6161', 'a'],
  ['6449455446', 'IETF'],
  ['62225c', '"\\'],
  ['62c3bc', 'ü'],
  ['63e6b0b4', '水'],
  ['64f0908591', '\u{10151}'],
  ['80', []],
  ['83010203', [1, 2, 3]],
  ['8301820203820405', [1, [2, 3], [4, 5]]],
  [short, count(25)],
  ['a0', {}],
  ['a26161016162820203', { a: 1, b: [2, 3] }],
  ['826161a161626163', ['a', { b: 'c' }]],
  ['a56161614161626142616361436164614461656145', { a: 'A', b: 'B', c: 'C', d: 'D', e: 'E' }],
];

/** The rest of appendix A: another spelling of what the subset spells once, or beyond it. */
const OUTSIDE = [
  ...['f90000', 'f93c00', 'f97bff', 'fa47c35000', 'f9c400'],
  ...['fa7f800000', 'fa7fc00000', 'faff800000'],
  ...['fb7ff0000000000000', 'fb7ff8000000000000', 'fbfff0000000000000'],
  ...['f0', 'f818', 'f8ff', 'c074323031332d30332d32315432303a30343a30305a', 'd74401020304'],
  ...['d818456449455446', 'd82076687474703a2f2f7777772e6578616d706c652e636f6d'],
  ...['a201020304', '5f42010243030405ff', '7f657374726561646d696e67ff', '9fff'],
  ...['9f018202039f0405ffff', '9f01820203820405ff', '83018202039f0405ff', '83019f0203ff820405'],
  ...['9f0102030405060708090a0b0c0d0e0f101112131415161718181819ff'],
  ...['bf61610161629f0203ffff', '826161bf61626163ff', 'bf6346756ef563416d7421ff'],
];

/** Further spellings that RFC 8949 calls not well-formed, not valid or not deterministic. */
const HOSTILE: [string, string][] = [
  ['', 'nothing'],
  ['0000', 'two items'],
  ['1800', 'a padded integer'],
  ['190017', 'a padded integer'],
  ['1a0000ffff', 'a padded integer'],
  ['1b00000000ffffffff', 'a padded integer'],
  ['3800', 'a padded negative integer'],
  ['5800', 'a padded length'],
  ['1c', 'a reserved head'],
  ['df', 'a tag without end'],
  ['fc', 'a reserved simple value'],
  ['ff', 'a lone break'],
  ['f800', 'a simple value in two bytes'],
  ['62c328', 'invalid UTF-8'],
  ['63eda080', 'an encoded surrogate'],
  ['41', 'bytes cut short'],
  ['5bffffffffffffffff', 'endless bytes'],
  ['7b001fffffffffffff', 'endless text'],
  ['9b001fffffffffffff', 'an endless array'],
  ['9affffffff00', 'an endless array'],
  ['bb001fffffffffffff', 'an endless map'],
  ['bbffffffffffffffff', 'an endless map'],
  ['a161', 'a key cut short'],
  ['a16161', 'a key without its datum'],
  ['a2616101616102', 'a duplicate key'],
  ['a2616201616102', 'keys out of order'],
  ['a262616101616202', 'a longer key first'],
  ['f97e01', 'another NaN'],
  ['f9fe00', 'a negative NaN'],
  ['fb7ff8000000000001', 'another NaN'],
  ['fa3fc00000', 'a padded float'],
  ['fb3ff8000000000000', 'a padded float'],
  ['fb4330000000000000', 'a float that is f32'],
  ['c24101', 'a padded bignum'],
  ['c2480102030405060708', 'a bignum of 64 bits'],
  ['c24a00010000000000000000', 'a bignum with a zero in front'],
  ['c26161', 'a bignum of text'],
  ['c25bffffffffffffffff', 'an endless bignum'],
  ['c1c100', 'a tag on a tag'],
  ['c1f97e00', 'a date that is no number'],
  ['c1f98000', 'a date of -0'],
  ['c11b0020000000000000', 'a date beyond the range'],
  ['c1fb3f1a36e2eb1c432d', 'a date finer than a millisecond'],
  ['c1a0', 'a date of a map'],
  ['d9d9f700', 'the self-described tag'],
];

const datum = fc.letrec((tie) => ({
  any: fc.oneof(
    { maxDepth: 5 },
    fc.constantFrom(null, undefined, true, false, NaN, Infinity, -0, 2 ** 53, -(2 ** 53)),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.float(),
    fc.bigInt().filter((n) => n > 2n ** 53n - 1n || n < 1n - 2n ** 53n),
    fc.string({ unit: 'binary' }),
    fc.uint8Array(),
    fc.date({ noInvalidDate: true }),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(
      fc.oneof(fc.string({ unit: 'binary' }), fc.constantFrom('__proto__', 'constructor', '1')),
      tie('any'),
      { maxKeys: 5, noNullPrototype: true },
    ),
  ),
})).any;

t.test('the vectors of RFC 8949 within the subset, both ways', async (t) => {
  for (const [text, data] of VECTORS) {
    t.equal(encoded(data), text);
    t.ok(isDeepStrictEqual(decoded(text), data), text);
  }
});

t.test('its vectors outside the subset are refused', async (t) => {
  for (const text of OUTSIDE) t.equal(refusal(() => decoded(text)).code, 'REGALIA_FORMAT', text);
});

t.test('other spellings are refused', async (t) => {
  for (const [text, why] of HOSTILE)
    t.equal(refusal(() => decoded(text)).code, 'REGALIA_FORMAT', why);
});

t.test(
  'numbers beyond the safe ones are floats, and bigints within come back as numbers',
  async (t) => {
    t.equal(encoded(2 ** 53), 'fa5a000000');
    t.equal(encoded(2n ** 53n), '1b0020000000000000');
    t.equal(decoded('1b0020000000000000'), 2n ** 53n);
    t.equal(decoded('1b001fffffffffffff'), Number.MAX_SAFE_INTEGER);
    t.equal(decoded('3b001ffffffffffffe'), Number.MIN_SAFE_INTEGER);
    t.equal(decoded('3b001fffffffffffff'), -(2n ** 53n));
    t.equal(decoded(encoded(7n)), 7);
    t.equal(decoded(encoded(-7n)), -7);
  },
);

t.test('what was written is read back, and is written so again', async () => {
  fc.assert(
    fc.property(datum, (data) => {
      const written = encodeCbor(data as CborData);
      const read = decodeCbor(written);
      return isDeepStrictEqual(read, data) && hex(encodeCbor(read)) === hex(written);
    }),
    { numRuns: 300 },
  );
});

t.test('a general decoder reads the same', async () => {
  const common = fc
    .jsonValue({ maxDepth: 4 })
    .filter((v) => !JSON.stringify(v).includes('__proto__'));
  fc.assert(
    fc.property(common, (data) => {
      const clean = JSON.parse(JSON.stringify(data)) as CborData;
      return (
        JSON.stringify(sorted(looseDecode(Buffer.from(encodeCbor(clean))))) ===
        JSON.stringify(sorted(clean))
      );
    }),
  );
});

function sorted(data: unknown): unknown {
  if (typeof data === 'bigint') return Number(data);
  if (Array.isArray(data)) return data.map(sorted);
  if (typeof data !== 'object' || data === null) return data;
  const rows = Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
  return rows.map(([key, item]) => [key, sorted(item)]);
}

t.test('the order in which keys were set does not show', async () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ unit: 'binary' }), fc.integer()), (map) => {
      const turned = Object.fromEntries(Object.entries(map).reverse());
      const keys = Object.keys(decodeCbor(encodeCbor(map)) as object).filter(
        (k) => !/^\d+$/.test(k),
      );
      const model = keys.map((key) => Buffer.from(encodeCbor(key))).sort(Buffer.compare);
      return (
        encoded(turned) === encoded(map) &&
        keys.every((key, i) => Buffer.from(encodeCbor(key)).equals(model[i]))
      );
    }),
  );
});

t.test('keys that name a prototype are ordinary keys', async (t) => {
  const data = JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}');
  const read = decodeCbor(encodeCbor(data)) as Record<string, unknown>;
  t.equal(Object.getPrototypeOf(read), Object.prototype);
  t.same(Object.getOwnPropertyDescriptor(read, '__proto__')?.value, { polluted: true });
  t.equal(read['polluted'], undefined);
});

t.test('every date a Date can hold is kept to its millisecond', async () => {
  const ms = fc.oneof(
    fc.integer(),
    fc.maxSafeInteger().map((n) => n % 8.64e15),
    fc.constant(8.64e15),
  );
  fc.assert(
    fc.property(ms, (ms) => (decodeCbor(encodeCbor(new Date(ms))) as Date).getTime() === ms + 0),
    { numRuns: 5000 },
  );
});

t.test('objects without a prototype are plain, and so are those of another realm', async (t) => {
  const bare = Object.assign(Object.create(null), { a: 1 });
  t.equal(encoded(bare), 'a1616101');
  const { runInNewContext } = await import('node:vm');
  t.equal(encoded(runInNewContext('({ a: 1 })')), 'a1616101');
});

t.test('what is not plain data is refused with its path', async (t) => {
  class Point {
    x = 1;
  }
  const cases: [unknown, RegExp][] = [
    [{ a: [1, { 'b c': new Map() }] }, /^a Map at data\.a\[1\]\["b c"\]$/],
    [new Set(), /^a Set at data$/],
    [{ p: new Point() }, /^a Point at data\.p$/],
    [[() => 1], /function at data\[0\]/],
    [{ s: Symbol('s') }, /symbol at data\.s/],
    [{ [Symbol('s')]: 1 }, /symbol/],
    [new Date(NaN), /invalid Date/],
    ['\ud800', /lone surrogate/],
    [{ '\udc00': 1 }, /lone surrogate/],
    [new Uint16Array(2), /Uint16Array/],
    [new ArrayBuffer(2), /ArrayBuffer/],
    [/x/, /RegExp/],
    [new Error('x'), /Error/],
    [Promise.resolve(), /Promise/],
    [new Number(1), /Number/],
    [Math, /Math/],
  ];
  for (const [data, pattern] of cases) {
    const { code, actual } = refusal(() => encoded(data));
    t.equal(code, 'REGALIA_ENCODING', String(pattern));
    t.match(actual, pattern);
  }
});

t.test('cycles, depth and boundless unfolding are refused', async (t) => {
  const cycle: Record<string, unknown> = {};
  cycle['self'] = [cycle];
  t.match(refusal(() => encoded(cycle)).actual, /cycle at data\.self\[0\]/);
  const nested = (depth: number) => Array.from({ length: depth }).reduce((inner) => [inner], 0);
  t.equal(encoded(nested(32)), `${'81'.repeat(32)}00`);
  t.same(decoded(`${'81'.repeat(32)}00`), nested(32));
  t.match(refusal(() => encoded(nested(33))).actual, /deeper/);
  t.equal(refusal(() => decoded(`${'81'.repeat(33)}00`)).code, 'REGALIA_FORMAT');
  t.equal(refusal(() => decoded('81'.repeat(500_000))).code, 'REGALIA_FORMAT');
  t.equal(refusal(() => decoded('c1'.repeat(500_000))).code, 'REGALIA_FORMAT');
  const shared = new Uint8Array(600_000);
  t.match(refusal(() => encoded(count(28).map(() => shared))).actual, /more at data\[27\]/);
});

t.test('every truncation is refused, and flipped bytes are refused or canonical', async (t) => {
  const data = {
    a: [1, -300, 1.5, NaN, 2n ** 70n],
    name: 'é水',
    when: new Date(1e12),
    b: bytes('ff'),
  };
  const whole = encodeCbor(data);
  for (let length = 0; length < whole.length; length++) {
    const { code } = refusal(() => decodeCbor(whole.subarray(0, length)));
    if (code !== 'REGALIA_FORMAT') t.fail(`${length} bytes gave ${code}`);
  }
  for (let at = 0; at < whole.length; at++) {
    for (let byte = 0; byte < 256; byte++) {
      const flipped = whole.slice();
      flipped[at] = byte;
      refusal(() => {
        const again = encoded(decodeCbor(flipped));
        if (again !== hex(flipped)) t.fail(`${hex(flipped)} was accepted, and written as ${again}`);
      });
    }
  }
});

t.test('random bytes are refused or canonical', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 24 }), (random) => {
      const { code } = refusal(() => {
        if (encoded(decodeCbor(random)) !== hex(random)) throw new Error(hex(random));
      });
      return code === 'nothing' || code === 'REGALIA_FORMAT';
    }),
    { numRuns: 5000 },
  );
});

t.test('decoded bytes are a private copy', async (t) => {
  const written = encodeCbor(bytes('0102'));
  const read = decodeCbor(written) as Uint8Array;
  written.fill(0xff);
  t.equal(hex(read), '0102');
});
