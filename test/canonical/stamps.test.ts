/** Which stamps a commit may have: against all that shares can make of the join of its parents. */
import fc from 'fast-check';
import t from 'tap';
import { checkStampMade, stampWork } from '../../src/canonical/stamps.js';
import { counted, type Event, equalEvents, eventNode, joinEvents } from '../../src/clock/event.js';
import { SHA256 } from '../../src/ground/block-header.js';
import type { Commit } from '../../src/log/commit.js';
import { runs } from '../runs.js';

const { tree: someEvent } = fc.letrec<{ tree: Event }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, depthIdentifier: 'event' },
    fc.nat(3),
    fc.tuple(fc.nat(2), tie('tree'), tie('tree')).map(([n, l, r]) => eventNode(n, l, r)),
  ),
}));
const someId = fc.string({ unit: fc.constantFrom('0', '1'), maxLength: 5 });

/** All ids of up to so many levels. */
function idsTo(levels: number, id = ''): string[] {
  if (levels === 0) return [id];
  return [id, ...idsTo(levels - 1, `${id}0`), ...idsTo(levels - 1, `${id}1`)];
}

const ADDRESS = new Uint8Array(33).fill(1);

function commitOf(stamp: Event, fields: Partial<Commit> = {}): Commit {
  return {
    algorithm: SHA256,
    bucket: new Uint8Array(16),
    root: ADDRESS,
    heads: undefined,
    parents: [],
    maps: [],
    mapsBefore: [],
    stamp,
    actor: undefined,
    replica: new Uint8Array(16).fill(1),
    incarnation: 0,
    sequence: 1,
    timeMs: 1,
    message: '',
    ...fields,
  };
}

/** Whether a commit after these stamps may have that one; `cut` parents are not here. */
function isMade(
  parents: readonly Event[],
  stamp: Event,
  { nobody = false, cut = 0, height = 1 } = {},
): boolean {
  const before = parents.map((one) => commitOf(one));
  const replica = new Uint8Array(16).fill(nobody ? 0 : 1);
  const listed = Array.from({ length: parents.length + cut }, () => ADDRESS);
  try {
    checkStampMade(commitOf(stamp, { parents: listed, replica }), before, height);
    return true;
  } catch {
    return false;
  }
}

t.test('one event on any share is what a commit counts', async () => {
  fc.assert(
    fc.property(someEvent, someEvent, someId, (a, b, id) => {
      return isMade([a, b], counted(id, joinEvents(a, b)));
    }),
    { numRuns: runs(500) },
  );
});

t.test('nothing else is: neither nothing, nor two events, nor less', async () => {
  fc.assert(
    fc.property(someEvent, someEvent, (before, after) => {
      // A tree of three levels, one more for a share that lies in what is flat.
      const possible = idsTo(5).some((id) => equalEvents(counted(id, before), after));
      return isMade([before], after) === possible;
    }),
    { numRuns: runs(500) },
  );
});

t.test(
  'what nobody claims is the join, and the first of a bucket counts once at most',
  async (t) => {
    const [a, b] = [eventNode(0, 1, 0), eventNode(0, 0, 2)];
    t.ok(isMade([a, b], joinEvents(a, b), { nobody: true }));
    t.notOk(isMade([a, b], counted('0', joinEvents(a, b)), { nobody: true }));
    t.notOk(isMade([a, b], joinEvents(a, b)));
    t.ok(isMade([], 0));
    t.ok(isMade([], eventNode(0, 1, 0)));
    t.notOk(isMade([], 2));
    t.notOk(isMade([], eventNode(0, 1, eventNode(0, 1, 0))));
  },
);

t.test(
  'behind what is not here a stamp is bounded by the height, and by what is here',
  async (t) => {
    t.ok(isMade([], 7, { cut: 1, height: 7 }));
    t.notOk(isMade([], 8, { cut: 1, height: 7 }));
    t.notOk(isMade([5], 4, { cut: 1, height: 7 }));
    t.ok(isMade([5], 7, { cut: 1, height: 7 }));
  },
);

t.test('the work of a comparison is counted in nodes', async (t) => {
  t.equal(stampWork([commitOf(eventNode(0, 1, eventNode(0, 1, 0))), commitOf(9)]), 2);
});
