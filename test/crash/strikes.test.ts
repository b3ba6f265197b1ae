/**
 * A writing process whose system calls fail, or that is killed at one: what it acknowledged is
 * there when the store is opened again, nothing is there by halves, and the store can be written
 * to. First the harness is shown to notice bugs.
 */
import t from 'tap';
import { Dice } from '../model/dice.js';
import { copyStore, read, runWriter, template, traces } from './runner.js';
import { somePoints, strike } from './strikes.js';

/** Each call with each fault. */
const POINTS = 9;
const folder = t.testdir();

t.setTimeout(300_000);

t.test('faults at the Nth call', { skip: !traces() && 'needs strace' }, async (t) => {
  const from = await template(folder);
  const seed = Date.now() % 1_000_000;
  const dice = new Dice(seed);

  await t.test('planted bugs are noticed', async (t) => {
    const kills = somePoints(90, dice).filter(({ fault }) => fault === 'signal=SIGKILL');
    // Not every point lies between an acknowledgement and its flush.
    let lost = 0;
    while (lost === 0 && kills.length > 0) {
      ({ lost } = await strike(from, folder, kills.splice(0, 2), ['early']));
    }
    t.ok(lost > 0, 'commits acknowledged too early');
    const place = `${folder}/planted`;
    for (const plant of ['drop', 'lie']) {
      copyStore(from, place);
      await runWriter([place, 'sync', '8', plant]);
      const [finding] = await read([place], 'write');
      t.equal(finding?.found, undefined, `${plant}: ${JSON.stringify(finding)}`);
    }
  });

  await t.test('what was acknowledged is there, nothing by halves', async (t) => {
    const { first, ...counts } = await strike(from, folder, somePoints(POINTS, dice));
    const text = `${JSON.stringify(counts)} seed ${seed} ${first ?? ''}`;
    t.comment(text);
    t.ok(counts.struck >= POINTS * 0.7, 'the faults struck');
    t.equal(counts.lost + counts.wrong + counts.faults + counts.deaths, 0, text);
  });
});
