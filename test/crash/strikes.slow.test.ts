/** Every call of a writing process struck by every fault, under every durability. */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { template, traces } from './runner.js';
import { allPoints, strike } from './strikes.js';

const POINTS = Number(process.env['REGALIA_STRIKES'] ?? Number.POSITIVE_INFINITY);
const BATCH = 100;
const folder = t.testdir();
t.setTimeout(3_600_000);

t.test('faults at every call', { skip: !traces() && 'needs strace' }, async (t) => {
  const from = await template(folder);
  const dice = new Dice(1);
  const points = allPoints();
  for (let i = points.length - 1; i > 0; i--) {
    const j = dice.below(i + 1);
    [points[i], points[j]] = [points[j] as (typeof points)[0], points[i] as (typeof points)[0]];
  }
  const count = Math.min(points.length, POINTS);
  for (let at = 0; at < count; at += BATCH) {
    const { first, ...counts } = await strike(from, folder, points.slice(at, at + BATCH));
    const text = `${JSON.stringify(counts)} ${first ?? ''}`;
    t.comment(text);
    t.equal(counts.lost + counts.wrong + counts.faults + counts.deaths, 0, text);
  }
});
