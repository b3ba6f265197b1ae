/**
 * What benches of contents rest on: counters against known work, the crossover against planted
 * figures, working trees that change as told, and each installed archiver against what it was
 * given.
 */
import { createHash, hash } from 'node:crypto';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { type Cell, formOf, measures, sizes, sizeText, thresholds } from '../inline/cells.js';
import { advantages, crossover, leastLoss, losses, winsUpTo } from '../inline/crossover.js';
import { plotCells } from '../inline/plot.js';
import { crossoverText, document } from '../inline/text.js';
import { openBorg } from '../rivals/borg.js';
import { openRestic } from '../rivals/restic.js';
import { hashedBytes, took, writtenBytes } from './counted.js';
import { sampleSides } from './sample.js';
import { changeSome, longFile, workSet } from './work-set.js';

t.test('hashed bytes are those of the blocks that a commit makes', async (t) => {
  const store = await Regalia.memory();
  const bytes = await hashedBytes(async () => {
    const tx = store.begin();
    tx.put('/a', 'content', new Uint8Array(50_000));
    await tx.commit();
  });
  await store.close();
  t.ok(bytes > 50_000 && bytes < 60_000, `${bytes}`);
  const [before, after] = [hash, createHash].map((named) => named.name);
  t.equal(await hashedBytes(async () => undefined), 0, `${before} and ${after} are back`);
});

t.test('time and processor time of work are told apart', async (t) => {
  const idle = await took(() => new Promise((resolve) => setTimeout(resolve, 5)));
  t.ok(idle.ms > 0 && (idle.cpuMs ?? -1) >= 0);
  if (process.platform === 'linux') t.type(writtenBytes(), 'number');
});

t.test('sides take turns, and one without a figure drops out', async (t) => {
  const order: string[] = [];
  const side = (name: string, figure?: number) => async () => {
    order.push(name);
    return figure;
  };
  const found = await sampleSides(2, { a: side('a', 1), b: side('b'), c: side('c', 3) });
  t.strictSame(order, ['a', 'b', 'c', 'c', 'a']);
  t.strictSame(found, { a: [1, 1], c: [3, 3] });
});

/** Cells in which each measure's inline form costs `ratio(size)` times the referenced one. */
function planted(ratio: (size: number) => number): Cell[] {
  return sizes.flatMap((size) =>
    thresholds.map((inlineMax) => {
      const times = formOf({ size, inlineMax }) === 'inline' ? ratio(size) : 1;
      const figures = Object.fromEntries(
        measures.map(({ name, better }) => [name, 1000 * (better === 'less' ? times : 1 / times)]),
      );
      return { size, inlineMax, entries: 1, figures };
    }),
  );
}

t.test('a planted crossover is found, and the threshold beside it', async (t) => {
  const cells = planted((size) => size / 700);
  for (const measure of measures) {
    const found = crossover(advantages(cells, measure));
    t.ok(found !== undefined && Math.abs(winsUpTo(found) - 700) < 70, measure.name);
  }
  t.equal(leastLoss(losses(cells)).inlineMax, 512);
  t.match(
    document(cells, { machine: 'm', scale: 1, seed: 1 } as never),
    'Here 512 bytes lose least',
  );
});

t.test('forms that never cross, or cross twice, are told so', async (t) => {
  const of = (ratio: (size: number) => number) =>
    crossover(advantages(planted(ratio), measures[0] as (typeof measures)[number]));
  t.match(crossoverText(of(() => 0.5)), 'inline pays up to 8 KiB, the last measured');
  t.equal(crossoverText(of(() => 2)), 'inline never pays');
  const twice = of((size) => (size > 100 && size < 2000 ? 2 : 0.5));
  t.match(crossoverText(twice), /^inline pays up to \d+ B, and from .* KiB up to 8 KiB/);
  t.equal(twice?.turns.length, 2);
  t.equal(of(() => 1.01)?.turns.length, 0, 'a tie is no turn');
  t.equal(sizeText(4097), '4 KiB + 1');
});

t.test('plots name every threshold and follow the colour scheme', async (t) => {
  const plots = await plotCells(
    planted((size) => size / 700),
    'the machine',
  );
  if (plots.length === 0) {
    t.comment('echarts is not installed');
    return;
  }
  for (const { svg } of plots) {
    for (const name of ['256', '512', '1K', '8K', 'the machine']) t.match(svg, `>${name}</text>`);
    t.match(svg, 'prefers-color-scheme:dark');
    t.notMatch(svg, 'NaN');
  }
});

t.test('a work set is real, and changes where it is told to', async (t) => {
  const folder = t.testdir();
  const set = workSet(folder, 3_000_000);
  t.ok(set.files.length > 2 && set.bytes <= 3_000_000);
  const before = set.files.map((file) => readFileSync(join(folder, file)));
  const every = 2;
  const changed = changeSome(set, every, 1);
  const now = set.files.map((file) => readFileSync(join(folder, file)));
  t.equal(now.filter((bytes, i) => !bytes.equals(before[i] as Buffer)).length, changed);
  const long = join(folder, 'long');
  longFile(long, 1_234_567);
  t.equal(statSync(long).size, 1_234_567);
});

for (const [name, open] of Object.entries({ restic: openRestic, borg: openBorg })) {
  t.test(`${name} gives back what it was given`, async (t) => {
    const folder = t.testdir();
    const tree = join(folder, 'tree');
    mkdirSync(tree);
    writeFileSync(join(tree, 'a'), 'content');
    const archiver = open(folder);
    if (archiver === undefined) {
      t.comment(`${name} is not installed`);
      return;
    }
    t.ok(archiver.ingest(tree).ms > 0);
    writeFileSync(join(tree, 'b'), 'more');
    t.ok((archiver.ingest(tree).cpuMs ?? 1) > 0);
    t.ok(archiver.dump(tree, 'b').ms > 0);
    t.throws(() => archiver.dump(tree, 'absent'), /ended with/);
  });
}
