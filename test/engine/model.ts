/**
 * The part of the conformance suite that faces a plain sorted array: ranges, and sequences of
 * writes whose bodies read what they have put. Keys are drawn from few bytes, so that they meet.
 */
import fc from 'fast-check';
import type t from 'tap';
import type { Batch, Durability, Engine, Row, RowRange } from '../../src/engine/engine.js';
import { compareBytes } from '../../src/ground/bytes.js';

type Test = typeof t;
type Use = (use: (engine: Engine) => Promise<void>) => Promise<void>;

function of(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}

interface ModelRow {
  readonly key: number | Uint8Array;
  readonly bytes: Uint8Array;
}

function compareKeys(a: number | Uint8Array, b: number | Uint8Array): number {
  return typeof a === 'number' ? a - (b as number) : compareBytes(a, b as Uint8Array);
}

/** A range over a sorted array, by its definition. */
export function modelRange(rows: readonly ModelRow[], range: RowRange<never>): ModelRow[] {
  const { gte, gt, lte, lt, reverse, limit } = range as RowRange<number | Uint8Array>;
  const found = rows
    .filter((row) => gte === undefined || compareKeys(row.key, gte) >= 0)
    .filter((row) => gt === undefined || compareKeys(row.key, gt) > 0)
    .filter((row) => lte === undefined || compareKeys(row.key, lte) <= 0)
    .filter((row) => lt === undefined || compareKeys(row.key, lt) < 0)
    .sort((a, b) => compareKeys(a.key, b.key));
  if (reverse === true) found.reverse();
  return found.slice(0, limit ?? found.length);
}

function rangeOf<K>(key: fc.Arbitrary<K>): fc.Arbitrary<RowRange<K>> {
  const bound = fc.option(key, { nil: undefined, freq: 2 });
  const record = { gte: bound, gt: bound, lte: bound, lt: bound };
  const more = { reverse: fc.boolean(), limit: fc.option(fc.nat(8), { nil: undefined }) };
  return fc.record({ ...record, ...more }).map((range) => {
    return Object.fromEntries(
      Object.entries(range).filter(([, bound]) => bound !== undefined),
    ) as RowRange<K>;
  });
}

export const someKey = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((key) => key.map((byte) => (byte % 4) * 85));
export const someNumber = fc.oneof(
  fc.nat(40),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2, 255, 256),
);
const someRow = fc.uint8Array({ maxLength: 20 });

function plain(rows: Iterable<ModelRow | Row<unknown>>): unknown[] {
  return [...rows].map((row) => [
    typeof row.key === 'number' ? row.key : Buffer.from(row.key as Uint8Array).toString('hex'),
    Buffer.from(row.bytes).toString('hex'),
  ]);
}

export async function ranges(t: Test, use: Use): Promise<void> {
  await use(async (engine) => {
    const setUp = fc.record({
      byKey: fc.uniqueArray(fc.tuple(someKey, someRow), {
        maxLength: 30,
        selector: ([key]) => key.join(),
      }),
      byNumber: fc.uniqueArray(fc.tuple(someNumber, someRow), {
        maxLength: 30,
        selector: ([key]) => key,
      }),
      keyRanges: fc.array(rangeOf(someKey), { minLength: 8, maxLength: 8 }),
      numberRanges: fc.array(rangeOf(someNumber), { minLength: 8, maxLength: 8 }),
    });
    const property = fc.asyncProperty(
      setUp,
      async ({ byKey, byNumber, keyRanges, numberRanges }) => {
        await engine.write((batch) => {
          for (const row of engine.range('addresses')) batch.del('addresses', row.key);
          for (const row of engine.range('extents')) batch.del('extents', row.key);
          for (const [key, row] of byKey) batch.put('addresses', key, row);
          for (const [key, row] of byNumber) batch.put('extents', key, row);
        }, 'none');
        const keys = byKey.map(([key, row]) => ({ key, bytes: row }));
        const numbers = byNumber.map(([key, row]) => ({ key, bytes: row }));
        for (const range of keyRanges)
          same(engine.range('addresses', range), modelRange(keys, range as never));
        for (const range of numberRanges)
          same(engine.range('extents', range), modelRange(numbers, range as never));
      },
    );
    await fc.assert(property, { numRuns: 60 });
  });
  await use(async (engine) => {
    await engine.write((batch) => {
      for (let i = 0; i < 5_000; i++) batch.put('extents', i * 2, of(i & 255, i >> 8));
      for (let i = 0; i < 40; i++) batch.put('log', of(i), new Uint8Array(100_000).fill(i));
    }, 'none');
    t.equal([...engine.range('extents')].length, 5_000, 'a range longer than its steps is whole');
    t.same(
      [...engine.range('extents', { reverse: true })].map((row) => row.key / 2),
      Array.from({ length: 5_000 }, (_, i) => 4_999 - i),
      'backwards, too',
    );
    t.same(
      [...engine.range('extents', { gt: 4_001, limit: 1_000 })].map((row) => row.key),
      Array.from({ length: 1_000 }, (_, i) => 4_002 + i * 2),
    );
    t.same(
      [...engine.range('log')].map((row) => [row.key[0], row.bytes.length, row.bytes[9]]),
      Array.from({ length: 40 }, (_, i) => [i, 100_000, i]),
      'large rows are whole',
    );
    const iterator = engine.range('extents')[Symbol.iterator]();
    iterator.next();
    await engine.write((batch) => batch.del('extents', 4_000), 'none');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const rest: number[] = [];
    for (let step = iterator.next(); step.done !== true; step = iterator.next())
      rest.push(step.value.key);
    t.ok(rest.length === 4_998 || rest.length === 4_999, 'a range goes on over turns and writes');
    t.ok(
      rest.every((key, i) => i === 0 || key > (rest[i - 1] as number)),
      'in order',
    );
    const twice = engine.range('extents', { limit: 3 });
    t.same(plain(twice), plain(twice), 'a range can be walked twice');
  });
}

function same(actual: Iterable<Row<unknown>>, expected: ModelRow[]): void {
  const [left, right] = [JSON.stringify(plain(actual)), JSON.stringify(plain(expected))];
  if (left !== right) throw new Error(`expected ${right}, found ${left}`);
}

type Operation =
  | { readonly kind: 'put'; readonly key: Uint8Array; readonly bytes: Uint8Array }
  | { readonly kind: 'del'; readonly key: Uint8Array }
  | { readonly kind: 'range'; readonly range: RowRange<Uint8Array> }
  | { readonly kind: 'get'; readonly key: Uint8Array };

const someOperation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: someKey, bytes: someRow }),
  fc.record({ kind: fc.constant('del' as const), key: someKey }),
  fc.record({ kind: fc.constant('get' as const), key: someKey }),
  fc.record({ kind: fc.constant('range' as const), range: rangeOf(someKey) }),
);

/** Sequences of writes, some of which throw at their end, against a Map. */
export async function batches(t: Test, use: Use): Promise<void> {
  const someWrite = fc.record({
    operations: fc.array(someOperation, { maxLength: 12 }),
    throws: fc.boolean(),
    durability: fc.constantFrom<Durability>('none', 'none', 'group', 'sync'),
  });
  await use(async (engine) => {
    const property = fc.asyncProperty(fc.array(someWrite, { maxLength: 6 }), async (sequence) => {
      await engine.write((batch) => {
        for (const row of batch.range('commits')) batch.del('commits', row.key);
      }, 'none');
      let model = new Map<string, ModelRow>();
      const settled = sequence.map(({ operations, throws, durability }) =>
        engine
          .write((batch) => {
            const draft = new Map(model);
            for (const operation of operations) replay(batch, draft, operation);
            if (throws) throw new Error('thrown');
            model = draft;
          }, durability)
          .then(
            () => 'done',
            (error: Error) => error.message,
          ),
      );
      const outcomes = await Promise.all(settled);
      const expected = sequence.map(({ throws }) => (throws ? 'thrown' : 'done'));
      if (outcomes.join() !== expected.join()) throw new Error(outcomes.join());
      same(engine.range('commits'), modelRange([...model.values()], {}));
      if (engine.count('commits') !== model.size) throw new Error('wrong count');
    });
    await fc.assert(property, { numRuns: 60 });
  });
  t.pass('a batch reads what it has put and deleted');
}

function replay(batch: Batch, model: Map<string, ModelRow>, operation: Operation): void {
  if (operation.kind === 'range') {
    same(
      batch.range('commits', operation.range),
      modelRange([...model.values()], operation.range as never),
    );
    return;
  }
  const id = operation.key.join();
  if (operation.kind === 'put') {
    batch.put('commits', operation.key, operation.bytes);
    model.set(id, operation);
  } else if (operation.kind === 'del') {
    batch.del('commits', operation.key);
    model.delete(id);
  } else {
    const [found, expected] = [batch.get('commits', operation.key), model.get(id)?.bytes];
    if (String(found) !== String(expected))
      throw new Error(`expected ${String(expected)}, found ${String(found)}`);
    if (batch.count('commits') !== model.size) throw new Error('wrong count');
  }
}
