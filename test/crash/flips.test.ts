/**
 * Flipped bits never become wrong data. First the harness is shown to notice data that is not what
 * was planned.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { Dice } from '../model/dice.js';
import { flipBits } from './flips.js';
import { copyStore, runWriter, template } from './runner.js';

const FLIPS = 40;
const COMMITS = 12;
const folder = t.testdir();

t.setTimeout(300_000);

t.test('a flipped bit is never wrong data', async (t) => {
  const from = await template(folder);
  const seed = Number(process.env['REGALIA_SEED'] ?? Date.now() % 1_000_000);
  const dice = new Dice(seed);
  const written = async (plant: string): Promise<string> => {
    const place = path.join(folder, `written-${plant}`);
    copyStore(from, place);
    await runWriter([place, 'sync', `${COMMITS}`, plant]);
    rmSync(path.join(place, 'gen-000001', 'lock.mdb'), { force: true });
    return place;
  };

  const lie = await flipBits(await written('lie'), folder, COMMITS, 10, dice);
  t.ok(lie.wrong > 0, `wrong data is noticed: ${JSON.stringify(lie)}`);

  const { first, codes, ...counts } = await flipBits(
    await written('none'),
    folder,
    COMMITS,
    FLIPS,
    dice,
  );
  const text = `${JSON.stringify({ ...counts, codes })} seed ${seed} ${first ?? ''}`;
  t.comment(text);
  t.equal(counts.wrong, 0, text);
  t.ok(counts.right > 0 && counts.faults > 0, 'both harmless bits and others were flipped');
});
