/**
 * Random histories of lines that fork, change, move, merge, revert and exchange packs: what the
 * store makes of each is what the model does. A finding names its seed, and a smaller history.
 */
import t from 'tap';
import { runs } from '../runs.js';
import { reportOf } from './report.js';
import { runSeed, shrunk } from './run.js';
import { Tally } from './tally.js';

/** 2,000 in the quick suite. */
const HISTORIES = runs(10_000);

t.setTimeout(600_000);

t.test('nothing combined is lost, doubled, or undone', async (t) => {
  const tally = new Tally();
  for (let seed = 1; seed <= HISTORIES; seed++) {
    const outcome = await runSeed(seed);
    if (outcome.finding !== undefined) {
      t.comment(reportOf(await shrunk(outcome)));
      return void t.fail(`seed ${seed}: ${outcome.finding.message}`);
    }
    tally.add(outcome.tally);
  }
  t.comment(`${HISTORIES} histories: ${tally}`);
  const { exact, conflicts } = tally;
  t.ok(exact > HISTORIES / 4 && conflicts > HISTORIES / 4, 'there was something to combine');
});
