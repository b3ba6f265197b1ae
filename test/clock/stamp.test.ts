/** Stamps over random histories, against sets of events as an explicit model of causality. */
import fc from 'fast-check';
import t from 'tap';
import { type Event, maxEvent, minEvent } from '../../src/clock/event.js';
import { compareSets, History, someSteps, type Witness } from './history.js';
import * as paper from './paper.js';
import {
  compare,
  disjoint,
  event,
  fork,
  formatStamp,
  join,
  leq,
  type Stamp,
  seed,
} from './stamps.js';

function isNormalEvent(event: Event): boolean {
  if (typeof event === 'number') return event >= 0;
  const { base, left, right } = event;
  if (typeof left === 'number' && left === right) return false;
  if (base < 0 || Math.min(minEvent(left), minEvent(right)) !== 0) return false;
  if (event.max !== base + Math.max(maxEvent(left), maxEvent(right))) return false;
  return isNormalEvent(left) && isNormalEvent(right);
}

t.test('a run of forks, events and joins, state by state', async (t) => {
  const [a1, b1] = fork(seed());
  const a2 = event(a1);
  const b2 = event(event(b1));
  t.equal(formatStamp(a2), '0 (0, 1, 0)');
  t.equal(formatStamp(b2), '1 (0, 0, 2)');
  const [a3, c1] = fork(a2);
  t.equal(formatStamp(c1), '01 (0, 1, 0)');
  const a4 = event(a3);
  t.equal(formatStamp(a4), '00 (0, (1, 1, 0), 0)');
  const c2 = join(c1, b2);
  t.equal(formatStamp(c2), '01 (1, 0, 1)');
  const c3 = join(c2, a4);
  t.equal(formatStamp(c3), '01 (1, (0, 1, 0), 1)');
  t.equal(formatStamp(event(c3)), '01 2', 'the event only fills');
});

t.test('causality has four values', async (t) => {
  const [a, b] = fork(seed());
  t.equal(compare(a, b), 'equal');
  t.equal(compare(a, event(b)), 'before');
  t.equal(compare(event(a), b), 'after');
  t.equal(compare(event(a), event(b)), 'concurrent');
});

t.test('copies of one id deceive the clock', async (t) => {
  const [a] = fork(seed());
  t.equal(compare(event(a), event(a)), 'equal', 'so a copied folder must fork before it writes');
});

function agrees(a: Witness, b: Witness): boolean {
  return compare(a.stamp, b.stamp) === compareSets(a.known, b.known);
}

function isSound(witnesses: readonly Witness[], living: readonly Witness[]): boolean {
  for (const { stamp } of witnesses) {
    if (!isNormalEvent(stamp.event)) return false;
  }
  for (const [i, a] of witnesses.entries()) {
    for (const b of witnesses.slice(0, i)) if (!agrees(a, b) || !agrees(b, a)) return false;
  }
  const ids = living.map(({ stamp }) => stamp.id);
  return ids.every((id, i) => ids.slice(0, i).every((other) => disjoint(id, other)));
}

function isAsInThePaper(stamp: Stamp, other: Stamp): boolean {
  const { paperEvent, paperId } = paper;
  const [mine, theirs] = [paperEvent(stamp.event), paperEvent(other.event)];
  const same = (event: Event, expected: paper.PaperEvent) =>
    JSON.stringify(paperEvent(event)) === JSON.stringify(expected);
  return (
    same(event(stamp).event, paper.event(paperId(stamp.id), mine)) &&
    same(join(stamp, other).event, paper.join(mine, theirs)) &&
    leq(stamp, other) === paper.leq(mine, theirs)
  );
}

t.test('event, join and order are the ones of the paper, letter by letter', async () => {
  fc.assert(
    fc.property(someSteps(), (steps) => {
      const history = new History();
      return steps.every((step) => {
        history.apply(step);
        const pick = (at: number) => history.living[at % history.living.length] as Witness;
        return isAsInThePaper(pick(step.first).stamp, pick(step.second).stamp);
      });
    }),
    { numRuns: 200 },
  );
});

t.test('stamps compare exactly as sets of known events do', async () => {
  fc.assert(
    fc.property(someSteps(), (steps) => {
      const history = new History();
      for (const [i, step] of steps.entries()) {
        history.apply(step);
        if (i % 5 === 0 && !isSound(history.everyone(), history.living)) return false;
      }
      return isSound(history.everyone(), history.living);
    }),
    { numRuns: 150 },
  );
});

t.test('each event is after the stamp it was counted on, and leq is a partial order', async () => {
  fc.assert(
    fc.property(someSteps(60), (steps) => {
      const history = new History();
      for (const step of steps) history.apply(step);
      const stamps: Stamp[] = history.living.map(({ stamp }) => stamp);
      return stamps.every((stamp) => {
        const next = event(stamp);
        return compare(stamp, next) === 'before' && leq(stamp, stamp) && !leq(next, stamp);
      });
    }),
  );
});
