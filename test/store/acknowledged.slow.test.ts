/**
 * Two and eight processes with several commits in flight each, for long: every acknowledgement is
 * looked for by name. `REGALIA_ACKNOWLEDGEMENTS` is how many there are in all; default 100,000.
 */
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { acknowledgedBy, lostOf } from './acknowledging.js';

const COUNT = Number(process.env['REGALIA_ACKNOWLEDGEMENTS'] ?? 100_000);

t.setTimeout(0);

for (const processes of [2, 8]) {
  t.test(`${COUNT / 2} acknowledgements by ${processes} processes`, async (t) => {
    const folder = t.testdir();
    await (await Regalia.open(folder)).close();
    const reports = await acknowledgedBy(folder, processes, 'put', COUNT / 2 / processes);
    const all = reports.flatMap(({ acknowledged }) => acknowledged);
    t.ok(all.length >= COUNT / 2 - processes);
    t.strictSame(await lostOf(folder, all), []);
  });
}
