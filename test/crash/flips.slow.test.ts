/** Flipped bits by the ten thousand. */
import { rmSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Dice } from '../model/dice.js';
import { flipBits } from './flips.js';
import { copyStore, runWriter, template } from './runner.js';

const FLIPS = Number(process.env['REGALIA_FLIPS'] ?? 10_000);
const COMMITS = 20;
const folder = t.testdir();
t.setTimeout(3_600_000);

t.test('flipped bits, many', async (t) => {
  const from = await template(folder);
  const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
  const place = path.join(folder, 'written');
  copyStore(from, place);
  await runWriter([place, 'sync', `${COMMITS}`]);
  rmSync(path.join(place, 'gen-000001', 'lock.mdb'), { force: true });
  const { first, ...counts } = await flipBits(place, folder, COMMITS, FLIPS, new Dice(seed));
  const text = `${JSON.stringify(counts)} seed ${seed} ${first ?? ''}`;
  t.comment(text);
  t.equal(counts.wrong, 0, text);
});
