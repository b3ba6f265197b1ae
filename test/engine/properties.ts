/**
 * Engines beside a plain sorted array, at random: ranges, and sequences of writes whose bodies read
 * what they have put. Keys are drawn from few bytes, so that they meet.
 */
import fc from 'fast-check';
import type t from 'tap';
import { type OpenEngine, rowsInRange } from '../../src/engine/conformance.js';
import type { Batch, Durability, Engine, Row, RowRange } from '../../src/engine/engine.js';

type Test = typeof t;
type ModelRow = Row<Uint8Array>;

/** Declares the properties as tests. */
export function properties(t: Test, open: OpenEngine): void {
  const use = async (name: string, check: (engine: Engine) => Promise<void>): Promise<void> => {
    const engine = await open(name);
    try {
      await check(engine);
    } finally {
      await engine.close();
    }
  };
  t.test('ranges are those of a sorted array', () => use('ranges', ranges));
  t.test('a batch reads what it has put and deleted', () => use('batches', batches));
  t.test('a key outside its limits is a bug of ours', () =>
    use('assertions', async (engine) => {
      const put = engine.write((batch) => batch.put('extents', -1, new Uint8Array(1)), 'sync');
      await t.rejects(put, /assertion/);
      t.throws(() => engine.view('extents', -1), /assertion/);
      t.throws(() => engine.view('heads', new Uint8Array(0)), /assertion/);
    }),
  );
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

const someKey = fc
  .uint8Array({ minLength: 1, maxLength: 3 })
  .map((key) => key.map((byte) => (byte % 4) * 85));
const someNumber = fc.oneof(
  fc.nat(40),
  fc.constantFrom(2 ** 31, 2 ** 32 - 1, 2 ** 32 - 2, 255, 256),
);
const someRow = fc.uint8Array({ maxLength: 20 });

function plain(rows: Iterable<Row<unknown>>): unknown[] {
  return [...rows].map((row) => [
    typeof row.key === 'number' ? row.key : Buffer.from(row.key as Uint8Array).toString('hex'),
    Buffer.from(row.bytes).toString('hex'),
  ]);
}

const someRows = fc.record({
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

async function ranges(engine: Engine): Promise<void> {
  const property = fc.asyncProperty(
    someRows,
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
        same(engine.range('addresses', range), rowsInRange(keys, range));
      for (const range of numberRanges) {
        same(engine.range('extents', range), rowsInRange(numbers, range));
      }
    },
  );
  await fc.assert(property, { numRuns: 60 });
}

function same(actual: Iterable<Row<unknown>>, expected: Row<unknown>[]): void {
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

const someWrite = fc.record({
  operations: fc.array(someOperation, { maxLength: 12 }),
  throws: fc.boolean(),
  durability: fc.constantFrom<Durability>('none', 'none', 'group', 'sync'),
});

/** Sequences of writes, some of which throw at their end, against a Map. */
async function batches(engine: Engine): Promise<void> {
  const property = fc.asyncProperty(fc.array(someWrite, { maxLength: 6 }), async (sequence) => {
    await engine.write((batch) => {
      for (const row of batch.range('commits')) batch.del('commits', row.key);
    }, 'none');
    let model = new Map<string, ModelRow>();
    const outcomes = sequence.map(({ operations, throws, durability }) =>
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
    const found = (await Promise.all(outcomes)).join();
    const expected = sequence.map(({ throws }) => (throws ? 'thrown' : 'done')).join();
    if (found !== expected) throw new Error(`expected ${expected}, found ${found}`);
    same(engine.range('commits'), rowsInRange([...model.values()], {}));
    if (engine.count('commits') !== model.size) throw new Error('wrong count');
  });
  await fc.assert(property, { numRuns: 60 });
}

function replay(batch: Batch, model: Map<string, ModelRow>, operation: Operation): void {
  if (operation.kind === 'range') {
    const { range } = operation;
    same(batch.range('commits', range), rowsInRange([...model.values()], range));
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
