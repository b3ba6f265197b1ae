/**
 * Rules: their limits, their canonical bytes, their merge, and what hostile bytes are refused with.
 */
import fc from 'fast-check';
import t from 'tap';
import { hex, unhex } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import {
  contradiction,
  contradictionError,
  DEFAULT_RULE,
  declaredPolicies,
  decodeRules,
  defineRules,
  type EntryRule,
  encodeRules,
  mergeRules,
  type PlaceRule,
  type RuleOptions,
  type Rules,
  type StreamRule,
  sameLayout,
  sameRule,
} from '../../src/streams/rule.js';

const rule = fc.record(
  {
    encoding: fc.constantFrom('bytes', 'utf8', 'cbor'),
    inlineMax: fc.integer({ min: 0, max: 8192 }),
    merge: fc.constantFrom('conflict', 'ours', 'theirs', 'newest'),
    chunking: fc.oneof(
      fc.record({ kind: fc.constant('fixed'), bytes: fc.integer({ min: 4096, max: 1_048_576 }) }),
      fc.integer({ min: 13, max: 19 }).chain((bits) =>
        fc.record({
          kind: fc.constant('content'),
          bytesMin: fc.integer({ min: 4096, max: 2 ** bits - 1 }),
          bytesAverage: fc.constant(2 ** bits),
          bytesMax: fc.integer({ min: 2 ** bits + 1, max: 1_048_576 }),
        }),
      ),
    ),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<Partial<StreamRule>>;
const name = fc
  .string({ unit: 'binary', minLength: 1, maxLength: 16 })
  .filter((text) => !/[/\p{Cc}]/u.test(text));
const options = fc.record(
  {
    default: rule,
    streams: fc
      .array(fc.tuple(fc.oneof(name, fc.constantFrom('acl', '__proto__', 'constructor')), rule))
      .map((rows) => Object.fromEntries(rows)),
    entries: fc.constantFrom('conflict', 'keep', 'remove', 'newest'),
    places: fc.constantFrom('conflict', 'newest'),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RuleOptions>;

function codeOf(fn: () => unknown): string {
  try {
    fn();
  } catch (error) {
    return isRegaliaError(error) ? error.code : String(error);
  }
  return 'nothing';
}

function plain(rules: Rules): unknown {
  return { default: rules.default, streams: [...rules.streams] };
}

t.test('a stream without a rule follows the default', async (t) => {
  const rules = defineRules({
    streams: { acl: { inlineMax: 4096 } },
    default: { merge: 'newest' },
  });
  t.same(rules.ruleOf('acl'), { ...DEFAULT_RULE, merge: 'newest', inlineMax: 4096 });
  t.same(rules.ruleOf('content'), { ...DEFAULT_RULE, merge: 'newest' });
  t.same(rules.ruleOf('__proto__'), rules.default);
  t.same(defineRules().default, DEFAULT_RULE);
});

t.test('rules cannot be changed once defined', async (t) => {
  const chunking = { kind: 'fixed', bytes: 8192 } as const;
  const given = { streams: { acl: { inlineMax: 1, chunking } } };
  const rules = defineRules(given);
  given.streams.acl.inlineMax = 2;
  t.equal(rules.ruleOf('acl').inlineMax, 1);
  t.ok(Object.isFrozen(rules) && Object.isFrozen(rules.default));
  t.ok(Object.isFrozen(rules.ruleOf('acl').chunking));
});

t.test('what lies outside the limits is refused with its code', async (t) => {
  const of = (streams: unknown) => codeOf(() => defineRules({ streams } as RuleOptions));
  for (const inlineMax of [-1, 8193, 1.5, NaN, '1'])
    t.equal(of({ a: { inlineMax } }), 'REGALIA_RULE');
  for (const bytes of [4095, 1_048_577, 5000.5]) {
    t.equal(of({ a: { chunking: { kind: 'fixed', bytes } } }), 'REGALIA_RULE');
  }
  t.equal(of({ a: { chunking: { kind: 'rolling', bytes: 8192 } } }), 'REGALIA_RULE');
  const content = (bytesMin: number, bytesAverage: number, bytesMax: number): string =>
    of({ a: { chunking: { kind: 'content', bytesMin, bytesAverage, bytesMax } } });
  t.equal(content(4096, 8192, 1_048_576), 'nothing');
  t.equal(content(4095, 8192, 16_384), 'REGALIA_RULE');
  t.equal(content(4096, 8192, 1_048_577), 'REGALIA_RULE');
  t.equal(content(8192, 8192, 16_384), 'REGALIA_RULE');
  t.equal(content(4096, 8192, 8192), 'REGALIA_RULE');
  t.equal(content(4096, 8193, 16_384), 'REGALIA_RULE');
  t.equal(content(4096.5, 8192, 16_384), 'REGALIA_RULE');
  t.equal(of({ a: { chunking: { kind: 'content', bytes: 8192 } } }), 'REGALIA_OPTION');
  t.equal(of({ a: { chunking: { kind: 'content' } } }), 'REGALIA_RULE');
  t.equal(of({ a: { chunking: 4096 } }), 'REGALIA_OPTION');
  t.equal(of({ a: { encoding: 'toString' } }), 'REGALIA_RULE');
  t.equal(of({ a: { merge: 'never' } }), 'REGALIA_RULE');
  t.equal(of({ a: { inlinemax: 5 } }), 'REGALIA_OPTION');
  t.equal(of({ a: null }), 'REGALIA_OPTION');
  t.equal(of([]), 'REGALIA_OPTION');
  for (const bad of ['', 'a/b', 'a\0', 'a\n', 'a\x7f', 'a\u0085', '\ud800', 'é'.repeat(33)]) {
    t.equal(of({ [bad]: {} }), 'REGALIA_STREAM', JSON.stringify(bad));
  }
  t.equal(of({ ['é'.repeat(32)]: {} }), 'nothing');
  const many = (count: number) =>
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`s${i}`, {}]));
  t.equal(of(many(256)), 'nothing');
  t.equal(of(many(257)), 'REGALIA_RULE');
});

t.test('a field that is not known is refused, with the one that was meant', async (t) => {
  for (const [rule, message] of [
    [{ inlinemax: 5 }, 'streams.a has no option inlinemax; did you mean inlineMax?'],
    [
      { chunking: { kind: 'fixed', byte: 8192 } },
      'streams.a.chunking has no option byte; did you mean bytes?',
    ],
    [
      { chunking: { ...DEFAULT_RULE.chunking, bytesmin: 1 } },
      'streams.a.chunking has no option bytesmin; did you mean bytesMin?',
    ],
  ] as const) {
    t.throws(() => defineRules({ streams: { a: rule } } as never), {
      code: 'REGALIA_OPTION',
      message,
    });
  }
  t.throws(() => defineRules({ streams: { a: { inlineMax: 9_000 } } }), {
    message: 'rule streams.a.inlineMax must be a whole number of 0 to 8192, not 9000',
    data: { rule: 'streams.a.inlineMax', actual: '9000' },
  });
});

t.test('equal rules have equal bytes, and bytes give the rules back', async () => {
  fc.assert(
    fc.property(options, (given) => {
      const rules = defineRules(given);
      const turned = Object.fromEntries(Object.entries(given.streams ?? {}).reverse());
      const bytes = encodeRules(rules);
      const again = decodeRules(bytes);
      return (
        hex(bytes) === hex(encodeRules(defineRules({ ...given, streams: turned }))) &&
        hex(bytes) === hex(encodeRules(again)) &&
        again.entries === (given.entries ?? 'conflict') &&
        again.places === (given.places ?? 'conflict') &&
        [...again.streams.keys()].join('/') === [...rules.streams.keys()].join('/')
      );
    }),
  );
});

t.test('the bytes are these, in every release', async (t) => {
  const bytes = encodeRules(
    defineRules({ streams: { acl: { inlineMax: 4096, merge: 'newest' } } }),
  );
  const sizes = '0402058080040680800107808010';
  t.equal(hex(bytes), `02000701010280040301${sizes}0361636c0701010280200304${sizes}`);
  const chunking = { kind: 'fixed', bytes: 4096 } as const;
  const fixed = encodeRules(defineRules({ default: { chunking } }));
  t.equal(hex(fixed), '010005010102800403010401058020');
  const policies = (entries: EntryRule, places: PlaceRule): string =>
    hex(encodeRules(defineRules({ default: { chunking }, entries, places })));
  t.equal(policies('conflict', 'conflict'), hex(fixed), 'what decides nothing is left out');
  t.equal(policies('keep', 'conflict'), `${hex(fixed)}0102`);
  t.equal(policies('remove', 'newest'), `${hex(fixed)}01030202`);
  t.equal(policies('newest', 'conflict'), `${hex(fixed)}0104`);
  t.equal(policies('conflict', 'newest'), `${hex(fixed)}0202`);
});

t.test('policies have one spelling', async (t) => {
  const of = (tail: string) =>
    codeOf(() => decodeRules(unhex(`010005010102800403010401058020${tail}`) as Uint8Array));
  t.equal(of('01020202'), 'nothing');
  for (const tail of ['0101', '0201', '02020102', '01020102', '01040103', '00', '0002', '01']) {
    t.equal(of(tail), 'REGALIA_FORMAT', tail);
  }
  t.equal(of('0105'), 'REGALIA_VERSION', 'another policy of entries');
  t.equal(of('0203'), 'REGALIA_VERSION', 'another policy of places');
  t.equal(of('0302'), 'REGALIA_VERSION', 'a policy of something else');
  t.equal(of('0100'), 'REGALIA_VERSION', 'a number that none has');
});

t.test('a policy is what one side made of it, or refused where both did', async (t) => {
  const entries = (one: EntryRule) => defineRules({ entries: one });
  const [conflict, keep, remove] = [entries('conflict'), entries('keep'), entries('remove')];
  t.equal(mergeRules(conflict, keep, conflict).entries, 'keep');
  t.equal(mergeRules(conflict, conflict, keep).entries, 'keep');
  t.equal(mergeRules(keep, conflict, keep).entries, 'conflict');
  t.equal(mergeRules(conflict, keep, keep).entries, 'keep');
  t.throws(() => mergeRules(conflict, keep, remove), {
    code: 'REGALIA_RULE',
    data: { rule: 'entries', expected: 'keep', actual: 'remove' },
  });
  const places = defineRules({ places: 'newest' });
  const { entries: merged, places: both } = mergeRules(conflict, keep, places);
  t.same([merged, both], ['keep', 'newest'], 'each by itself');
});

t.test('a declared policy takes the place of one that decides nothing', async (t) => {
  const none = { entries: 'conflict', places: 'conflict' } as const;
  const stored = { entries: 'keep', places: 'newest' } as const;
  t.same(declaredPolicies(none, { entries: 'keep' }), { entries: 'keep', places: 'conflict' });
  t.same(declaredPolicies(stored, {}), stored);
  t.same(declaredPolicies(stored, stored), stored);
  for (const declared of [{ entries: 'remove' }, { entries: 'conflict' }, { places: 'conflict' }]) {
    const [rule] = Object.keys(declared);
    t.throws(() => declaredPolicies(stored, declared as RuleOptions), {
      code: 'REGALIA_RULE',
      data: { rule },
    });
  }
});

t.test('who decides is no matter of how streams are laid out', async (t) => {
  const a = defineRules({ streams: { acl: { inlineMax: 1 } }, entries: 'keep' });
  t.ok(sameLayout(a, defineRules({ streams: { acl: { inlineMax: 1 } } })));
  t.ok(sameLayout(a, defineRules({ streams: { acl: { inlineMax: 1 }, b: {} } })));
  t.ok(sameLayout(a, defineRules({ streams: { acl: { inlineMax: 1, merge: 'newest' } } })));
  t.notOk(sameLayout(a, defineRules()));
  t.notOk(sameLayout(a, defineRules({ default: { inlineMax: 1 } })));
});

t.test(
  'every truncation and every flipped byte is refused or is another canonical set',
  async (t) => {
    const chunking = { kind: 'fixed', bytes: 8192 } as const;
    const streams = { acl: { inlineMax: 4096 }, é: { encoding: 'cbor' }, z: { chunking } } as const;
    const bytes = encodeRules(defineRules({ streams }));
    for (let length = 0; length < bytes.length; length++) {
      const code = codeOf(() => decodeRules(bytes.subarray(0, length)));
      if (code !== 'REGALIA_FORMAT') t.fail(`${length} bytes gave ${code}`);
    }
    for (let at = 0; at < bytes.length; at++) {
      for (let byte = 0; byte < 256; byte++) {
        const flipped = bytes.slice();
        flipped[at] = byte;
        const code = codeOf(() => {
          if (hex(encodeRules(decodeRules(flipped))) !== hex(flipped))
            throw new Error('not canonical');
        });
        if (!['nothing', 'REGALIA_FORMAT', 'REGALIA_VERSION'].includes(code))
          t.fail(`${at}: ${code}`);
      }
    }
    t.equal(
      codeOf(() => decodeRules(new Uint8Array([...bytes, 0]))),
      'REGALIA_FORMAT',
    );
  },
);

t.test('a later release is told from damage', async (t) => {
  const of = (text: string) => codeOf(() => decodeRules(unhex(text) as Uint8Array));
  t.equal(of('01000501010280040301040105808004'), 'nothing');
  t.equal(of('010006010102800403010401058080040601'), 'REGALIA_FORMAT', 'a size too many');
  const eight = '0100080101028004030104010580800406010701';
  t.equal(of(`${eight}0801`), 'REGALIA_VERSION', 'an eighth field');
  t.equal(of('01000501090280040301040105808004'), 'REGALIA_VERSION', 'another encoding');
  t.equal(of('01000501010280040309040105808004'), 'REGALIA_VERSION', 'another policy');
  t.equal(of('01000501010280040301040305808004'), 'REGALIA_VERSION', 'another chunking');
  const content = (sizes: string): string => of(`01000701010280040301${sizes}`);
  t.equal(content('0402058080040680800107808010'), 'nothing');
  t.equal(content('0402058180040680800107808010'), 'REGALIA_FORMAT', 'an average that is no power');
  t.equal(content('0402058080040680800407808010'), 'REGALIA_FORMAT', 'least as the average');
  t.equal(content('0402058080040680800107808004'), 'REGALIA_FORMAT', 'most as the average');
  t.equal(content('0402058080040680080780801000'), 'REGALIA_FORMAT', 'least of 1,024 bytes');
  t.equal(content('0401058080040680800107808010'), 'REGALIA_FORMAT', 'fixed, of three sizes');
  t.equal(of('01000501010280040301040205808004'), 'REGALIA_FORMAT', 'content, of one size');
  t.equal(of('010004010102800403010401'), 'REGALIA_FORMAT', 'a field left out');
  t.equal(of('01000502000280040301040105808004'), 'REGALIA_FORMAT', 'tags out of order');
  t.equal(of('01000501010280410301040105808004'), 'REGALIA_FORMAT', 'inlineMax 8320');
  t.equal(of('0100050101028004030104010501'), 'REGALIA_FORMAT', 'fractions of a byte');
  t.equal(of('00'), 'REGALIA_FORMAT', 'no default');
  t.equal(of('ffffffffffffff0f00'), 'REGALIA_FORMAT', 'a boundless count');
  t.equal(of('0100ffffffffffffff0f'), 'REGALIA_FORMAT', 'a boundless field count');
});

t.test('random bytes never do anything but fail with a code', async () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) =>
      ['nothing', 'REGALIA_FORMAT', 'REGALIA_VERSION'].includes(codeOf(() => decodeRules(bytes))),
    ),
  );
});

t.test('a merge takes what each side declared', async (t) => {
  const base = defineRules({ streams: { a: { inlineMax: 1 }, gone: {} } });
  const ours = defineRules({ streams: { a: { inlineMax: 1 }, b: {}, both: { merge: 'ours' } } });
  const theirs = defineRules({
    streams: {
      a: { ...DEFAULT_RULE, inlineMax: 2 },
      both: { ...DEFAULT_RULE, merge: 'ours' },
      gone: DEFAULT_RULE,
    },
    default: { inlineMax: 7 },
  });
  t.same(plain(mergeRules(base, ours, theirs)), {
    default: { ...DEFAULT_RULE, inlineMax: 7 },
    streams: [
      ['a', { ...DEFAULT_RULE, inlineMax: 2 }],
      ['b', DEFAULT_RULE],
      ['both', { ...DEFAULT_RULE, merge: 'ours' }],
    ],
  });
});

t.test('a merge of what both changed differently is refused', async (t) => {
  const of = (inlineMax: number) => defineRules({ streams: { a: { inlineMax } } });
  t.equal(
    codeOf(() => mergeRules(of(1), of(2), of(3))),
    'REGALIA_RULE',
  );
  t.equal(
    codeOf(() => mergeRules(defineRules(), of(2), of(3))),
    'REGALIA_RULE',
  );
  t.equal(
    codeOf(() => mergeRules(of(1), defineRules(), of(3))),
    'REGALIA_RULE',
  );
  t.equal(
    codeOf(() => mergeRules(of(1), of(2), of(2))),
    'nothing',
  );
});

t.test('a merge is symmetric, and with an unchanged side is the other one', async () => {
  fc.assert(
    fc.property(options, options, options, (a, b, c) => {
      const [base, ours, theirs] = [defineRules(a), defineRules(b), defineRules(c)];
      const one = (x: Rules, y: Rules) => {
        try {
          return hex(encodeRules(mergeRules(base, x, y)));
        } catch (error) {
          if (isRegaliaError(error, 'REGALIA_RULE')) return 'refused';
          throw error;
        }
      };
      return one(ours, theirs) === one(theirs, ours) && one(ours, base) === hex(encodeRules(ours));
    }),
  );
});

t.test('a declaration is compared with what is stored', async (t) => {
  const stored = defineRules({ streams: { acl: { inlineMax: 4096 }, note: { encoding: 'utf8' } } });
  const agreed = contradiction(
    stored,
    defineRules({ streams: { acl: { inlineMax: 4096 }, new: {} } }),
  );
  t.same(agreed, { first: undefined, missing: ['new'] });
  const declared = defineRules({ streams: { note: {}, acl: { inlineMax: 1 }, b: {} } });
  const { first, missing } = contradiction(stored, declared);
  t.same(missing, ['b']);
  t.equal(first?.stream, 'acl');
  const error = contradictionError(first as NonNullable<typeof first>);
  t.match(error, { code: 'REGALIA_RULE', data: { rule: 'acl' } });
  t.match(error.data.expected, /inlineMax 4096/);
  t.same(plain(stored), plain(decodeRules(encodeRules(stored))));
});

t.test('a rule is the same if every field is', async (t) => {
  const chunking = { ...DEFAULT_RULE.chunking };
  t.ok(sameRule(DEFAULT_RULE, { ...DEFAULT_RULE, chunking }));
  t.notOk(sameRule(DEFAULT_RULE, { ...DEFAULT_RULE, merge: 'ours' }));
  t.notOk(sameRule(DEFAULT_RULE, { ...DEFAULT_RULE, inlineMax: 1 }));
  t.notOk(sameRule(DEFAULT_RULE, { ...DEFAULT_RULE, chunking: { kind: 'fixed', bytes: 65_536 } }));
});
