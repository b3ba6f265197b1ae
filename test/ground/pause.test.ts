/** The pause: when it is due, that others have their turn in it, and that it hears an abort. */
import t from 'tap';
import { Pace, SLICE_MS, turn, turnDue } from '../../src/ground/pause.js';

t.test('a turn lets timers and what was asked before have theirs', async (t) => {
  let ran = 0;
  setImmediate(() => ran++);
  await turn();
  t.equal(ran, 1);
});

t.test('a pace is due after its slice, and again after each', async (t) => {
  let now = 0;
  const pace = new Pace('the work', { clock: () => now });
  t.notOk(pace.due());
  now = SLICE_MS;
  t.ok(pace.due());
  await pace.rest();
  t.notOk(pace.due());
  now += SLICE_MS;
  t.ok(pace.due());
});

t.test('the clock is looked at only as often as steps add up', async (t) => {
  let looks = 0;
  const clock = (): number => {
    looks++;
    return 0;
  };
  const pace = new Pace('the work', { clock, steps: 10 });
  const before = looks;
  for (let i = 0; i < 99; i++) pace.due();
  t.equal(looks - before, 9);
  pace.due(1);
  t.equal(looks - before, 10, 'the hundredth step');
  pace.due(10);
  t.equal(looks - before, 11, 'a heavy step counts as many');
});

t.test('an abort is heard at the beginning and at each rest', async (t) => {
  const controller = new AbortController();
  const { signal } = controller;
  const pace = new Pace('the work', { signal });
  controller.abort(new Error('enough'));
  const expected = {
    code: 'REGALIA_ABORTED',
    data: { operation: 'the work' },
    cause: { message: 'enough' },
  };
  await t.rejects(pace.rest(), expected);
  t.throws(() => new Pace('the work', { signal }), expected);
});

t.test('a shared turn is due once in a slice', async (t) => {
  const end = performance.now() + 5 * SLICE_MS;
  let due = 0;
  while (performance.now() < end) if (turnDue()) due++;
  t.ok(due >= 1 && due <= 7, `${due}`);
});
