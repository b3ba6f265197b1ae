/**
 * Edits at any depth a key may have: no stack overflows, and every pause is passed on.
 */
import t from 'tap';
import { hex } from '../../src/ground/bytes.js';
import type { EntryEdit } from '../../src/tree/apply.js';
import { diffTrees } from '../../src/tree/diff.js';
import { call, type DeepSteps, finishSteps, flatten } from '../../src/tree/steps.js';
import { bytesOf, Laboratory, newEntry, textPart } from './model.js';

function* sum(depth: number): DeepSteps<number> {
  yield;
  return depth === 0 ? 0 : 1 + (yield* call(sum(depth - 1)));
}

function* thrower(): DeepSteps<never> {
  yield;
  throw new RangeError('from below');
}

t.test('steps call steps to any depth, and pause as often as they say', async (t) => {
  t.equal(finishSteps(flatten(sum(50_000))), 50_000);
  t.equal([...flatten(sum(9))].length, 10);
});

t.test('what is thrown below comes out above', async (t) => {
  const steps = flatten(
    (function* () {
      yield* call(thrower());
    })(),
  );
  t.throws(() => finishSteps(steps), RangeError);
});

t.test('a key of 2,048 names is put, changed, and told apart', async (t) => {
  const laboratory = await Laboratory.open();
  const name = bytesOf('d');
  const put = (contents: string): EntryEdit => {
    const streams = [{ stream: 's', part: textPart(contents) }];
    let edit: EntryEdit = { bytes: name, start: 0, end: 1, clear: false, streams };
    for (let i = 0; i < 2_048; i++) {
      const list = [edit];
      edit = { bytes: name, start: 0, end: 1, clear: false, streams: [], below: () => list };
    }
    return edit;
  };
  const empty = laboratory.build(newEntry());
  const one = laboratory.apply(empty, put('1'));
  const changed = laboratory.apply(one, put('2'));
  const fresh = laboratory.apply(empty, put('2'));
  t.equal(hex(changed.root.address), hex(fresh.root.address));
  const [row, ...rest] = [...diffTrees(one, changed)];
  t.strictSame([row?.names.length, row?.kind, rest.length], [2_048, 'changed', 0]);
});
