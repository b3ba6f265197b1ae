/** The door against a map: heads that move, begin and end together, from where they are. */
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressText } from '../../src/blocks/address.js';
import { EngineDoor, type HeadStep } from '../../src/commit/door.js';
import { openMemory } from '../../src/engine/memory.js';
import { branches } from '../../src/log/branches.js';
import { moves } from '../../src/log/reflog.js';
import { someAddress } from '../log/dag.js';
import { runs } from '../runs.js';

const BUCKET = new Uint8Array(16).fill(7);
const NAMES = ['a', 'b', 'b/c', 'd', 'e'] as const;

function textOf(address: Address | undefined): string | undefined {
  return address && addressText(address);
}

t.test('several heads move, begin and end in one write, as in a map', async (t) => {
  const one = fc.record({
    name: fc.constantFrom(...NAMES),
    steps: fc.array(
      fc.record({
        commit: fc.integer({ min: 0, max: 9 }).map(someAddress),
        cause: fc.constantFrom('commit' as const, 'fetch' as const, 'delete' as const),
      }),
      { maxLength: 3 },
    ),
  });
  const rounds = fc.array(fc.array(one, { maxLength: 4 }), { maxLength: 20 });
  const property = fc.asyncProperty(rounds, async (rounds) => {
    const engine = openMemory();
    const door = new EngineDoor(engine);
    const heads = new Map<string, string>();
    const rows = new Map<string, number>();
    for (const round of rounds) {
      const places = round.map(({ name }) => ({ bucket: BUCKET, branch: name }));
      const before = places.map(({ branch }) => heads.get(branch));
      let seen: unknown;
      const steps = round.map(({ steps }): HeadStep[] => {
        return steps.map((step) => ({ ...step, timeMs: 1 }));
      });
      const decide = (_: unknown, stored: readonly (Address | undefined)[]): HeadStep[][] => {
        seen = stored.map(textOf);
        return steps;
      };
      t.equal(await door.set(places, decide, 'none'), true);
      t.strictSame(seen, before);
      for (const { name, steps } of round) {
        const last = steps.at(-1);
        if (last?.cause === 'delete') heads.delete(name);
        else if (last !== undefined) heads.set(name, addressText(last.commit));
        rows.set(name, (rows.get(name) ?? 0) + steps.length);
      }
    }
    const stored = Array.from(branches(engine, BUCKET), ({ name, head }) => [name, textOf(head)]);
    t.strictSame(stored, [...heads].sort());
    for (const [name, count] of rows) {
      t.equal([...moves(engine, BUCKET, name)].length, count, name);
    }
    await engine.close();
  });
  await fc.assert(property, { numRuns: runs(100) });
});

t.test(
  'nothing moves where nothing is decided, and nothing is written where it throws',
  async (t) => {
    const engine = openMemory();
    const door = new EngineDoor(engine);
    const places = ['a', 'b'].map((branch) => ({ bucket: BUCKET, branch }));
    t.equal(await door.set(places, () => undefined, 'none'), false);
    const throwing = door.set(
      places,
      (batch) => {
        batch.put('meta', BUCKET, BUCKET);
        throw new Error('no');
      },
      'none',
    );
    await t.rejects(throwing, /no/);
    t.equal(engine.count('heads') + engine.count('meta'), 0);
    const step: HeadStep = { commit: someAddress(1), cause: 'init', timeMs: 0 };
    await door.set(places, () => [[step], []], 'none');
    t.strictSame(
      Array.from(branches(engine, BUCKET), ({ name }) => name),
      ['a'],
    );
    const move = { ...places[0], branch: 'a', bucket: BUCKET, steps: [step] };
    const isMoved = (expected: number) =>
      door.compareAndSet({ ...move, expected: someAddress(expected) }, () => true, 'none');
    t.equal(await isMoved(2), false, 'it is not where it is expected');
    t.equal(await isMoved(1), true);
    await engine.close();
  },
);
