/**
 * History: what is appended is found by address and by place, stored small, and never answered
 * wrongly.
 */
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressText, sameAddress } from '../../src/blocks/address.js';
import { encodeEvent } from '../../src/clock/encoding.js';
import { joinEvents } from '../../src/clock/event.js';
import type { ByteTable, Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { DELTAS_MAX } from '../../src/ground/limits.js';
import { type Commit, encodeCommit } from '../../src/log/commit.js';
import { openEntry } from '../../src/log/entry.js';
import { History, type LocalFacts } from '../../src/log/history.js';
import { event, fork, type Stamp, seed } from '../clock/stamps.js';
import { BUCKET, Dag, NO_BLOCKS, someAddress, someCommit, someSteps } from './dag.js';

const OTHER = new Uint8Array(16).fill(0xb1);

async function appended(
  engine: Engine,
  commit: Commit,
  local: LocalFacts = NO_BLOCKS,
): Promise<Address> {
  const history = new History(engine);
  return (await engine.write((batch) => history.append(batch, commit, local), 'none')).address;
}

/** A line of commits, each the parent of the next. */
function line(length: number, from = 0): { parents: number[]; timeMs: number }[] {
  return Array.from({ length }, (_, i) => ({
    parents: i + from === 0 ? [] : [i + from - 1],
    timeMs: i,
  }));
}

t.test('an appended commit has its entry, its commit and its place in the log', async (t) => {
  const engine = openMemory();
  const local = {
    rootBlock: 7,
    headsBlock: 8,
    signature: new Uint8Array(64),
  };
  const commit = someCommit({ message: 'first', heads: someAddress(4) });
  const address = await appended(engine, commit, local);
  const history = new History(engine);
  t.match(history.entry(address), { ...local, sequence: 0, height: 1, correctedMs: commit.timeMs });
  t.same(history.commit(address), commit);
  t.same(
    [...history.log(BUCKET)].map((entry) => entry.sequence),
    [0],
  );
  t.equal(history.count(BUCKET), 1);
  t.equal(history.entry(someAddress(1)), undefined);
  t.throws(() => history.commit(someAddress(1)), {
    code: 'REGALIA_MISSING',
    data: { address: addressText(someAddress(1)) },
  });
});

t.test('a commit that is there already is left as it is', async (t) => {
  const engine = openMemory();
  const address = await appended(engine, someCommit(), { ...NO_BLOCKS, rootBlock: 5 });
  await appended(engine, someCommit(), { ...NO_BLOCKS, rootBlock: 6 });
  const history = new History(engine);
  t.equal(history.count(BUCKET), 1);
  t.equal(history.entry(address)?.rootBlock, 5);
});

t.test('a batch that fails leaves nothing, not even in the cache', async (t) => {
  const engine = openMemory();
  const history = new History(engine);
  let address: Address | undefined;
  const failing = engine.write((batch) => {
    address = history.append(batch, someCommit(), NO_BLOCKS).address;
    t.equal(history.commit(address, batch).message, '', 'seen within');
    throw new Error('no');
  }, 'none');
  await t.rejects(failing, { message: 'no' });
  t.throws(() => history.commit(address as Address), { code: 'REGALIA_MISSING' });
  t.equal(history.count(BUCKET), 0);
});

t.test('each bucket has a log of its own', async (t) => {
  const engine = openMemory();
  const ours = await appended(engine, someCommit());
  const theirs = await appended(engine, someCommit({ bucket: OTHER }));
  const history = new History(engine);
  const addresses = (bucket: Uint8Array): string[] =>
    [...history.log(bucket)].map((entry) => addressText(entry.address));
  t.same(addresses(BUCKET), [addressText(ours)]);
  t.same(addresses(OTHER), [addressText(theirs)]);
  t.same(addresses(new Uint8Array(16)), []);
  t.throws(() => history.count(new Uint8Array(15)), { code: 'REGALIA_OPTION' });
});

t.test('the log is lazy, in order, both ways, and within its range', async (t) => {
  const dag = await Dag.of(line(10));
  const sequences = (range: object): number[] =>
    [...dag.history.log(BUCKET, range)].map((entry) => entry.sequence);
  t.same(sequences({}), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  t.same(sequences({ reverse: true, limit: 3 }), [9, 8, 7]);
  t.same(sequences({ from: 3, until: 6 }), [3, 4, 5]);
  t.same(sequences({ from: 3, until: 6, reverse: true, limit: 2 }), [5, 4]);
  t.same(sequences({ from: 20 }), []);
  t.same(sequences({ from: 6, until: 3 }), []);
  t.same(sequences({ limit: 0 }), []);
  const log = dag.history.log(BUCKET, { from: 8 });
  t.equal(log.next().value?.sequence, 8);
  await dag.appendAll(line(2, 10));
  t.same(
    [...log].map((entry) => entry.sequence),
    [9],
    'commits appended meanwhile are left out',
  );
});

t.test('height and corrected date rise from parent to child, whatever the clocks say', async () => {
  await fc.assert(
    fc.asyncProperty(someSteps(40), async (steps) => {
      const { history, addresses } = await Dag.of(steps);
      return addresses.every((address, number) => {
        const { timeMs, parents } = steps[number] as (typeof steps)[number];
        const before = parents.map((parent) => history.entry(addresses[parent] as Address));
        const entry = history.entry(address);
        const height = 1 + Math.max(0, ...before.map((each) => each?.height ?? 0));
        const dates = before.map((each) => (each?.correctedMs ?? 0) + 1);
        return entry?.height === height && entry.correctedMs === Math.max(timeMs, ...dates);
      });
    }),
    { numRuns: 50 },
  );
});

t.test('commits come back whole from chains of differences, cached or not', async () => {
  await fc.assert(
    fc.asyncProperty(someSteps(120), async (steps) => {
      const { engine, addresses, commits } = await Dag.of(steps);
      const warm = new History(engine);
      return addresses.every((address, number) => {
        const expected = encodeCommit(commits[number] as Commit);
        return [warm, new History(engine)].every((history) =>
          equalBytes(encodeCommit(history.commit(address)), expected),
        );
      });
    }),
    { numRuns: 20 },
  );
});

interface Replica {
  stamp: Stamp;
  head: Address | undefined;
}

/**
 * `count` replicas that commit in turn by chance, and merge by chance. Returns stored and whole
 * stamp bytes.
 */
async function replicate(count: number, rounds: number, engine: Engine): Promise<number[][]> {
  const history = new History(engine);
  const replicas: Replica[] = [{ stamp: seed(), head: undefined }];
  while (replicas.length < count) {
    const one = replicas.shift() as Replica;
    const halves = fork(one.stamp);
    for (const stamp of halves) replicas.push({ stamp, head: undefined });
  }
  const sizes: number[][] = [];
  let random = 12_345;
  const below = (limit: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((random / 2 ** 32) * limit);
  };
  for (let round = 0; round < rounds; round++) {
    const one = replicas[below(count)] as Replica;
    const other = replicas[below(count)] as Replica;
    const merged = below(3) === 0 ? other : one;
    one.stamp = { id: one.stamp.id, event: joinEvents(one.stamp.event, merged.stamp.event) };
    const heads = [one.head, merged.head].filter((each) => each !== undefined);
    const parents = heads.filter((each, i) => i === 0 || !sameAddress(each, heads[0] as Address));
    one.stamp = event(one.stamp);
    const commit = someCommit({
      parents,
      stamp: one.stamp.event,
      sequence: round,
      timeMs: round,
    });
    const { address } = await engine.write(
      (batch) => history.append(batch, commit, NO_BLOCKS),
      'none',
    );
    one.head = address;
    const { body, deltas } = openEntry(address, engine.get('commits', address) as Uint8Array);
    const whole = encodeEvent(commit.stamp).length;
    sizes.push([body.length - (encodeCommit(commit).length - whole), whole, deltas]);
  }
  return sizes;
}

t.test(
  'with 100 replicas the median stamp is stored in at most 64 bytes, in chains that end',
  async (t) => {
    const engine = openMemory();
    const sizes = await replicate(100, 2_000, engine);
    const median = (column: number): number =>
      sizes.map((size) => size[column] as number).sort((a, b) => a - b)[
        sizes.length >> 1
      ] as number;
    t.comment(`median stamp: ${median(0)} bytes stored, ${median(1)} whole`);
    t.ok(median(0) <= 64);
    t.ok(median(0) < median(1));
    t.equal(Math.max(...sizes.map((size) => size[2] as number)) <= DELTAS_MAX, true);
    const history = new History(engine);
    for (const { address } of history.log(BUCKET, { reverse: true, limit: 50 })) {
      t.ok(new History(engine).commit(address));
    }
  },
);

t.test('a chain of differences is never longer than its bound, and begins anew', async (t) => {
  const engine = openMemory();
  const sizes = await replicate(2, 400, engine);
  const deltas = sizes.map((size) => size[2] as number);
  t.ok(Math.max(...deltas) <= DELTAS_MAX);
  t.ok(deltas.filter((each) => each === 0).length >= 2);
});

t.test(
  'a commit stored as a difference from one that is lost is corrupt, and heals with it',
  async (t) => {
    const engine = openMemory();
    await replicate(12, 120, engine);
    const entries = [...new History(engine).log(BUCKET)];
    const stored = entries.map((entry) =>
      openEntry(entry.address, engine.get('commits', entry.address) as Uint8Array),
    );
    const { entry } = stored.find(({ deltas }) => deltas > 2) as (typeof stored)[number];
    const base = entry.parents[0] as Address;
    const row = engine.get('commits', base) as Uint8Array;
    const history = new History(engine);
    await engine.write((batch) => batch.del('commits', base), 'none');
    t.throws(() => history.commit(entry.address), { code: 'REGALIA_CORRUPT' });
    await engine.write((batch) => batch.put('commits', base, row), 'none');
    t.ok(history.commit(entry.address));
  },
);

t.test('a commit whose parent is absent is refused, unless its labels are given', async (t) => {
  const engine = openMemory();
  const orphan = someCommit({ parents: [someAddress(9)], timeMs: 5 });
  await t.rejects(appended(engine, orphan), {
    code: 'REGALIA_HORIZON',
    data: { commit: addressText(someAddress(9)) },
  });
  const absentParents = { height: 12, correctedMs: 40 };
  const address = await appended(engine, orphan, { ...NO_BLOCKS, absentParents });
  const history = new History(engine);
  t.match(history.entry(address), { height: 12, correctedMs: 40, spine: 0, cut: true });
  t.same(history.commit(address), orphan);
});

t.test("a stamp below a parent's is refused, but of the same bucket only", async (t) => {
  const engine = openMemory();
  const parent = await appended(engine, someCommit({ stamp: 5 }));
  const child = someCommit({ parents: [parent], stamp: 4 });
  await t.rejects(appended(engine, child), { code: 'REGALIA_STAMP' });
  t.ok(await appended(engine, { ...child, stamp: 5 }), 'a canonical merge counts no event');
  t.ok(
    await appended(engine, { ...child, bucket: OTHER, stamp: 1 }),
    'an origin in another bucket',
  );
});

t.test('local facts out of their limits are refused', async (t) => {
  const wrong: LocalFacts[] = [
    { ...NO_BLOCKS, rootBlock: -1 },
    { ...NO_BLOCKS, rootBlock: 0 },
    { ...NO_BLOCKS, headsBlock: 2 ** 48 },
    { ...NO_BLOCKS, headsBlock: 0.5 },
    { ...NO_BLOCKS, signature: new Uint8Array(63) },
    { ...NO_BLOCKS, absentParents: { height: -1, correctedMs: 0 } },
  ];
  for (const local of wrong) {
    await t.rejects(appended(openMemory(), someCommit(), local), { code: 'REGALIA_OPTION' });
  }
});

/** All rows of the tables of history. */
function rowsOf(engine: Engine): { table: ByteTable; key: Uint8Array; bytes: Uint8Array }[] {
  const tables: ByteTable[] = ['commits', 'log'];
  return tables.flatMap((table) => [...engine.range(table)].map((row) => ({ table, ...row })));
}

/** What all reads of a history give, or the codes of what they threw. */
function answers(engine: Engine, addresses: readonly Address[]): string[] {
  const history = new History(engine);
  const attempt = (read: () => unknown): string => {
    try {
      return fc.stringify(read());
    } catch (error) {
      if (isRegaliaError(error)) return error.code;
      throw error;
    }
  };
  return [
    attempt(() => history.count(BUCKET)),
    attempt(() => [...history.log(BUCKET)]),
    ...addresses.flatMap((address) => [
      attempt(() => history.entry(address)),
      attempt(() => history.commit(address)),
    ]),
  ];
}

t.test('a row with a flipped bit gives a coded error or the right answer', async (t) => {
  const { engine, addresses } = await Dag.of(line(6));
  const right = answers(engine, addresses);
  let corrupt = 0;
  for (const { table, key, bytes } of rowsOf(engine)) {
    for (let at = 0; at < bytes.length; at += 3) {
      const flipped = Uint8Array.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
      await engine.write((batch) => batch.put(table, key, flipped), 'none');
      for (const [i, answer] of answers(engine, addresses).entries()) {
        if (answer === 'REGALIA_CORRUPT') corrupt++;
        else if (answer !== right[i]) t.equal(answer, right[i], `byte ${at} of a row of ${table}`);
      }
    }
    await engine.write((batch) => batch.put(table, key, bytes), 'none');
  }
  t.ok(corrupt > 100);
  t.same(answers(engine, addresses), right);
});

t.test('a row that is lost, or served under another key, is missed', async (t) => {
  const { engine, addresses } = await Dag.of(line(6));
  const rows = rowsOf(engine);
  for (const [i, { table, key, bytes }] of rows.entries()) {
    await engine.write((batch) => batch.del(table, key), 'none');
    t.equal(answers(engine, addresses)[1], 'REGALIA_CORRUPT', `row ${i} of ${table} lost`);
    const other = rows.find((row) => row.table === table && row.key !== key);
    await engine.write((batch) => batch.put(table, key, other?.bytes as Uint8Array), 'none');
    t.equal(answers(engine, addresses)[1], 'REGALIA_CORRUPT', `row ${i} of ${table} exchanged`);
    await engine.write((batch) => batch.put(table, key, bytes), 'none');
  }
});
