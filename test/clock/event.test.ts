/** Event trees: order, join, fill and grow, against the paper's definitions. */

import fc from 'fast-check';
import t from 'tap';
import {
  type Event,
  equalEvents,
  eventDepth,
  eventNode,
  fill,
  formatEvent,
  grow,
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
import { readEvent, readId } from './notation.js';

const norm = (text: string) => formatEvent(readEvent(text));
const fills = (id: string, event: string) => formatEvent(fill(readId(id), readEvent(event)));
const grows = (id: string, event: string) => formatEvent(grow(readId(id), readEvent(event)));

/** The counts in each of 2^5 equal parts of the interval: the model of a tree of five levels. */
function counts(event: Event, levels = 5, above = 0): number[] {
  if (levels === 0) return [above + (event as number)];
  const base = above + minEvent(event);
  return [
    ...counts(leftHalf(event), levels - 1, base),
    ...counts(rightHalf(event), levels - 1, base),
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

t.test('fill raises what is owned, without passing the maximum', async (t) => {
  t.equal(fills('0', '(0, 1, 0)'), '(0, 1, 0)');
  t.equal(fills('1', '(1, 2, (0, 1, 0))'), '3');
  t.equal(fills('(1, 0)', '(0, 0, 1)'), '1');
  t.equal(fills('(1, 0)', '(0, 0, (1, 0, 1))'), '(1, 0, (0, 0, 1))');
  t.equal(fills('(0, 1)', '(0, (0, 2, 0), 1)'), '(0, (0, 2, 0), 1)');
  t.equal(fills('((0, 1), 1)', '(0, (0, 1, 0), 0)'), '1');
  t.equal(fills('(1, (0, 1))', '(0, 0, (0, 1, 0))'), '1');
});

t.test('fill returns the tree itself where nothing can be filled', async (t) => {
  const event = readEvent('(1, 2, (0, (1, 0, 2), 0))');
  t.equal(fill(readId('(0, ((0, 1), 0))'), event), event);
  t.equal(fill(0, event), event);
});

t.test('grow adds one where the tree grows least, the right on a tie', async (t) => {
  t.equal(grows('1', '4'), '5');
  t.equal(grows('(1, 0)', '0'), '(0, 1, 0)');
  t.equal(grows('(0, 1)', '(2, 0, 1)'), '(2, 0, 2)');
  t.equal(grows('((1, 0), (1, 0))', '0'), '(0, 0, (0, 1, 0))', 'a tie');
  t.equal(grows('((1, 0), (0, (1, 0)))', '0'), '(0, (0, 1, 0), 0)', 'the shorter path');
  t.equal(grows('((1, 0), (1, 0))', '(0, (0, 1, 0), 0)'), '(0, (0, 2, 0), 0)', 'no new level');
});

t.test('counting past 2^53 - 1 is refused', async (t) => {
  t.throws(() => grow(1, STAMP_COUNT_MAX), { code: 'REGALIA_STAMP' });
  t.throws(() => grow(readId('(1, 0)'), STAMP_COUNT_MAX), { code: 'REGALIA_STAMP' });
  t.throws(() => eventNode(STAMP_COUNT_MAX, 1, 0), { code: 'REGALIA_STAMP' });
  t.throws(() => eventNode(STAMP_COUNT_MAX, STAMP_COUNT_MAX, 0), { code: 'REGALIA_STAMP' });
  const last = grow(readId('(1, 0)'), readEvent(`(${STAMP_COUNT_MAX - 2}, 1, 0)`));
  t.equal(formatEvent(last), `(${STAMP_COUNT_MAX - 2}, 2, 0)`);
  t.equal(maxEvent(last), STAMP_COUNT_MAX);
});

t.test('growing where nothing is owned, or unfilled, is a bug', async (t) => {
  t.throws(() => grow(0, 0), /assertion failed/);
  t.throws(() => grow(1, readEvent('(0, 1, 0)')), /assertion failed/);
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
      const [countsA, countsB] = [counts(a), counts(b)];
      const joined = joinEvents(a, b);
      const expected = countsA.map((count, i) => Math.max(count, countsB[i] as number));
      const below = countsA.every((count, i) => count <= (countsB[i] as number));
      const same = countsA.every((count, i) => count === countsB[i]);
      return (
        isNormal(joined) &&
        `${counts(joined)}` === `${expected}` &&
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
