/**
 * The same by a range of seeds, `REGALIA_SEEDS=1..50000`: each kind of finding is reported once,
 * and the sums say how much was tried.
 */
import t from 'tap';
import { reportOf } from './report.js';
import { type Outcome, runSeed, shrunk } from './run.js';
import { Tally } from './tally.js';

const [FROM = 1, TO = 5_000] = (process.env['REGALIA_SEEDS'] ?? '')
  .split('..')
  .filter(Boolean)
  .map(Number);

t.setTimeout(0);

t.test(`nothing combined is lost, doubled, or undone: seeds ${FROM} to ${TO}`, async (t) => {
  const found = new Map<string, { first: Outcome; seed: number; count: number }>();
  const tally = new Tally();
  for (let seed = FROM; seed <= TO; seed++) {
    const outcome = await runSeed(seed);
    tally.add(outcome.tally);
    const { kind } = outcome.finding ?? {};
    if (kind === undefined) continue;
    const { first, count, seed: one } = found.get(kind) ?? { first: outcome, seed, count: 0 };
    found.set(kind, { first, seed: one, count: count + 1 });
  }
  t.comment(`${TO - FROM + 1} histories: ${tally}`);
  for (const [kind, { first, seed, count }] of found) {
    t.comment(reportOf(await shrunk(first)));
    t.fail(`${kind}, ${count} times, first by seed ${seed}: ${first.finding?.message}`);
  }
  t.pass('all seeds were tried');
});
