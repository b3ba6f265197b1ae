/** All rounds of what the quick suite tries a few times: see rounds.ts. */
import { join } from 'node:path';
import t from 'tap';
import { DURABILITIES } from '../../src/engine/engine.js';
import { works } from './child.js';
import { appendByTurns, killWhileAppending, traceFlushes } from './rounds.js';

const folder = t.testdir();
const traces = works('strace', '-V') && works('strace', '-o', '/dev/null', 'true');

t.test('two processes that write by turns lose no update', (t) =>
  appendByTurns(t, join(folder, 'turns'), 1_000),
);

for (const durability of DURABILITIES) {
  t.test(`a process killed at any time leaves a whole state (${durability})`, (t) =>
    killWhileAppending(t, join(folder, `killed-${durability}`), durability, 16),
  );
  t.test(
    `what is acknowledged was flushed before (${durability})`,
    { skip: !traces && 'needs strace' },
    (t) => traceFlushes(t, folder, durability, 600),
  );
}
