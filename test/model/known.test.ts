/** Histories with known results, each with either answer; what the model says of them holds too. */
import t from 'tap';
import type { Step } from './history.js';
import { KNOWN, type KnownHistory } from './known.js';
import { historyOf, textOf } from './language.js';
import { World } from './world.js';

interface Result {
  readonly asked: readonly string[];
  readonly keys: string;
}

/** The last merge, with all conflicts answered for a side. */
async function played(text: string, side: 'ours' | 'theirs'): Promise<Result> {
  const { replicas, steps } = historyOf(`${text}, ${side}`);
  const world = await World.open(replicas);
  try {
    for (const step of steps) await world.do(step);
    const line = world.lines[(steps.at(-1) as Step).line];
    const keys = [...(line?.bucket.snapshot().walk() ?? [])].map(({ key }) => key).slice(1);
    const result = { asked: [...world.asked].sort(), keys: keys.join(' ') };
    await world.converge();
    await world.verify();
    return result;
  } finally {
    await world.close();
  }
}

/** Whether each is there that is expected: of an open key any, of an open name any digits. */
function fits(found: string, expected: string): boolean {
  const open = expected
    .replace(/[.()/]/g, '\\$&')
    .replaceAll('*', '/\\S*')
    .replaceAll('~', '~\\w+');
  return new RegExp(`^${open}$`).test(found);
}

for (const { name, history, asks = [], ...keys } of KNOWN) {
  t.test(name, async (t) => {
    for (const side of ['ours', 'theirs'] as const) {
      const found = await played(history, side);
      const asked = found.asked.join(', ');
      t.ok(fits(asked, [...asks].sort().join(', ')), `asks ${asks.join(', ') || 'nothing'}`, {
        asked,
      });
      const expected: string | undefined = (keys as KnownHistory)[side] ?? keys.keys;
      if (expected !== undefined)
        t.ok(fits(found.keys, expected), `${side}: ${expected}`, { found });
    }
  });
}

t.test('a history is the same as text and as data', async (t) => {
  for (const { history } of KNOWN) {
    const data = historyOf(`${history}, ours`);
    t.strictSame(historyOf(textOf(data)), data);
  }
});
