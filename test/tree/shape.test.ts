/**
 * Shapes: sets of names are equal by their bytes, whoever made them; what is kept of them is
 * bounded, however many there are, and goes with its store.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import type { EntryEdit } from '../../src/tree/apply.js';
import { diffTrees } from '../../src/tree/diff.js';
import { Shapes, sameShape } from '../../src/tree/shape.js';
import { bytesOf, Laboratory, newEntry, textPart } from './model.js';

setFlagsFromString('--expose-gc');
const gc = runInNewContext('gc') as () => void;

/** Megabytes in use once all garbage is gone. */
function heapMegabytes(): number {
  gc();
  gc();
  return process.memoryUsage().heapUsed / 1_048_576;
}

t.test('a shape that was let go and made anew is the same shape', async (t) => {
  const shapes = new Shapes();
  const before = shapes.of(['s', 'acl']);
  t.equal(shapes.of(['acl', 's']), before);
  for (let i = 0; i < 5_000; i++) shapes.of([`s${i}`]);
  t.ok(shapes.size < 5_000, 'few are kept');
  const after = shapes.of(['acl', 's']);
  t.not(after, before);
  t.ok(sameShape(after, before));
  t.notOk(sameShape(after, shapes.of(['acl'])));
  const { size } = shapes;
  t.throws(() => shapes.of(['']), { code: 'REGALIA_STREAM' });
  t.equal(shapes.size, size, 'what could not be made is not kept');
});

t.test('nodes with shapes of two ages are written as if of one', async (t) => {
  const laboratory = await Laboratory.open();
  const edits = (from: number, until: number): EntryEdit => {
    const list: EntryEdit[] = [];
    for (let i = from; i < until; i++) {
      const bytes = bytesOf(`n${String(i).padStart(6, '0')}`);
      const streams = [{ stream: 's', part: textPart('same') }];
      list.push({ bytes, start: 0, end: bytes.length, clear: false, streams });
    }
    return {
      bytes: bytesOf('x'),
      start: 0,
      end: 0,
      clear: false,
      streams: [],
      below: () => list,
    };
  };
  const half = laboratory.apply(laboratory.build(newEntry()), edits(0, 30));
  for (let i = 0; i < 5_000; i++) laboratory.cache.shapes.of([`other ${i}`]);
  const whole = laboratory.apply(half, edits(30, 60));
  const atOnce = laboratory.apply(laboratory.build(newEntry()), edits(0, 60));
  t.strictSame(whole.root.address, atOnce.root.address);
  t.strictSame([...diffTrees(whole, atOnce)], []);
});

t.test('tens of thousands of names leave nothing behind', { timeout: 120_000 }, async (t) => {
  const fill = async (seed: number): Promise<void> => {
    await using store = await Regalia.memory();
    for (let from = 0; from < 20_000; from += 5_000) {
      const tx = store.begin();
      for (let i = from; i < from + 5_000; i++) {
        tx.put(`/d${i % 50}/n${i}`, `${'long name '.repeat(4)}${seed} ${i}`, new Uint8Array(1));
      }
      await tx.commit();
    }
    t.ok(store.stats().entries >= 20_000);
  };
  await fill(0);
  const before = heapMegabytes();
  for (let seed = 1; seed < 4; seed++) await fill(seed);
  const grown = heapMegabytes() - before;
  t.ok(grown < 8, `${grown.toFixed(1)} MiB more than after the first store`);
});
