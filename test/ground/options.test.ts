/** The one check of options: what is refused, and how the error says what was meant. */
import t from 'tap';
import { badRange, isRegaliaError, type RegaliaError } from '../../src/ground/errors.js';
import {
  callback,
  count,
  either,
  fieldsOf,
  flag,
  Kind,
  limit,
  listener,
  listOf,
  namesOf,
  nearest,
  number,
  Options,
  offset,
  oneOf,
  shown,
  signal,
  text,
  whole,
} from '../../src/ground/options.js';

interface Given {
  readonly message?: string;
  readonly durability?: 'sync' | 'none';
  readonly readOnly?: boolean;
  readonly limit?: number;
}

const CALL = new Options<Given>('call', {
  message: text(10),
  durability: oneOf('sync', 'none'),
  readOnly: flag,
  limit,
});

function refused(call: () => unknown): RegaliaError {
  try {
    call();
  } catch (error) {
    if (isRegaliaError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

t.test('what is known and of its kind is passed as it is', async (t) => {
  const given = { message: 'x', durability: 'sync', readOnly: undefined };
  t.equal(CALL.check(given), given);
  t.strictSame(CALL.check(undefined), {});
  t.equal(CALL.check(undefined), CALL.check(undefined), 'nothing is made for nothing');
});

t.test('a name that is not known is refused, with the one that was meant', async (t) => {
  for (const [typed, meant] of [
    ['mesage', 'message'],
    ['durabilty', 'durability'],
    ['readonly', 'readOnly'],
    ['limti', 'limit'],
  ] as const) {
    const { message, code, data } = refused(() => CALL.check({ [typed]: undefined }));
    t.equal(code, 'REGALIA_OPTION');
    t.equal(message, `call has no option ${typed}; did you mean ${meant}?`);
    t.strictSame(data, { option: typed, expected: meant, actual: typed });
  }
  const far = refused(() => CALL.check({ colour: 'red' }));
  t.equal(
    far.message,
    'call has no option colour: expected one of message, durability, readOnly, limit',
  );
  const long = refused(() => CALL.check({ ['x'.repeat(10_000)]: 1 }));
  t.ok(long.message.length < 300, 'a long name is cut');
});

t.test('what comes from a prototype counts as given', async (t) => {
  t.match(refused(() => CALL.check(Object.create({ mesage: 'x' }))).message, /no option mesage/);
  t.match(refused(() => CALL.check(JSON.parse('{"__proto__":1}'))).message, /no option __proto__/);
});

t.test('options that are no object are refused', async (t) => {
  for (const given of [null, 5, 'text', true, [], () => {}, new Date(), new Map(), 5n]) {
    const { code, data } = refused(() => CALL.check(given));
    t.strictSame([code, 'expected' in data && data.expected], ['REGALIA_OPTION', 'an object']);
  }
});

t.test('each kind accepts what it says, and refuses the rest with what it was', async (t) => {
  const kinds: readonly [Kind<unknown>, readonly unknown[], readonly unknown[]][] = [
    [flag, [true, false], [0, 'true', null, {}]],
    [namesOf(flag), [{}, { a: true }], [null, [], 'x', new Map()]],
    [fieldsOf(CALL), [{}, { message: 'x' }], [null, []]],
    [count, [0, Number.POSITIVE_INFINITY], [-1, 1.5, Number.NaN]],
    [listener(), [() => 1, async () => 1], [null, {}]],
    [text(), ['', 'x'.repeat(1_000)], [5, null, new Uint8Array(1)]],
    [text(3), ['', 'abc', 'é'], ['abcd', 'éé', 5]],
    [whole(1, 5), [1, 5], [0, 6, 1.5, Number.NaN, '3', 3n]],
    [whole(), [0, 2 ** 53 - 1], [-1, 2 ** 53, Number.POSITIVE_INFINITY]],
    [number(0), [0, 1.5, Number.POSITIVE_INFINITY], [-1, Number.NaN, '1']],
    [limit, [0, 7, Number.POSITIVE_INFINITY], [-1, 1.5, Number.NaN, '7', null]],
    [offset, [0, 7], [-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]],
    [oneOf('a', 'b'), ['a', 'b'], ['c', '', 5, null]],
    [either(flag, text()), [true, 'x'], [5, null]],
    [listOf(text()), [[], ['a']], ['a', {}]],
    [callback(), [() => 1, function f() {}], [async () => 1, async function* f() {}, 'f', null]],
    [signal, [AbortSignal.abort(), new AbortController().signal], [{}, null, 'x', new Event('x')]],
    [new Kind('anything', () => true), [undefined, 5], []],
  ];
  for (const [kind, good, bad] of kinds) {
    for (const datum of good) t.equal(kind.check('it', datum), datum);
    for (const datum of bad) {
      const { code, message } = refused(() => kind.check('it', datum));
      t.equal(code, kind === limit || kind === offset ? 'REGALIA_RANGE' : 'REGALIA_OPTION');
      t.ok(message.startsWith(`it must be ${kind.expected}, not `), message);
    }
  }
  t.equal(flag.checkGiven('it', undefined), undefined);
});

t.test('what lies within a list or an object is named', async (t) => {
  const of = (call: () => unknown): string => refused(call).message;
  t.equal(
    of(() => listOf(flag).check('it', [true, 5])),
    'it[1] must be true or false, not 5',
  );
  t.equal(
    of(() => namesOf(flag).check('it', { a: 5 })),
    'it.a must be true or false, not 5',
  );
  t.match(
    of(() => fieldsOf(CALL).check('it', { mesage: 5 })),
    /did you mean message/,
  );
  t.match(
    of(() => either(flag, listOf(flag)).check('it', [5])),
    /it\[0\]/,
  );
});

t.test('anything can be shown, shortly', async (t) => {
  t.equal(shown('a\nb'), '"a\\nb"');
  t.equal(shown(5n), '5n');
  t.equal(shown(Symbol('x')), 'Symbol(x)');
  t.equal(shown(null), 'null');
  t.equal(shown([1, 2]), 'an array of 2');
  t.equal(shown(new Uint8Array(3)), '3 bytes');
  t.equal(shown(new Map()), 'an object of kind Map');
  t.equal(shown(new Date(Number.NaN)), 'the date invalid');
  t.equal(
    shown(async () => {}),
    'an async function',
  );
  t.ok(shown('x'.repeat(1_000)).length <= 80);
});

t.test('the nearest name is the one with the fewest slips', async (t) => {
  t.equal(nearest('stram', ['stream', 'streams']), 'stream');
  t.equal(nearest('SIGNAL', ['signal']), 'signal');
  t.equal(nearest('comit', ['commit', 'log']), 'commit');
  t.equal(nearest('x', ['signal']), undefined);
  t.equal(nearest('x', []), undefined);
  t.equal(nearest('x'.repeat(1_000_000), ['signal']), undefined);
});

t.test('options within others are named by their place', async (t) => {
  const inner = fieldsOf(CALL);
  const outer = new Options<{ one?: Given; all?: Record<string, Given> }>('outer', {
    one: inner,
    all: namesOf(inner),
  });
  const messageOf = (given: object): string => refused(() => outer.check(given)).message;
  t.equal(messageOf({ one: { limmit: 1 } }), 'one has no option limmit; did you mean limit?');
  t.match(messageOf({ all: { a: { limit: -1 } } }), /^all\.a\.limit must be a whole number/);
  t.match(messageOf({ all: { a: 5 } }), /^all\.a must be an object, not 5/);
});

t.test('where none may be left out, what is not given is refused', async (t) => {
  const all = new Options<{ size: number; name: string }>('all', {
    size: whole(1, 9).refusedBy((name) => badRange(name, 'another', 'none')),
    name: text(),
  });
  t.strictSame(all.checkAll({ size: 1, name: '' }), { size: 1, name: '' });
  t.equal(refused(() => all.checkAll({ name: '' })).code, 'REGALIA_RANGE');
  t.match(refused(() => all.checkAll({ size: 1 }, 'x')).message, /^x\.name must be text, not und/);
  t.equal(refused(() => all.checkAll(undefined)).code, 'REGALIA_OPTION');
});
