/** The rows of a reflog against a list: positions, times that do not fall, and dates. */
import fc from 'fast-check';
import t from 'tap';
import { EngineDoor } from '../../src/commit/door.js';
import { openMemory } from '../../src/engine/memory.js';
import { branch } from '../../src/log/branches.js';
import { lastMove, lastPosition, type Move, moveAt, moveOf, moves } from '../../src/log/reflog.js';
import { runs } from '../runs.js';
import { someAddress } from './dag.js';

const BUCKET = new Uint8Array(16).fill(7);

t.test('steps, dates and deletions, as a list has them', async () => {
  const step = fc.record({
    branch: fc.constantFrom('main', 'main/a', 'draft'),
    timeMs: fc.integer({ min: 0, max: 50 }),
    commit: fc.integer({ min: 0, max: 255 }).map(someAddress),
    deletes: fc.boolean(),
  });
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const engine = openMemory();
    const door = new EngineDoor(engine);
    const lists = new Map<string, Move[]>();
    for (const { branch: name, timeMs, commit, deletes } of steps) {
      const list = lists.get(name) ?? [];
      lists.set(name, list);
      const how = { timeMs, commit, from: undefined, to: undefined };
      const steps = [{ ...how, cause: 'commit' as const }];
      const end = [{ ...how, cause: 'delete' as const }];
      const place = { bucket: BUCKET, branch: name };
      await door.set([place], () => [deletes ? [...steps, ...end] : steps], 'none');
      for (const step of deletes ? [...steps, ...end] : steps) {
        const least = list.at(-1)?.timeMs ?? 0;
        list.push({ ...step, position: list.length, timeMs: Math.max(timeMs, least) });
      }
      const moved = branch(engine, BUCKET, name)?.moved;
      if (moved?.position !== (deletes ? undefined : list.length - 1)) return false;
    }
    for (const [name, list] of lists) {
      t.strictSame([...moves(engine, BUCKET, name)], list);
      t.strictSame([...moves(engine, BUCKET, name, { reverse: true })], [...list].reverse());
      t.strictSame(lastMove(engine, BUCKET, name), list.at(-1));
      t.equal(lastPosition(engine, BUCKET, name), list.length - 1);
      for (let time = -1; time <= 51; time++) {
        const expected = list.filter(({ timeMs }) => timeMs <= time).at(-1);
        t.strictSame(moveAt(engine, BUCKET, name, time), expected);
      }
      for (const [position, { timeMs }] of list.entries()) {
        if (list[position]?.position !== position) return false;
        if (timeMs < (list[position - 1]?.timeMs ?? 0)) return false;
      }
    }
    await engine.close();
    return true;
  });
  await fc.assert(property, { numRuns: runs(100) });
});

t.test('a row that is lost is corruption, and no answer', async (t) => {
  const engine = openMemory();
  const steps = [0, 1, 2, 3, 4].map((i) => {
    return { cause: 'commit', timeMs: i, commit: someAddress(i) } as const;
  });
  const place = { bucket: BUCKET, branch: 'main' };
  await new EngineDoor(engine).set([place], () => [steps], 'none');
  await engine.write((batch) => {
    for (const { key } of engine.range('heads')) if (key.at(-1) === 2) batch.del('heads', key);
  }, 'none');
  t.throws(() => moveOf(engine, BUCKET, 'main', 2), { code: 'REGALIA_CORRUPT' });
  t.throws(() => moveAt(engine, BUCKET, 'main', 2), { code: 'REGALIA_CORRUPT' });
  await engine.close();
});
