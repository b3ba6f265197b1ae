/** Event trees: order, join and counting, by examples and against counts of parts. */

import fc from 'fast-check';
import t from 'tap';
import {
  counted,
  countedParts,
  countsOn,
  type Event,
  equalEvents,
  eventDepth,
  eventNode,
  formatEvent,
  joinEvents,
  leftHalf,
  leqEvents,
  lift,
  maxEvent,
  minEvent,
  rightHalf,
} from '../../src/clock/event.js';
import { STAMP_COUNT_MAX, STAMP_DEPTH_MAX } from '../../src/ground/limits.js';
import { runs } from '../runs.js';
import { readEvent } from './notation.js';

const norm = (text: string) => formatEvent(readEvent(text));
const counts = (id: string, event: string) => formatEvent(counted(id, readEvent(event)));

/** The counts in each of 2^5 equal parts of the interval: the model of a tree of five levels. */
function counts32(event: Event, levels = 5, above = 0): number[] {
  if (levels === 0) return [above + (event as number)];
  const base = above + minEvent(event);
  return [
    ...counts32(leftHalf(event), levels - 1, base),
    ...counts32(rightHalf(event), levels - 1, base),
  ];
}

const { tree: someEvent } = fc.letrec<{ tree: Event }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, depthIdentifier: 'event' },
    fc.nat(3),
    fc.tuple(fc.nat(2), tie('tree'), tie('tree')).map(([n, l, r]) => eventNode(n, l, r)),
  ),
}));
const shallowEvent = someEvent.filter((event) => eventDepth(event) <= 5);

/** Whether no other tree says the same. */
function isNormal(event: Event): boolean {
  if (typeof event === 'number') return true;
  const { left, right } = event;
  if (typeof left === 'number' && left === right) return false;
  const max = event.base + Math.max(maxEvent(left), maxEvent(right));
  if (Math.min(minEvent(left), minEvent(right)) !== 0 || event.max !== max) return false;
  return isNormal(left) && isNormal(right);
}

t.test('the worked examples of the normal form', async (t) => {
  t.equal(norm('(2, 1, 1)'), '3');
  t.equal(norm('(2, (2, 1, 0), 3)'), '(4, (0, 1, 0), 1)');
  t.equal(norm('(0, (1, 1, 1), (0, 2, 2))'), '2');
});

t.test('the worked example of a tree stays as it is', async (t) => {
  t.equal(norm('(1, 2, (0, (1, 0, 2), 0))'), '(1, 2, (0, (1, 0, 2), 0))');
});

t.test('an event fills a share up to its other half, or grows it', async (t) => {
  t.equal(counts('', '4'), '5');
  t.equal(counts('0', '(0, 0, 1)'), '1', 'filled');
  t.equal(counts('0', '(0, 0, (1, 0, 1))'), '(1, 0, (0, 0, 1))', 'filled to the minimum');
  t.equal(counts('1', '(0, (0, 2, 0), 1)'), '(0, (0, 2, 0), 2)');
  t.equal(counts('', '(1, 2, (0, 1, 0))'), '3', 'what others counted within is raised');
  t.equal(counts('0', '0'), '(0, 1, 0)');
  t.equal(counts('1', '(2, 0, 1)'), '(2, 0, 2)');
  t.equal(counts('101', '3'), '(3, 0, (0, (0, 0, 1), 0))');
});

t.test('the counts of a part are those of the tree there', async () => {
  const somePart = fc.stringMatching(/^[01]{0,5}$/);
  fc.assert(
    fc.property(shallowEvent, somePart, (event, part) => {
      const start = Number.parseInt(part.padEnd(5, '0'), 2);
      const there = counts32(event).slice(start, start + 2 ** (5 - part.length));
      const { least, most } = countsOn(event, part);
      return least === Math.min(...there) && most === Math.max(...there);
    }),
  );
});

t.test('counted parts are all that is not 0, each with one count', async () => {
  fc.assert(
    fc.property(shallowEvent, (event) => {
      const all = counts32(event);
      const met = new Set<number>();
      for (const part of countedParts(event)) {
        const start = Number.parseInt(part.padEnd(5, '0'), 2);
        for (let i = start; i < start + 2 ** (5 - part.length); i++) {
          if (all[i] !== all[start] || all[i] === 0 || met.has(i)) return false;
          met.add(i);
        }
      }
      return met.size === all.filter((count) => count > 0).length;
    }),
  );
});

t.test('counting past 2^53 - 1 is refused', async (t) => {
  t.throws(() => counted('', STAMP_COUNT_MAX), { code: 'REGALIA_STAMP' });
  t.throws(() => counted('0', STAMP_COUNT_MAX), { code: 'REGALIA_STAMP' });
  t.throws(() => eventNode(STAMP_COUNT_MAX, 1, 0), { code: 'REGALIA_STAMP' });
  t.throws(() => eventNode(STAMP_COUNT_MAX, STAMP_COUNT_MAX, 0), { code: 'REGALIA_STAMP' });
  const last = counted('0', readEvent(`(${STAMP_COUNT_MAX - 2}, 1, 0)`));
  t.equal(formatEvent(last), `(${STAMP_COUNT_MAX - 2}, 2, 0)`);
  t.equal(maxEvent(last), STAMP_COUNT_MAX);
});

t.test('a tree of more than 1,024 levels is refused', async (t) => {
  let event: Event = 1;
  for (let i = 0; i < STAMP_DEPTH_MAX; i++) event = eventNode(0, event, 0);
  t.equal(eventDepth(event), STAMP_DEPTH_MAX);
  t.throws(() => eventNode(0, event, 0), { code: 'REGALIA_STAMP' });
  t.ok(leqEvents(event, joinEvents(event, lift(event, 1))));
});

t.test('order and join are those of the counts', async () => {
  fc.assert(
    fc.property(shallowEvent, shallowEvent, (a, b) => {
      const [countsA, countsB] = [counts32(a), counts32(b)];
      const joined = joinEvents(a, b);
      const expected = countsA.map((count, i) => Math.max(count, countsB[i] as number));
      const below = countsA.every((count, i) => count <= (countsB[i] as number));
      const same = countsA.every((count, i) => count === countsB[i]);
      return (
        isNormal(joined) &&
        `${counts32(joined)}` === `${expected}` &&
        leqEvents(a, b) === below &&
        equalEvents(a, b) === same
      );
    }),
    { numRuns: runs(2000) },
  );
});

t.test('join shares what it did not change', async (t) => {
  const a = readEvent('(1, 2, (0, (1, 0, 2), 0))');
  t.equal(joinEvents(a, readEvent('(0, 1, (0, 2, 1))')), a);
  t.equal(joinEvents(readEvent('(0, (0, 3, 1), 1)'), a), a);
});
