/** Dates at the command line: what is shown is what it was when it is typed, in every zone. */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import t from 'tap';
import { dateOf, looksLikeDate, timeText } from '../../src/cli/dates.js';

const NOW = Date.UTC(2026, 10, 21, 12, 33, 5, 17);
const HOUR = 3_600_000;

function since(text: string): number {
  return NOW - dateOf(text, NOW).getTime();
}

t.test('what is shown is what it was', async () => {
  const times = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) - 86_400_000 });
  fc.assert(
    fc.property(times, (time) => {
      const text = timeText(time);
      return looksLikeDate(text) && dateOf(text).getTime() === time;
    }),
  );
});

t.test('zones, and what is left out', async (t) => {
  const same = ['2026-11-21 12:33:05.017Z', '2026-11-21T13:33:05.017+01:00'];
  same.push('2026-11-21 12:33:05.017 +00:00', '2026-11-21 07:03:05.017 -0530');
  for (const text of same) t.equal(dateOf(text).getTime(), NOW, text);
  t.equal(dateOf('2026-11-21').getTime(), new Date(2026, 10, 21).getTime());
  t.equal(dateOf('2026-11-21 10:20').getTime(), new Date(2026, 10, 21, 10, 20).getTime());
  t.equal(dateOf('2026-11-21 10:20:30.5Z').getTime(), Date.UTC(2026, 10, 21, 10, 20, 30, 500));
});

t.test('so long ago', async (t) => {
  t.equal(since('now'), 0);
  t.equal(since('yesterday'), 24 * HOUR);
  t.equal(since('1h ago'), HOUR);
  t.equal(since('90 seconds ago'), 90_000);
  t.equal(since('1 minute ago'), 60_000);
  t.equal(since('3d ago'), 72 * HOUR);
  t.equal(since('2 weeks ago'), 14 * 24 * HOUR);
});

t.test('what is no date is refused, and what is a name is none', async (t) => {
  const wrong = ['2026-02-30', '2026-13-01', '2026-11-21 24:00', '2026-11-21 12:60', 'some ago'];
  wrong.push('2026-11-21 12:33 CET', '2026-11-21 1', '-1h ago', '1 fortnight ago', '1.5h ago');
  for (const text of wrong) t.throws(() => dateOf(text), { message: /is not a date/ }, text);
  for (const text of ['main', '2026', '2026-11', 'release-2026-11-21', 'v1', 'sha256:00']) {
    t.notOk(looksLikeDate(text), text);
  }
});

t.test('in other zones, by their own processes', async (t) => {
  const dates = fileURLToPath(new URL('../../src/cli/dates.js', import.meta.url));
  const program = `
    import { dateOf, timeText } from ${JSON.stringify(dates)};
    const times = [${NOW}, 0, ${Date.UTC(2026, 6, 1)}, ${Date.UTC(2026, 2, 29, 1, 30)}];
    const same = times.every((time) => dateOf(timeText(time)).getTime() === time);
    console.log(same, timeText(${NOW}), dateOf('2026-11-21 10:00').toISOString());`;
  const expected = {
    'America/New_York': 'true 2026-11-21 07:33:05.017 -05:00 2026-11-21T15:00:00.000Z',
    'Asia/Kolkata': 'true 2026-11-21 18:03:05.017 +05:30 2026-11-21T04:30:00.000Z',
    'Europe/Berlin': 'true 2026-11-21 13:33:05.017 +01:00 2026-11-21T09:00:00.000Z',
  };
  for (const [zone, text] of Object.entries(expected)) {
    const env = { ...process.env, TZ: zone };
    const words = ['--input-type=module', '-e', program];
    t.equal(`${execFileSync(process.execPath, words, { env })}`.trim(), text);
  }
});
