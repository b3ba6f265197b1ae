/**
 * Power cuts: the calls of a writing process are recorded, and the files that a cut may leave are
 * rebuilt, opened, read and written to. First the harness is shown to notice flushes that were
 * skipped.
 */
import path from 'node:path';
import t from 'tap';
import { Dice } from '../model/dice.js';
import { judge, recordRun } from './cuts.js';
import { copyStore, template, traces } from './runner.js';

/** Of each durability; a planted bug must show in so many. */
const STATES = 8;
const PLANTED = 12;
const folder = t.testdir();

t.setTimeout(300_000);

t.test('power cuts', { skip: !traces() && 'needs strace' }, async (t) => {
  const from = await template(folder);
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);
  const recorded = async (...args: string[]) => {
    const place = path.join(folder, `run-${args.join('-')}`);
    copyStore(from, place);
    return recordRun(from, place, args);
  };

  await t.test('flushes that are not waited for are noticed', async (t) => {
    const run = await recorded('sync', '12');
    const verdict = await judge(run, PLANTED, folder, dice, { flushes: false });
    t.ok(
      verdict.lost + verdict.wrong + verdict.faults + verdict.deaths > 2,
      JSON.stringify(verdict),
    );
    const early = await judge(await recorded('group', '12', 'early'), PLANTED, folder, dice);
    t.ok(early.lost > 0, 'and commits acknowledged too early');
    // The system may have brought much of it to disk by itself: chance needs more than one try.
    const unflushed = await recorded('none', '12');
    let lost = 0;
    for (let tries = 0; tries < 12 && lost === 0; tries++) {
      lost = (await judge(unflushed, PLANTED, folder, dice)).lost;
    }
    t.ok(lost > 0, 'and commits acknowledged without a flush');
  });

  let uncertain = 0;
  for (const durability of ['sync', 'group', 'none', 'mix']) {
    await t.test(
      `nothing acknowledged is lost, nothing is there by halves: ${durability}`,
      async (t) => {
        const run = await recorded(durability, '12', 'pause');
        const options = { durable: durability !== 'none', ahead: durability === 'mix' ? 3 : 1 };
        const { first, ...counts } = await judge(run, STATES, folder, dice, options);
        const text = `${JSON.stringify(counts)} seed ${seed} ${first ?? ''}`;
        t.comment(text);
        uncertain += counts.uncertain;
        t.equal(counts.lost + counts.wrong + counts.deaths + counts.faults, 0, text);
      },
    );
  }
  t.ok(uncertain > STATES / 2, 'much was left to chance');
});
