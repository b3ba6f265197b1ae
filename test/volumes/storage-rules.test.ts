/**
 * Storage rules: what users ask of a store is taken part by part, or refused by its rule's name;
 * their row round-trips, and every flipped bit, cut and lie in it is refused by code.
 */
import fc from 'fast-check';
import t from 'tap';
import { openRow, sealRow } from '../../src/blocks/rows.js';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { COMPRESSION_LEVEL_MAX, COPIES_MAX } from '../../src/ground/limits.js';
import { utf8Bytes } from '../../src/ground/text.js';
import {
  DEFAULT_STORAGE,
  mergedStorage,
  putStorage,
  type StorageOptions,
  sameStorage,
  storageRuleOf,
  storedStorage,
} from '../../src/volumes/storage-rules.js';
import { codeOfCall, flips } from './setup.js';

const BAD = /^REGALIA_(CORRUPT|FORMAT)$/;
const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
t.comment(`seed ${seed}`);

async function putRow(row: Uint8Array): Promise<Engine> {
  const engine = openMemory();
  await engine.write((batch) => batch.put('meta', STORAGE_KEY, row), 'none');
  return engine;
}

const STORAGE_KEY = utf8Bytes('storage');
const EMPTY_RULES = { default: DEFAULT_STORAGE, streams: new Map() };
const storageRule = fc.record(
  {
    compression: fc.oneof(
      fc.constant('none' as const),
      fc.integer({ min: 1, max: COMPRESSION_LEVEL_MAX }),
    ),
    redundancy: fc.oneof(
      fc.constant({ kind: 'none' as const }),
      fc.constant({ kind: 'striped' as const }),
      fc
        .integer({ min: 1, max: COPIES_MAX })
        .map((copies) => ({ kind: 'mirrored' as const, copies })),
    ),
  },
  { requiredKeys: [] },
);
const storageOptions: fc.Arbitrary<StorageOptions> = fc.record(
  {
    default: storageRule,
    streams: fc.dictionary(fc.stringMatching(/^[a-zé]{1,8}$/), storageRule, { maxKeys: 6 }),
  },
  { requiredKeys: [] },
);

t.test('storage rules are merged part by part, the same twice, and round-trip', async () => {
  const property = fc.asyncProperty(storageOptions, storageOptions, async (first, second) => {
    const one = mergedStorage(EMPTY_RULES, first);
    const both = mergedStorage(one, second);
    const engine = openMemory();
    await engine.write((batch) => putStorage(batch, both), 'none');
    const found = storedStorage(engine);
    const names = Object.keys({ ...first.streams, ...second.streams });
    const right = names.every((name) => {
      const rule = storageRuleOf(both, name);
      const asked = second.streams?.[name];
      return (
        JSON.stringify(storageRuleOf(found, name)) === JSON.stringify(rule) &&
        (asked?.compression === undefined || rule.compression === asked.compression) &&
        (asked?.redundancy === undefined ||
          JSON.stringify(rule.redundancy) === JSON.stringify(asked.redundancy))
      );
    });
    return (
      right &&
      sameStorage(found, both) &&
      sameStorage(mergedStorage(both, second), both) &&
      sameStorage(mergedStorage(both, {}), both) &&
      JSON.stringify(found.default) === JSON.stringify(both.default)
    );
  });
  await fc.assert(property, { numRuns: 300, seed });
});

t.test('a stream has what was said of it, and else what the default says', async (t) => {
  const rules = mergedStorage(EMPTY_RULES, {
    default: { compression: 9 },
    streams: { a: { redundancy: { kind: 'striped' } }, b: {} },
  });
  t.match(storageRuleOf(rules, 'a'), { compression: 9, redundancy: { kind: 'striped' } });
  t.match(storageRuleOf(rules, 'b'), { compression: 9, redundancy: { kind: 'none' } });
  t.equal(rules.streams.has('b'), false, 'nothing was said of it');
  const later = mergedStorage(rules, { default: { compression: 'none' } });
  t.equal(storageRuleOf(later, 'b').compression, 'none');
  t.equal(storageRuleOf(later, 'a').compression, 9, 'what is stored of a stream stays');
  t.strictSame(storedStorage(openMemory()), EMPTY_RULES, 'a store without a row has the defaults');
});

t.test('storage rules that make no sense are refused by their name', async (t) => {
  const nonsense: unknown[] = [
    ...['', 'zstd', 0, -1, COMPRESSION_LEVEL_MAX + 1, 1.5, Number.NaN, null, true, [3], {}].map(
      (compression) => ({ compression }),
    ),
    ...['mirrored', 2, null, {}, [], { kind: 'raid' }, { kind: 'toString' }].map((redundancy) => ({
      redundancy,
    })),
    ...[undefined, 0, -1, COPIES_MAX + 1, 1.5, '2', null, Number.POSITIVE_INFINITY].map(
      (copies) => ({ redundancy: { kind: 'mirrored', copies } }),
    ),
  ];
  for (const rule of nonsense) {
    const part = rule as StorageOptions['default'] & object;
    const told = JSON.stringify(rule);
    const refused = (name: string) => ({
      code: 'REGALIA_RULE',
      data: { rule: new RegExp(`^${name}\\.`) },
    });
    t.throws(() => mergedStorage(EMPTY_RULES, { default: part }), refused('default'), told);
    t.throws(
      () => mergedStorage(EMPTY_RULES, { streams: { s: part } }),
      refused('streams.s'),
      told,
    );
  }
  const many = (count: number): StorageOptions => ({
    streams: Object.fromEntries(
      Array.from({ length: count }, (_, i) => [`s${i}`, { compression: 1 }]),
    ),
  });
  t.equal(mergedStorage(EMPTY_RULES, many(256)).streams.size, 256);
  t.throws(() => mergedStorage(EMPTY_RULES, many(257)), { code: 'REGALIA_RULE' });
});

t.test('a field of redundancy that is not known is refused, with the one meant', async (t) => {
  for (const [redundancy, message] of [
    [{ kind: 'mirrored', copes: 2 }, 'no option copes; did you mean copies?'],
    [{ kind: 'coded', partiy: 2 }, 'no option partiy; did you mean parity?'],
    [{ kind: 'none', copies: 2 }, 'no option copies: expected one of kind'],
  ] as const) {
    t.throws(() => mergedStorage(EMPTY_RULES, { streams: { s: { redundancy } } } as never), {
      code: 'REGALIA_OPTION',
      message: `streams.s.redundancy has ${message}`,
    });
  }
});

t.test('a row of storage rules that is flipped, cut or made up is refused', async (t) => {
  const engine = openMemory();
  const rules = mergedStorage(EMPTY_RULES, {
    default: { redundancy: { kind: 'mirrored', copies: 3 } },
    streams: { content: { compression: 'none' }, notes: { redundancy: { kind: 'striped' } } },
  });
  await engine.write((batch) => putStorage(batch, rules), 'none');
  const row = engine.get('meta', STORAGE_KEY) as Uint8Array;
  const code = async (bytes: Uint8Array): Promise<string> => {
    const other = await putRow(bytes);
    return codeOfCall(() => storedStorage(other));
  };
  t.equal(await code(row), 'done');
  for (const { at, bytes } of flips(row)) {
    const found = await code(bytes);
    if (!BAD.test(found)) t.fail(`byte ${at}: ${found}`);
  }
  for (let length = 0; length < row.length; length++) {
    const found = await code(row.subarray(0, length));
    if (!BAD.test(found)) t.fail(`${length} bytes: ${found}`);
  }
  const body = openRow('meta', STORAGE_KEY, row);
  for (let at = 0; at < body.length; at++) {
    for (const byte of [0, 1, 7, 33, 127, 255]) {
      const made = body.slice();
      made[at] = byte;
      const found = await code(sealRow('meta', STORAGE_KEY, made));
      if (!/^(done|REGALIA_(FORMAT|RULE|VERSION))$/.test(found))
        t.fail(`${byte} at ${at}: ${found}`);
    }
  }
});
