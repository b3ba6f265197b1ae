/**
 * What every engine must do, as cases for any test runner: each has a name, and a function that
 * rejects where the engine does otherwise, most times with an AssertionError of node:assert.
 *
 *     for (const { name, run } of engineConformance(open)) test(name, run);
 *
 * Each case opens an engine of its own and closes it. Nothing is random: ranges are tried in all
 * combinations of a few bounds, and compared with a sorted array. What no case can try, since that
 * needs a failing medium or a second process, engine.ts says in words.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { compareBytes } from '../ground/bytes.js';
import {
  type Batch,
  DURABILITIES,
  type Durability,
  type Engine,
  type Reads,
  type Row,
  type RowKey,
  type RowRange,
  TABLES,
  type Table,
} from './engine.js';

/** One thing that is asked of an engine, and that can be tried. */
export interface ConformanceCase {
  /** What is asked of the engine, as a sentence. */
  readonly name: string;
  /** Rejects where the engine does otherwise. */
  readonly run: () => Promise<void>;
}

/**
 * Opens the engine of that name. The suite gives each case names of its own, so an engine is empty
 * when its name comes first. Where engines are durable, the same name comes again after a close.
 */
export type OpenEngine = (name: string) => Promise<Engine>;

/** What an engine does beyond what each one must. */
export interface ConformanceOptions {
  /** Whether what was written outlives the handle; default false. */
  readonly durable?: boolean;
}

type Cases<A extends unknown[]> = Readonly<Record<string, (...on: A) => Promise<void>>>;

let names = 0;

function nextName(): string {
  return `conformance-${process.pid}-${names++}`;
}

async function using(
  open: OpenEngine,
  name: string,
  check: (engine: Engine) => Promise<void>,
): Promise<void> {
  const engine = await open(name);
  try {
    await check(engine);
  } finally {
    await engine.close();
  }
}

function bytes(...numbers: number[]): Uint8Array {
  return Uint8Array.from(numbers);
}

function text(string: string): Uint8Array {
  return new Uint8Array(Buffer.from(string));
}

const CLOSED = { code: 'REGALIA_CLOSED' };

/** Asked for each durability in turn, of the same engine. */
const WRITES: Cases<[Engine, Durability]> = {
  async "a write resolves with its body's result, and its rows are read back"(engine, durability) {
    const key = text(durability);
    const result = await engine.write((batch) => {
      batch.put('heads', key, bytes(1, 2, 3));
      batch.put('extents', 7, bytes(4));
      return durability.length;
    }, durability);
    assert.equal(result, durability.length);
    assert.deepEqual(engine.get('heads', key), bytes(1, 2, 3));
    assert.deepEqual(engine.view('extents', 7), bytes(4));
    assert.ok(engine.view('heads', key) instanceof Uint8Array);
    assert.equal(engine.view('heads', key)?.length, 3, 'a view has its own length');
    assert.equal(engine.view('commits', key), undefined, 'tables are apart');
    await engine.flush();
    engine.refresh();
    assert.equal(engine.count('heads'), DURABILITIES.indexOf(durability) + 1);
  },

  async 'deleting takes rows away, and does nothing where there is none'(engine, durability) {
    await engine.write((batch) => batch.put('extents', 7, bytes(4)), durability);
    await engine.write((batch) => batch.del('extents', 7), durability);
    assert.equal(engine.get('extents', 7), undefined);
    assert.equal(engine.view('extents', 7), undefined);
    assert.deepEqual([...engine.range('extents')], []);
    await engine.write((batch) => batch.del('heads', text('absent')), durability);
    assert.equal(engine.count('extents') + engine.count('heads'), 0);
  },

  async 'a body that throws leaves nothing, and harms no write beside it'(engine, durability) {
    await engine.write((batch) => {
      for (const { key } of batch.range('heads')) batch.del('heads', key);
      batch.put('heads', text('a'), bytes(1));
    }, durability);
    const thrown = new RangeError('thrown by a body');
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
    await assert.rejects(failed, (error) => error === thrown, 'it rejects with what was thrown');
    await Promise.all([before, after]);
    const rows = [...engine.range('heads')].map(({ key, bytes }) => [...key, ...bytes]);
    const expected = ['a', 'b', 'c'].map((name, i) => [name.charCodeAt(0), Math.min(i + 1, 2)]);
    assert.deepEqual(rows, expected);
    assert.equal(engine.count('extents'), 0);
  },

  async 'a body that returns a promise is refused, and leaves nothing'(engine, durability) {
    const asynchronous = engine.write(async (batch) => {
      batch.put('extents', 1, bytes(9));
    }, durability);
    await assert.rejects(asynchronous, TypeError);
    const rejecting = engine.write(() => Promise.reject(new Error('late')), durability);
    await assert.rejects(rejecting, TypeError);
    assert.equal(engine.count('extents'), 0);
  },

  async 'a batch ends with its body'(engine, durability) {
    let escaped: Batch | undefined;
    await engine.write((batch) => {
      escaped = batch;
    }, durability);
    const batch = escaped as unknown as Batch;
    assert.throws(() => batch.put('extents', 2, bytes(1)), CLOSED);
    assert.throws(() => batch.del('extents', 2), CLOSED);
    assert.throws(() => batch.view('extents', 2), CLOSED);
    assert.throws(() => batch.count('extents'), CLOSED);
  },

  async 'nobody sees a part of a write'(engine, durability) {
    let isWriting = true;
    const look = async (): Promise<void> => {
      while (isWriting) {
        const found = new Set([...engine.range('groups')].map(({ bytes }) => bytes[0]));
        assert.ok(found.size <= 1, `rows of ${found.size} writes are seen at once`);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const write = async (): Promise<void> => {
      try {
        for (let round = 1; round <= 8; round++) {
          await engine.write((batch) => {
            for (let i = 0; i < 200; i++) batch.put('groups', i, bytes(round));
          }, durability);
          assert.equal(engine.count('groups'), 200);
        }
      } finally {
        isWriting = false;
      }
    };
    await Promise.all([look(), write()]);
  },

  async 'writers at the same time lose no update'(engine, durability) {
    const key = text('sum');
    const numberOf = (row: Uint8Array | undefined) => (row?.[0] ?? 0) + (row?.[1] ?? 0) * 256;
    const before = numberOf(engine.get('meta', key));
    const writer = async (id: number): Promise<void> => {
      for (let i = 0; i < 10; i++) {
        const sum = await engine.write((batch) => {
          const next = numberOf(batch.get('meta', key)) + 1;
          batch.put('meta', key, bytes(next & 255, next >> 8));
          batch.put('log', bytes(id, i), bytes(next & 255, next >> 8));
          return next;
        }, durability);
        assert.equal(numberOf(engine.get('log', bytes(id, i))), sum, 'its own write is seen');
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, id) => writer(id)));
    assert.equal(numberOf(engine.get('meta', key)), before + 640);
    const numbers = new Set([...engine.range('log')].map(({ bytes }) => numberOf(bytes)));
    assert.equal(numbers.size, 640, 'bodies run one at a time');
  },
};

const ROWS: Cases<[Engine]> = {
  async 'keys at their limits are kept, and come in order'(engine) {
    const longest = new Uint8Array(1_900);
    const keys = [bytes(0), bytes(255), bytes(0, 0), longest, longest.slice().fill(255)];
    const numbers = [0, 1, 255, 256, 65_536, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];
    await engine.write((batch) => {
      for (const [i, key] of keys.entries()) batch.put('addresses', key, bytes(i));
      for (const [i, key] of [...numbers.entries()].reverse()) batch.put('extents', key, bytes(i));
    }, 'group');
    for (const [i, key] of keys.entries()) assert.deepEqual(engine.get('addresses', key), bytes(i));
    for (const [i, key] of numbers.entries())
      assert.deepEqual(engine.get('extents', key), bytes(i));
    const sorted = [...keys].sort(compareBytes);
    assert.deepEqual([...engine.range('addresses')].map(keyOf), sorted, 'bytes: bytewise');
    assert.deepEqual([...engine.range('extents')].map(keyOf), numbers, 'numbers: by number');
  },

  async 'rows of all sizes come back whole'(engine) {
    const sizes = [0, 1, 100, 2_022, 2_023, 4_070, 4_096, 65_536, 1 << 20];
    await engine.write((batch) => {
      for (const [i, size] of sizes.entries()) {
        batch.put('addressLog', i, new Uint8Array(size).fill(i + 1));
      }
    }, 'group');
    for (const [i, size] of sizes.entries()) {
      const row = engine.get('addressLog', i);
      assert.ok(row?.length === size && row.every((byte) => byte === i + 1), `${size} bytes`);
    }
  },

  async 'keys and rows outside their limits are refused, with all that the body put'(engine) {
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
    for (const put of bad) {
      const body = (batch: Batch): void => {
        batch.put('meta', text('beside'), bytes(1));
        put(batch);
      };
      await assert.rejects(engine.write(body, 'sync'), Error, String(put));
    }
    assert.throws(() => engine.view('extents', -1));
    assert.throws(() => engine.view('heads', new Uint8Array(0)));
    for (const table of ['extents', 'addresses', 'meta'] as const)
      assert.equal(engine.count(table), 0);
  },

  async 'copies are private'(engine) {
    const large = new Uint8Array(100_000).fill(7);
    await engine.write((batch) => {
      batch.put('extents', 1, bytes(1, 2, 3));
      batch.put('extents', 3, large);
    }, 'sync');
    engine.get('extents', 1)?.fill(99);
    for (const row of engine.range('extents')) row.bytes.fill(99);
    assert.deepEqual(engine.get('extents', 1), bytes(1, 2, 3), 'a changed copy changes nothing');
    assert.deepEqual(engine.get('extents', 3), large);
    const first = engine.get('extents', 1);
    const second = engine.get('extents', 3) as Uint8Array;
    await engine.write((batch) => {
      batch.put('extents', 1, bytes(8));
      batch.del('extents', 3);
    }, 'sync');
    for (let i = 10; i < 40; i++) {
      await engine.write((batch) => batch.put('extents', i, large.fill(i)), 'none');
      engine.view('extents', i);
    }
    assert.deepEqual(first, bytes(1, 2, 3), 'a copy outlives the row');
    assert.ok(second.every((byte) => byte === 7));
    assert.equal(second.byteLength, second.buffer.byteLength, 'and keeps nothing but its bytes');
  },

  async 'a key may change after the call'(engine) {
    const key = bytes(1);
    await engine.write((batch) => {
      batch.put('heads', key, bytes(1));
      key[0] = 2;
      batch.put('heads', key, bytes(2));
    }, 'sync');
    assert.deepEqual([...engine.range('heads')].map(keyOf), [bytes(1), bytes(2)]);
  },
};

function keyOf<K>(row: Row<K>): K {
  return row.key;
}

function compareKeys(a: RowKey<Table>, b: RowKey<Table>): number {
  return typeof a === 'number' ? a - (b as number) : compareBytes(a, b as Uint8Array);
}

/** A range over rows in any order, by its definition: what the suite compares an engine with. */
export function rowsInRange<K extends RowKey<Table>>(
  rows: readonly Row<K>[],
  range: RowRange<K>,
): Row<K>[] {
  const { gte, gt, lte, lt, reverse, limit } = range;
  const found = rows
    .filter(({ key }) => gte === undefined || compareKeys(key, gte) >= 0)
    .filter(({ key }) => gt === undefined || compareKeys(key, gt) > 0)
    .filter(({ key }) => lte === undefined || compareKeys(key, lte) <= 0)
    .filter(({ key }) => lt === undefined || compareKeys(key, lt) < 0)
    .sort((a, b) => compareKeys(a.key, b.key));
  if (reverse === true) found.reverse();
  return found.slice(0, limit ?? found.length);
}

/** All ranges with such bounds: none, one or two to a side, both directions, some limits. */
function* rangesOf<K>(bounds: readonly K[]): Iterable<RowRange<K>> {
  const middle = bounds[bounds.length >> 1] as K;
  const lowers: RowRange<K>[] = [{}, ...bounds.flatMap((b) => [{ gte: b }, { gt: b }])];
  const uppers: RowRange<K>[] = [{}, ...bounds.flatMap((b) => [{ lte: b }, { lt: b }])];
  for (const bound of bounds) {
    lowers.push({ gte: bound, gt: middle });
    uppers.push({ lte: bound, lt: middle });
  }
  for (const lower of lowers) {
    for (const upper of uppers) {
      for (const limit of [{}, { limit: 0 }, { limit: 2 }]) {
        for (const reverse of [false, true]) yield { ...lower, ...upper, ...limit, reverse };
      }
    }
  }
}

const bytesOf = (key: number[]): Uint8Array => bytes(...key);
const BYTE_KEYS = [[0], [0, 0], [85], [85, 170], [170], [255], [255, 255]].map(bytesOf);
const BYTE_BOUNDS = [[], [0], [0, 1], [85, 170], [170, 0], [255, 255]].map(bytesOf);
const NUMBER_KEYS = [0, 1, 255, 256, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
const NUMBER_BOUNDS = [0, 2, 256, 2 ** 31, 2 ** 31 + 1, 2 ** 32 - 1];

function rowsOf<K>(keys: readonly K[]): Row<K>[] {
  return keys.map((key, i) => ({ key, bytes: bytes(i, 1) }));
}

function putAll<T extends Table>(batch: Batch, table: T, rows: readonly Row<RowKey<T>>[]): void {
  for (const { key, bytes } of rows) batch.put(table, key, bytes);
}

/** Compares all ranges of a table with those of `rows`. */
function checkRanges<T extends Table>(
  reads: Reads,
  table: T,
  rows: readonly Row<RowKey<T>>[],
  bounds: readonly RowKey<T>[],
): void {
  assert.equal(reads.count(table), rows.length);
  for (const range of rangesOf(bounds)) {
    const found = [...reads.range(table, range)];
    const expected = rowsInRange(rows, range);
    const same =
      found.length === expected.length &&
      found.every(({ key, bytes }, i) => {
        const row = expected[i] as Row<RowKey<T>>;
        return compareKeys(key, row.key) === 0 && compareBytes(bytes, row.bytes) === 0;
      });
    // Where they differ, the comparison shows how.
    if (!same) assert.deepEqual({ range, rows: found }, { range, rows: expected });
  }
}

const RANGES: Cases<[Engine]> = {
  async 'a range has the rows within its bounds, in order, up to its limit'(engine) {
    const [byBytes, byNumber] = [rowsOf(BYTE_KEYS), rowsOf(NUMBER_KEYS)];
    checkRanges(engine, 'addresses', [], BYTE_BOUNDS);
    await engine.write((batch) => {
      putAll(batch, 'addresses', byBytes);
      putAll(batch, 'extents', byNumber);
    }, 'none');
    checkRanges(engine, 'addresses', byBytes, BYTE_BOUNDS);
    checkRanges(engine, 'extents', byNumber, NUMBER_BOUNDS);
    const twice = engine.range('extents', { limit: 3 });
    assert.deepEqual([...twice], [...twice], 'a range can be walked twice');
  },

  /** Of the rows every third is there before; one of these is replaced, and one goes. */
  async 'reads through a batch see what it has put and deleted'(engine) {
    const [byBytes, byNumber] = [rowsOf(BYTE_KEYS), rowsOf(NUMBER_KEYS)];
    const before = <K>(rows: Row<K>[]) => rows.filter((_, i) => i % 3 === 0);
    const stage = <T extends Table>(batch: Batch, table: T, rows: Row<RowKey<T>>[]) => {
      for (const [i, { key, bytes }] of rows.entries())
        if (i % 3 !== 0) batch.put(table, key, bytes);
      const first = rows[0] as Row<RowKey<T>>;
      rows[0] = { key: first.key, bytes: bytes(77) };
      batch.put(table, first.key, bytes(77));
      const [gone] = rows.splice(3, 1) as [Row<RowKey<T>>];
      batch.del(table, gone.key);
      assert.equal(batch.get(table, gone.key), undefined);
      assert.equal(batch.view(table, gone.key), undefined);
      for (const { key, bytes } of rows) assert.deepEqual(batch.get(table, key), bytes);
    };
    await engine.write((batch) => {
      putAll(batch, 'addresses', before(byBytes));
      putAll(batch, 'extents', before(byNumber));
    }, 'none');
    await engine.write((batch) => {
      stage(batch, 'addresses', byBytes);
      checkRanges(batch, 'addresses', byBytes, BYTE_BOUNDS);
      stage(batch, 'extents', byNumber);
      checkRanges(batch, 'extents', byNumber, NUMBER_BOUNDS);
    }, 'none');
    checkRanges(engine, 'addresses', byBytes, BYTE_BOUNDS);
    checkRanges(engine, 'extents', byNumber, NUMBER_BOUNDS);
  },

  async 'a body may change the rows that it walks over'(engine) {
    const rows = rowsOf(NUMBER_KEYS);
    await engine.write((batch) => putAll(batch, 'extents', rows), 'none');
    await engine.write((batch) => {
      const found: number[] = [];
      for (const { key } of batch.range('extents')) {
        found.push(key);
        // The row itself goes, and the last one is put anew.
        batch.del('extents', key);
        if (key < 2 ** 32 - 1) batch.put('extents', 2 ** 32 - 1, bytes(key & 255));
      }
      assert.deepEqual(found, NUMBER_KEYS);
      assert.equal(batch.count('extents'), 0);
    }, 'none');
    assert.deepEqual([...engine.range('extents')], []);
  },

  async 'long ranges, and ranges over large rows, are whole'(engine) {
    const count = 5_000;
    await engine.write((batch) => {
      for (let i = 0; i < count; i++) batch.put('extents', i * 2, bytes(i & 255, i >> 8));
      for (let i = 0; i < 40; i++) batch.put('log', bytes(i), new Uint8Array(100_000).fill(i));
    }, 'none');
    const evens = Array.from({ length: count }, (_, i) => i * 2);
    assert.deepEqual([...engine.range('extents')].map(keyOf), evens);
    assert.deepEqual(
      [...engine.range('extents', { reverse: true })].map(keyOf),
      [...evens].reverse(),
    );
    const some = [...engine.range('extents', { gt: 4_001, limit: 1_000 })].map(keyOf);
    assert.deepEqual(some, evens.slice(2_001, 3_001));
    const large = [...engine.range('log')];
    assert.equal(large.length, 40);
    for (const [i, row] of large.entries()) {
      assert.ok(row.key[0] === i && row.bytes.length === 100_000);
      assert.ok(row.bytes.every((byte) => byte === i));
    }
  },

  async 'a range goes on over turns and writes'(engine) {
    await engine.write((batch) => {
      for (let i = 0; i < 5_000; i++) batch.put('extents', i * 2, bytes(1));
    }, 'none');
    const rows = engine.range('extents')[Symbol.iterator]();
    rows.next();
    await engine.write((batch) => batch.del('extents', 4_000), 'none');
    await new Promise((resolve) => setTimeout(resolve, 5));
    const rest: number[] = [];
    for (let step = rows.next(); step.done !== true; step = rows.next()) rest.push(step.value.key);
    const others = Array.from({ length: 4_999 }, (_, i) => i * 2 + 2);
    // The row that went meanwhile may appear or not.
    if (rest.length !== others.length) others.splice(others.indexOf(4_000), 1);
    assert.deepEqual(rest, others);
  },
};

const ORDER: Cases<[Engine]> = {
  async 'bodies run in the order of the calls'(engine) {
    const order: number[] = [];
    const all = Array.from({ length: 30 }, (_, i) => i);
    const durabilityOf = (i: number) => DURABILITIES[i % DURABILITIES.length] ?? 'sync';
    await Promise.all(all.map((i) => engine.write(() => void order.push(i), durabilityOf(i))));
    assert.deepEqual(order, all);
  },

  async 'a write asked for in a body runs after it'(engine) {
    let inner: Promise<number> | undefined;
    await engine.write((batch) => {
      batch.put('heads', bytes(1), bytes(1));
      inner = engine.write((later) => later.count('heads'), 'sync');
      inner.catch(() => undefined);
    }, 'sync');
    assert.equal(await inner, 1);
  },
};

/** One write of each durability; resolves with their results, or with what they rejected with. */
function writeEach(engine: Engine): Promise<unknown[]> {
  const write = (i: number): unknown =>
    engine
      .write((batch) => {
        batch.put('extents', i, bytes(i));
        return i;
      }, DURABILITIES[i] ?? 'sync')
      .catch((error: unknown) => error);
  return Promise.all(DURABILITIES.map((_, i) => write(i)));
}

const LIFE: Cases<[Engine]> = {
  async 'statistics count the rows of each table'(engine) {
    await engine.write((batch) => {
      for (let i = 0; i < 9; i++) batch.put('log', bytes(i), bytes(i));
      batch.put('chunks', 1, bytes(1));
    }, 'sync');
    await engine.write((batch) => batch.del('log', bytes(3)), 'sync');
    await engine.write(() => undefined, 'sync');
    const { rows, bytes: size, freeBytes } = engine.stats();
    for (const table of TABLES) {
      assert.equal(rows[table], table === 'log' ? 8 : table === 'chunks' ? 1 : 0, table);
      assert.equal(engine.count(table), rows[table], table);
    }
    assert.ok(size > 0 && freeBytes >= 0 && freeBytes <= size);
  },

  /** An engine that has no file says so before it looks at the path. */
  async 'a backup replaces nothing'(engine) {
    const taken = tmpdir();
    assert.ok(existsSync(taken));
    await assert.rejects(engine.backup(taken), { code: /^REGALIA_(EXISTS|OPTION)$/ });
  },

  async 'closing waits for writes under way, and then every call is refused'(engine) {
    const underWay = writeEach(engine);
    const closed = engine.close();
    const late = engine.write(() => 1, 'sync');
    await assert.rejects(late, CLOSED, 'no write starts while it closes');
    await closed;
    assert.deepEqual(await underWay, [0, 1, 2]);
    await engine.close();
    assert.throws(() => engine.view('extents', 1), CLOSED);
    assert.throws(() => engine.get('extents', 1), CLOSED);
    assert.throws(() => [...engine.range('extents')], CLOSED);
    assert.throws(() => engine.count('extents'), CLOSED);
    assert.throws(() => engine.stats(), CLOSED);
    assert.throws(() => engine.refresh(), CLOSED);
    await assert.rejects(engine.flush(), CLOSED);
    await assert.rejects(engine.backup('/nowhere/at/all'), CLOSED);
    const next = engine.write(() => 1, 'none');
    await assert.rejects(next, CLOSED);
  },
};

const DURABLE: Cases<[OpenEngine, Durability]> = {
  async 'what was written is there when it is opened again'(open, durability) {
    const name = nextName();
    await using(open, name, async (engine) => {
      await engine.write((batch) => {
        putAll(batch, 'heads', rowsOf(BYTE_KEYS));
        batch.put('extents', 1, bytes(1));
      }, durability);
      await engine.write((batch) => batch.del('extents', 1), durability);
      const failed = engine.write((batch) => {
        batch.put('extents', 2, bytes(2));
        throw new Error('thrown by a body');
      }, durability);
      await assert.rejects(failed);
    });
    await using(open, name, async (engine) => {
      assert.deepEqual([...engine.range('heads')], rowsOf(BYTE_KEYS), durability);
      assert.equal(engine.count('extents'), 0, 'what was deleted, or never written, is not there');
    });
  },

  async 'writes under way while it closed are there when it is opened again'(open) {
    const name = nextName();
    const engine = await open(name);
    const writes = writeEach(engine);
    await engine.close();
    assert.deepEqual(await writes, [0, 1, 2]);
    await using(open, name, async (again) => {
      assert.deepEqual([...again.range('extents')].map(keyOf), [0, 1, 2]);
    });
  },
};

/** The cases that an engine has to pass, in any order, one after the other or at once. */
export function engineConformance(
  open: OpenEngine,
  options: ConformanceOptions = {},
): ConformanceCase[] {
  const cases: ConformanceCase[] = [];
  const add = (name: string, run: () => Promise<void>) => cases.push({ name, run });
  for (const [name, check] of Object.entries(WRITES)) {
    const each = (engine: Engine) => forEach((durability) => check(engine, durability));
    add(name, () => using(open, nextName(), each));
  }
  for (const [name, check] of Object.entries({ ...ROWS, ...RANGES, ...ORDER, ...LIFE })) {
    add(name, () => using(open, nextName(), check));
  }
  if (options.durable !== true) return cases;
  for (const [name, check] of Object.entries(DURABLE)) {
    add(name, () => forEach((durability) => check(open, durability)));
  }
  return cases;
}

async function forEach(check: (durability: Durability) => Promise<void>): Promise<void> {
  for (const durability of DURABILITIES) await check(durability);
}
