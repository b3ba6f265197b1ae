/**
 * What every engine behind the engine contract must do. `memory.test.ts` and `lmdb.test.ts` run
 * it; an engine of your own can, too. Ranges and writes face a plain sorted array.
 */
import type t from 'tap';
import type { Batch, Durability, Engine } from '../../src/engine/engine.js';
import { compareBytes } from '../../src/ground/bytes.js';
import { batches, ranges } from './model.js';

type Test = typeof t;

/** Opens an empty engine; what it leaves behind is the caller's to clear. */
export type Open = () => Promise<Engine>;

export const DURABILITIES: readonly Durability[] = ['sync', 'group', 'none'];

export function bytes(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}

export function text(string: string): Uint8Array {
  return new Uint8Array(Buffer.from(string));
}

async function using(open: Open, use: (engine: Engine) => Promise<void>): Promise<void> {
  const engine = await open();
  try {
    await use(engine);
  } finally {
    await engine.close();
  }
}

export async function conformance(t: Test, open: Open): Promise<void> {
  await t.test('writes', (t) => writes(t as Test, open));
  await t.test('bodies that fail', (t) => failures(t as Test, open));
  await t.test('keys and rows at their limits', (t) => limits(t as Test, open));
  await t.test('copies and views', (t) => copies(t as Test, open));
  await t.test('ranges', (t) => ranges(t as Test, (use) => using(open, use)));
  await t.test('reads through a batch', (t) => batches(t as Test, (use) => using(open, use)));
  await t.test('concurrent writes', (t) => concurrency(t as Test, open));
  await t.test('closing', (t) => closing(t as Test, open));
}

async function writes(t: Test, open: Open): Promise<void> {
  await using(open, async (engine) => {
    for (const durability of DURABILITIES) {
      const key = text(durability);
      const result = await engine.write((batch) => {
        batch.put('heads', key, bytes(1, 2, 3));
        batch.put('extents', 7, bytes(4));
        return durability.length;
      }, durability);
      t.equal(result, durability.length, `a ${durability} write resolves with its body's result`);
      t.same(engine.get('heads', key), bytes(1, 2, 3), 'and its rows are read back');
      await engine.write((batch) => batch.del('extents', 7), durability);
      t.equal(engine.get('extents', 7), undefined, 'a deleted row is gone');
    }
    await engine.flush();
    t.equal(engine.count('heads'), 3);
    await engine.write((batch) => batch.del('heads', text('absent')), 'sync');
    t.equal(engine.count('heads'), 3, 'deleting what is not there does nothing');
    t.equal(engine.view('commits', text('heads')), undefined, 'tables are apart');
    await engine.write(() => undefined, 'sync');
    const stats = engine.stats();
    t.equal(stats.rows.heads, 3);
    t.equal(stats.rows.extents, 0);
    t.ok(stats.bytes > 0 && stats.freeBytes >= 0 && stats.freeBytes <= stats.bytes);
  });
}

async function failures(t: Test, open: Open): Promise<void> {
  for (const durability of DURABILITIES) {
    await using(open, async (engine) => {
      await engine.write((batch) => batch.put('heads', text('a'), bytes(1)), durability);
      const thrown = new RangeError('no');
      const before = engine.write((batch) => batch.put('heads', text('b'), bytes(2)), durability);
      const failed = engine.write((batch) => {
        batch.put('heads', text('a'), bytes(9));
        batch.del('heads', text('b'));
        batch.put('extents', 1, bytes(9));
        throw thrown;
      }, durability);
      const after = engine.write((batch) => {
        batch.put('heads', text('c'), batch.get('heads', text('b')) as Uint8Array);
      }, durability);
      await t.rejects(failed, thrown, `a ${durability} write rejects with what its body threw`);
      await Promise.all([before, after]);
      const rows = [...engine.range('heads')].map((row) => [
        Buffer.from(row.key).toString(),
        row.bytes[0],
      ]);
      t.same(
        rows,
        [
          ['a', 1],
          ['b', 2],
          ['c', 2],
        ],
        'writes beside it are unharmed and see nothing of it',
      );
      t.equal(engine.count('extents'), 0);

      const asynchronous = engine.write(async (batch) => {
        batch.put('extents', 1, bytes(9));
      }, durability);
      await t.rejects(asynchronous, TypeError, 'an asynchronous body is refused');
      t.equal(engine.count('extents'), 0, 'and nothing of it is kept');
      await t.rejects(
        engine.write(() => Promise.reject(new Error('late')), durability),
        TypeError,
      );

      let escaped: Batch | undefined;
      await engine.write((batch) => void (escaped = batch), durability);
      t.throws(
        () => escaped?.put('extents', 2, bytes(1)),
        { code: 'REGALIA_CLOSED' },
        'a batch ends with its body',
      );
      t.throws(() => escaped?.view('extents', 2), { code: 'REGALIA_CLOSED' });
    });
  }
}

async function limits(t: Test, open: Open): Promise<void> {
  await using(open, async (engine) => {
    const keys = [
      bytes(0),
      bytes(255),
      bytes(0, 0),
      new Uint8Array(1_900),
      new Uint8Array(1_900).fill(255),
    ];
    const numbers = [0, 1, 255, 256, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    const sizes = [0, 1, 100, 2_022, 2_023, 4_070, 4_096, 65_536, 1 << 20];
    await engine.write((batch) => {
      for (const [i, key] of keys.entries()) batch.put('addresses', key, bytes(i));
      for (const [i, key] of numbers.entries()) batch.put('extents', key, bytes(i));
      for (const [i, size] of sizes.entries()) {
        batch.put('addressLog', i, new Uint8Array(size).fill(i + 1));
      }
    }, 'group');
    for (const [i, key] of keys.entries()) {
      t.same(engine.get('addresses', key), bytes(i), `a key of ${key.length} bytes`);
    }
    t.same(
      [...engine.range('extents')].map((row) => row.key),
      numbers,
      'numbers come in numeric order',
    );
    const sorted = [...keys].sort(compareBytes);
    t.same(
      [...engine.range('addresses')].map((row) => row.key),
      sorted,
      'bytes come in bytewise order',
    );
    sizes.forEach((size, i) => {
      const row = engine.get('addressLog', i) as Uint8Array;
      t.ok(row.length === size && row.every((byte) => byte === i + 1), `a row of ${size} bytes`);
    });
    const bad: ((batch: Batch) => void)[] = [
      (batch) => batch.put('addresses', new Uint8Array(0), bytes(1)),
      (batch) => batch.put('addresses', new Uint8Array(1_901), bytes(1)),
      (batch) => batch.put('extents', -1, bytes(1)),
      (batch) => batch.put('extents', 2 ** 32, bytes(1)),
      (batch) => batch.put('extents', 1.5, bytes(1)),
      (batch) => batch.put('extents', Number.NaN, bytes(1)),
      (batch) => batch.put('extents', 'x' as unknown as number, bytes(1)),
      (batch) => batch.put('addresses', 5 as unknown as Uint8Array, bytes(1)),
      (batch) => batch.put('extents', 5, 'x' as unknown as Uint8Array),
    ];
    for (const body of bad)
      await t.rejects(engine.write(body, 'sync'), /assertion/, 'a key out of its limits');
    t.throws(() => engine.view('extents', -1), /assertion/);
    t.throws(() => engine.view('heads', new Uint8Array(0)), /assertion/);
    t.equal(engine.count('extents'), numbers.length);
  });
}

async function copies(t: Test, open: Open): Promise<void> {
  await using(open, async (engine) => {
    const big = new Uint8Array(100_000).fill(7);
    await engine.write((batch) => {
      batch.put('extents', 1, bytes(1, 2, 3));
      batch.put('extents', 2, bytes(4, 5, 6));
      batch.put('extents', 3, big);
    }, 'sync');
    const copy = engine.get('extents', 1) as Uint8Array;
    const rows = [...engine.range('extents')];
    copy.fill(99);
    for (const row of rows) row.bytes.fill(99);
    t.same(engine.get('extents', 1), bytes(1, 2, 3), 'a changed copy changes nothing');
    t.same(engine.get('extents', 3)?.[0], 7);
    const first = engine.get('extents', 1) as Uint8Array;
    const large = engine.get('extents', 3) as Uint8Array;
    engine.view('extents', 2);
    await engine.write((batch) => {
      batch.put('extents', 1, bytes(8));
      batch.del('extents', 3);
    }, 'sync');
    for (let i = 10; i < 40; i++)
      await engine.write((batch) => batch.put('extents', i, big.fill(i)), 'none');
    t.same(first, bytes(1, 2, 3), 'a copy outlives the row');
    t.ok(large.every((byte) => byte === 7));
    t.equal(large.byteLength, large.buffer.byteLength, 'and holds nothing but its bytes');

    const reused = bytes(1);
    await engine.write((batch) => {
      batch.put('heads', reused, bytes(1));
      reused[0] = 2;
      batch.put('heads', reused, bytes(2));
    }, 'sync');
    t.equal(engine.count('heads'), 2, 'a key may be reused after put');
    const contents = bytes(5);
    await engine.write((batch) => batch.put('heads', bytes(3), contents), 'group');
    contents[0] = 6;
    t.same(engine.view('heads', bytes(3)), bytes(5), 'a row may change once its write has settled');
    t.equal(engine.view('heads', bytes(3))?.length, 1, 'a view has its own length');
    t.ok(engine.view('heads', bytes(3)) instanceof Uint8Array);
  });
}

async function concurrency(t: Test, open: Open): Promise<void> {
  for (const durability of DURABILITIES) {
    await using(open, async (engine) => {
      const writer = async (id: number) => {
        for (let i = 0; i < 20; i++) {
          const count = await engine.write((batch) => {
            const before = batch.get('meta', text('sum'))?.[0] ?? 0;
            const carry = batch.get('meta', text('sum'))?.[1] ?? 0;
            const sum = before + carry * 256 + 1;
            batch.put('meta', text('sum'), bytes(sum & 255, sum >> 8));
            batch.put('log', bytes(id, i), bytes(sum & 255, sum >> 8));
            return sum;
          }, durability);
          const own = engine.get('log', bytes(id, i)) as Uint8Array;
          if ((own[0] as number) + (own[1] as number) * 256 !== count)
            throw new Error('its own write is not seen');
        }
      };
      await Promise.all(Array.from({ length: 64 }, (_, id) => writer(id)));
      const sum = engine.get('meta', text('sum')) as Uint8Array;
      t.equal(
        (sum[0] as number) + (sum[1] as number) * 256,
        1_280,
        `64 ${durability} writers lose no update`,
      );
      t.equal(engine.count('log'), 1_280);
      const numbers = new Set([...engine.range('log')].map((row) => row.bytes.join()));
      t.equal(numbers.size, 1_280, 'bodies run one at a time');
    });
  }
  await using(open, async (engine) => {
    const order: number[] = [];
    const all = Array.from({ length: 30 }, (_, i) => {
      return engine.write(() => void order.push(i), DURABILITIES[i % 3] as Durability);
    });
    await Promise.all(all);
    t.same(
      order,
      Array.from({ length: 30 }, (_, i) => i),
      'bodies run in the order of the calls',
    );
    let inner: Promise<number> | undefined;
    await engine.write(() => {
      inner = engine.write((batch) => batch.count('heads'), 'sync');
      inner.catch(() => undefined);
    }, 'sync');
    t.equal(await inner, 0, 'a write asked for in a body runs after it');
  });
}

async function closing(t: Test, open: Open): Promise<void> {
  const engine = await open();
  const underWay = DURABILITIES.map((durability, i) => {
    return engine.write((batch) => batch.put('extents', i, bytes(i)), durability);
  });
  const closed = engine.close();
  await t.rejects(
    engine.write(() => 1, 'sync'),
    { code: 'REGALIA_CLOSED' },
    'no write starts while it closes',
  );
  await Promise.all(underWay);
  await closed;
  t.pass('writes under way are waited for');
  await engine.close();
  t.throws(() => engine.view('extents', 1), { code: 'REGALIA_CLOSED' });
  t.throws(() => engine.get('extents', 1), { code: 'REGALIA_CLOSED' });
  t.throws(() => [...engine.range('extents')], { code: 'REGALIA_CLOSED' });
  t.throws(() => engine.count('extents'), { code: 'REGALIA_CLOSED' });
  t.throws(() => engine.stats(), { code: 'REGALIA_CLOSED' });
  t.throws(() => engine.refresh(), { code: 'REGALIA_CLOSED' });
  await t.rejects(engine.flush(), { code: 'REGALIA_CLOSED' });
  await t.rejects(engine.backup('/nowhere/at/all'), { code: 'REGALIA_CLOSED' });
  await t.rejects(
    engine.write(() => 1, 'none'),
    { code: 'REGALIA_CLOSED' },
  );
}
