/** The pool of shares, leases and counts, as rows: sizes, who may count, and damage. */
import t from 'tap';
import { encodeEvent } from '../../src/clock/encoding.js';
import { counted, type Event, NO_EVENT } from '../../src/clock/event.js';
import { type Id, shareOf, WHOLE } from '../../src/clock/id.js';
import type { Batch, Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { type Branch, branch, putBranch } from '../../src/log/branches.js';
import {
  acceptPart,
  type Counting,
  countOn,
  freeShare,
  giveShare,
  type Lessee,
  leaseShare,
  lesseeOf,
  poolParts,
  putPool,
} from '../../src/log/shares.js';
import { BUCKET, someAddress } from './dag.js';

const WITHIN = new Uint8Array(16).fill(0xb1);

async function pool(part: Id = WHOLE): Promise<Engine> {
  const engine = openMemory();
  await write(engine, (batch) => putPool(batch, part));
  return engine;
}

function write<T>(engine: Engine, body: (batch: Batch) => T): Promise<T> {
  return engine.write(body, 'none');
}

function lesseeNamed(name: string): Lessee {
  return { owner: BUCKET, branch: name };
}

/** Makes a branch, which leases a share for a head of this stamp. */
function leased(batch: Batch, name: string, stamp: Event = NO_EVENT): Id | undefined {
  const fresh: Branch = { head: someAddress(1), id: undefined, moved: undefined };
  putBranch(batch, BUCKET, name, fresh);
  return leaseShare(batch, lesseeNamed(name), fresh, stamp);
}

function idOf(engine: Engine, name: string): Id | undefined {
  return branch(engine, BUCKET, name)?.id;
}

/** Counts once on the share of a branch, if that may be. */
function countOnce(batch: Batch, name: string, from: Event, bucket = BUCKET): Event | undefined {
  const row = branch(batch, BUCKET, name) as Branch;
  const to = counted(row.id as Id, from);
  const one: Counting = { bucket, from, to };
  return countOn(batch, lesseeNamed(name), row, [one]) ? to : undefined;
}

/** Numbers below `limit` from a seed, so that figures do not change from run to run. */
function numbersFrom(state: number): (limit: number) => number {
  let last = state;
  return (limit) => {
    last = (Math.imul(last, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((last / 2 ** 32) * limit);
  };
}

t.test('after 110,000 shares, stamps of 16 who committed have less than 100 bytes', async (t) => {
  const engine = await pool();
  const grants: Id[] = [];
  for (let i = 0; i < 11; i++) {
    await write(engine, (batch) => {
      for (let j = 0; j < 1_000; j++) grants.push(giveShare(batch) as Id);
    });
  }
  t.equal(new Set(grants).size, 11_000);
  t.equal(grants.at(-1), shareOf(WHOLE, 11_000));
  const random = numbersFrom(5);
  for (const last of [11_000, 110_000]) {
    let stamp: Event = NO_EVENT;
    for (let i = 0; i < 16; i++) {
      const part = shareOf(WHOLE, last - random(10_000));
      const branch = shareOf(part, 1 + random(3));
      for (let events = 1 + random(1_000); events > 0; events--) stamp = counted(branch, stamp);
    }
    const bytes = encodeEvent(stamp).length;
    t.comment(`${bytes} bytes among ${last}`);
    t.ok(bytes < 100, `${bytes} bytes`);
  }
});

t.test('shares are given from the part that lies least deep', async (t) => {
  const engine = await pool('0101');
  await write(engine, (batch) => {
    t.equal(giveShare(batch), '01010');
    acceptPart(batch, '1');
    t.equal(giveShare(batch), '10');
    t.equal(giveShare(batch), '1100');
    for (let i = 0; i < 6; i++) giveShare(batch);
    t.same(
      [...poolParts(batch)].map(({ part, given }) => [part, given]),
      [
        ['0101', 2],
        ['1', 7],
      ],
    );
  });
});

t.test('a part of which anything is here is not accepted', async (t) => {
  const engine = await pool('0');
  await write(engine, (batch) => {
    leased(batch, 'main');
    t.equal(giveShare(batch), '0100');
  });
  const refused = [
    '0',
    '',
    '00',
    '000',
    '001',
    '01',
    '010',
    '0101',
    '01100',
    '011',
    '01111',
    '0100',
  ];
  for (const part of refused) {
    await t.rejects(
      write(engine, (batch) => acceptPart(batch, part)),
      { code: 'REGALIA_STAMP' },
      `part ${part}`,
    );
  }
  await write(engine, (batch) => acceptPart(batch, '01001'));
  await write(engine, (batch) => acceptPart(batch, '1'));
  for (const part of ['0100', '010010', '01001', '10']) {
    await t.rejects(
      write(engine, (batch) => acceptPart(batch, part)),
      { code: 'REGALIA_STAMP' },
      `part ${part}`,
    );
  }
});

t.test('a pool ends 1,024 levels down', async (t) => {
  const engine = await pool('0'.repeat(1_022));
  await write(engine, (batch) => {
    t.ok(giveShare(batch));
    t.equal(giveShare(batch), undefined);
  });
});

t.test('a head that lacks a count of its share is given another', async (t) => {
  const engine = await pool();
  await write(engine, (batch) => {
    t.equal(leased(batch, 'main'), '0');
    t.ok(countOnce(batch, 'main', NO_EVENT));
    t.equal(countOnce(batch, 'main', NO_EVENT), undefined, 'as after a reset');
  });
  t.equal(idOf(engine, 'main'), '100');
  t.equal(lesseeOf(engine, '0'), undefined);
  t.match(lesseeOf(engine, '100'), { branch: 'main' });
  await write(engine, (batch) => {
    t.ok(countOnce(batch, 'main', NO_EVENT));
    t.equal(leased(batch, 'next', counted('0', NO_EVENT)), '0', 'to a head that has it');
  });
});

t.test('each bucket has counts of its own', async (t) => {
  const engine = await pool();
  await write(engine, (batch) => {
    leased(batch, 'main');
    const one = countOnce(batch, 'main', NO_EVENT) as Event;
    t.ok(countOnce(batch, 'main', NO_EVENT, WITHIN));
    t.ok(countOnce(batch, 'main', one));
    t.equal(countOnce(batch, 'main', NO_EVENT, WITHIN), undefined);
  });
});

t.test('counts that others made on a share are gone on from', async (t) => {
  const engine = await pool();
  await write(engine, (batch) => {
    leased(batch, 'main');
    const one = countOnce(batch, 'main', NO_EVENT) as Event;
    const forged = counted('0', counted('0', one));
    t.ok(countOnce(batch, 'main', forged));
    freeShare(batch, '0');
    t.not(leased(batch, 'next', forged), '0', 'it lacks the last count');
    t.ok(countOnce(batch, 'next', 1_000), 'where somebody counted everywhere');
  });
});

t.test('free shares are leased again only with their last count', async (t) => {
  const engine = await pool();
  await write(engine, (batch) => {
    leased(batch, 'main');
    const one = countOnce(batch, 'main', NO_EVENT) as Event;
    const two = countOnce(batch, 'main', one) as Event;
    freeShare(batch, '0');
    t.equal(leased(batch, 'a', one), '100');
    t.equal(leased(batch, 'b', two), '0');
  });
});

t.test('a damaged or stale row of the pool gives out nothing', async (t) => {
  const engine = await pool();
  const [before] = [...engine.range('meta')];
  await write(engine, (batch) => leased(batch, 'main'));
  const [after] = [...engine.range('meta')];
  await write(engine, (batch) => batch.del('meta', after?.key as Uint8Array));
  await t.rejects(write(engine, giveShare), { code: 'REGALIA_CORRUPT' });
  await write(engine, (batch) =>
    batch.put('meta', before?.key as Uint8Array, before?.bytes as Uint8Array),
  );
  await t.rejects(write(engine, giveShare), { code: 'REGALIA_CORRUPT' });
});
