/**
 * Differences of event trees: applied to their base they give the next, whatever the bytes come
 * from.
 */

import fc from 'fast-check';
import t from 'tap';
import { applyEventDelta, encodeEventDelta } from '../../src/clock/delta.js';
import { decodeEvent, encodeEvent } from '../../src/clock/encoding.js';
import { type Event, equalEvents, eventNode, formatEvent } from '../../src/clock/event.js';
import { equalBytes } from '../../src/ground/bytes.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import { STAMP_COUNT_MAX, STAMP_DEPTH_MAX } from '../../src/ground/limits.js';
import { runs } from '../runs.js';
import { History, someSteps } from './history.js';
import { readEvent } from './notation.js';
import { event, fork, join, type Stamp, seed } from './stamps.js';

const { tree: someEvent } = fc.letrec<{ tree: Event }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 6, depthSize: 'large' },
    fc.oneof(
      fc.nat(3),
      fc.maxSafeNat().map((n) => Math.floor(n / 16)),
    ),
    fc
      .tuple(fc.oneof(fc.nat(2), fc.nat(2 ** 40)), tie('tree'), tie('tree'))
      .map(([n, l, r]) => eventNode(n, l, r)),
  ),
}));

/** The tree that the delta makes; undefined if REGALIA_STAMP refuses it. */
function applied(base: Event, delta: Uint8Array): Event | undefined {
  try {
    return applyEventDelta(base, delta);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_STAMP')) return undefined;
    throw error;
  }
}

t.test('any tree can be made from any other', async () => {
  fc.assert(
    fc.property(someEvent, someEvent, (base, next) => {
      return equalEvents(applyEventDelta(base, encodeEventDelta(base, next)), next);
    }),
    { numRuns: runs(2000) },
  );
});

t.test('a history of stamps survives as differences, however the trees were made', async () => {
  fc.assert(
    fc.property(someSteps(), (steps) => {
      const history = new History();
      let before = history.everyone();
      for (const step of steps) {
        history.apply(step);
        const [base, next] = [
          before[0]?.stamp.event as Event,
          history.living[0]?.stamp.event as Event,
        ];
        const copy = decodeEvent(encodeEvent(base));
        const delta = encodeEventDelta(base, next);
        if (!equalBytes(encodeEventDelta(copy, next), delta)) return false;
        if (formatEvent(applyEventDelta(copy, delta)) !== formatEvent(next)) return false;
        before = history.everyone();
      }
      return true;
    }),
  );
});

t.test('no change takes no bytes', async (t) => {
  const base = readEvent('(1, 2, (0, (1, 0, 2), 0))');
  t.equal(encodeEventDelta(base, readEvent('(1, 2, (0, (1, 0, 2), 0))')).length, 0);
  t.equal(applyEventDelta(base, new Uint8Array(0)), base);
});

t.test('what did not change is shared with the base', async (t) => {
  const base = readEvent('(1, (0, (0, 1, 0), 2), (0, (1, 0, 2), 0))');
  const next = readEvent('(1, (0, (0, 1, 0), 3), (0, (1, 0, 2), 0))');
  const made = applyEventDelta(base, encodeEventDelta(base, next));
  t.equal(typeof made === 'object' && made.right, typeof base === 'object' && base.right);
});

t.test('the least and the largest counts survive', async (t) => {
  const trees = [
    '0',
    `${STAMP_COUNT_MAX}`,
    `(0, ${STAMP_COUNT_MAX}, 0)`,
    `(1, 0, ${STAMP_COUNT_MAX - 1})`,
    '(0, 0, 1)',
  ];
  for (const base of trees.map(readEvent)) {
    for (const next of trees.map(readEvent)) {
      t.ok(equalEvents(applyEventDelta(base, encodeEventDelta(base, next)), next));
    }
  }
});

t.test('a difference that leaves 0 to 2^53 - 1 is refused', async (t) => {
  const rise = encodeEventDelta(0, 5);
  const fall = encodeEventDelta(5, 0);
  t.throws(() => applyEventDelta(STAMP_COUNT_MAX, rise), { code: 'REGALIA_STAMP' });
  t.throws(() => applyEventDelta(4, fall), { code: 'REGALIA_STAMP' });
  t.equal(applyEventDelta(6, fall), 1);
});

t.test('the deepest trees survive, and none can be made deeper', async (t) => {
  let deep: Event = 1;
  for (let i = 0; i < STAMP_DEPTH_MAX; i++) deep = eventNode(0, deep, 0);
  t.ok(equalEvents(applyEventDelta(0, encodeEventDelta(0, deep)), deep));
  const half: Event = (deep as { left: Event }).left;
  const deeper = encodeEventDelta(half, deep);
  t.equal(applied(deep, deeper), undefined);
  const sprout = encodeEventDelta(1, readEvent('(1, 1, 0)'));
  t.equal(formatEvent(applyEventDelta(7, sprout)), '(7, 1, 0)');
});

t.test('any bytes are refused, or the only difference to what they make', async () => {
  fc.assert(
    fc.property(someEvent, fc.uint8Array({ maxLength: 24 }), (base, delta) => {
      const made = applied(base, delta);
      return made === undefined || equalBytes(encodeEventDelta(base, made), delta);
    }),
    { numRuns: runs(2000) },
  );
});

t.test('long hostile bytes end at a limit', async (t) => {
  const base = readEvent('(1, 2, (0, (1, 0, 2), 0))');
  for (let fill = 0; fill < 256; fill++) {
    t.equal(applied(base, new Uint8Array(2000).fill(fill)), undefined);
  }
  t.equal(applied(base, new Uint8Array(65_537).fill(1)), undefined);
});

t.test('an extended or padded difference is refused or makes something else', async () => {
  fc.assert(
    fc.property(someEvent, someEvent, fc.nat(255), (base, next, last) => {
      const delta = encodeEventDelta(base, next);
      const made = applied(base, Uint8Array.of(...delta, last));
      return made === undefined || (last !== 0 && !equalEvents(made, next));
    }),
    { numRuns: runs(500) },
  );
});

/** Numbers below `limit` from a seed, so that figures do not change from run to run. */
function numbersFrom(state: number): (limit: number) => number {
  let last = state;
  return (limit) => {
    last = (Math.imul(last, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((last / 2 ** 32) * limit);
  };
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1] as number;
}

t.test('among 100 replicas an event takes a few bytes, a merge some more', async (t) => {
  const random = numbersFrom(7);
  const replicas: Stamp[] = [seed()];
  while (replicas.length < 100) {
    const [first, second] = fork(replicas.shift() as Stamp);
    replicas.push(first, second);
  }
  const events: number[] = [];
  const merges: number[] = [];
  const stamps: number[] = [];
  for (let i = 0; i < 1000; i++) {
    const at = random(100);
    const before = replicas[at] as Stamp;
    const merged = join(before, replicas[random(100)] as Stamp);
    const after = event(merged);
    replicas[at] = after;
    merges.push(encodeEventDelta(before.event, after.event).length);
    events.push(encodeEventDelta(merged.event, after.event).length);
    stamps.push(encodeEvent(after.event).length);
  }
  t.comment(
    `median bytes: event ${median(events)}, merge ${median(merges)}, tree ${median(stamps)}`,
  );
  t.ok(median(events) <= 3);
  t.ok(median(merges) <= 16);
  t.ok(median(stamps) <= 64);
});
