/**
 * LMDB on a medium that fails: a full disk is an error and not the end; an input or output error
 * poisons the handle, and what was acknowledged is there when the file is opened again; a commit
 * that never ends is given up in time.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DURABILITIES } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { run, works } from './child.js';
import { traceFlushes } from './rounds.js';

const folder = t.testdir();

type Facts = Record<string, unknown>;

t.test('a commit that does not end is given up in time', async (t) => {
  const path = join(folder, 'held');
  await (await openLmdb(path)).close();
  const { lines } = await run<Facts>(['bounded', path, '300']);
  t.match(lines[0], { code: 'REGALIA_IO', outcome: 'unknown' });
  t.match(lines[1], { code: 'REGALIA_IO' }, 'and the handle is poisoned');
  t.equal(lines[2], 'closed', 'but closes');
  const engine = await openLmdb(path);
  await engine.write((batch) => batch.put('extents', 9, Uint8Array.of(1)), 'group');
  t.equal(engine.count('extents'), 1, 'what was given up before its body ran was never written');
  await engine.close();
});

const mounts = process.getuid?.() === 0 && works('unshare', '-m', 'true');
t.test('a full disk', { skip: !mounts && 'needs to mount' }, async (t) => {
  // Large rows go into the tables; small ones into the log, and from there when it has no room.
  const jobs = [50_000, 5_000].flatMap((size) =>
    DURABILITIES.map((durability) => [size, durability] as const),
  );
  for (const [size, durability] of jobs) {
    const name = `${durability} ${size}`;
    const path = join(folder, `full-${durability}-${size}`);
    mkdirSync(path);
    // The mount lives in a namespace of its own, and ends with it.
    const script = `mount -t tmpfs -o size=3m tmpfs ${path} && exec "$@"`;
    const command = ['unshare', '-m', 'sh', '-c', script, 'sh'];
    const { lines, signal, stderr } = await run<Facts>(
      ['fill', join(path, 'store'), durability, String(size)],
      command,
    );
    t.equal(signal, null, stderr);
    t.match(lines[0], { full: { code: 'REGALIA_FULL', outcome: 'none' }, whole: true }, name);
    t.equal(lines[0]?.count, lines[0]?.written, 'nothing of the refused write is there');
    t.equal(lines[1]?.reopened, lines[0]?.written, 'and all others, when it is opened again');
    t.match(lines[1], { freed: 'freed', again: 'written' }, 'deleting makes room');
  }
});

const traces = works('strace', '-V') && works('strace', '-o', '/dev/null', 'true');
t.test('input and output errors', { skip: !traces && 'needs strace' }, async (t) => {
  const faults = [
    'fdatasync:error=EIO:when=6',
    'pwrite64:error=EIO:when=25',
    'writev:error=EIO:when=4',
  ];
  const jobs = faults.flatMap((fault) =>
    DURABILITIES.map((durability) => [fault, durability] as const),
  );
  for (const [fault, durability] of jobs) {
    const name = `${fault} ${durability}`;
    const path = join(folder, `failed-${name.replace(/\W+/g, '-')}`);
    await (await openLmdb(path)).close();
    const command = ['strace', '-f', '-o', '/dev/null', '-e', `inject=${fault}`];
    const { lines, signal, stderr } = await run<Facts>(['fail', path, durability], command);
    t.equal(signal, null, `${name} ${stderr}`);
    const acknowledged = Number(lines[0]?.acknowledged);
    t.ok(acknowledged < 60, `${name} struck after ${acknowledged} commits`);
    t.match(lines[0]?.failed, { code: 'REGALIA_IO', outcome: 'unknown', errno: 'EIO' });
    t.match(lines[1], { code: 'REGALIA_IO' });
    t.match(lines[2], { code: 'REGALIA_IO' });
    t.equal(lines[3], 'closed');
    const engine = await openLmdb(path);
    const found = engine.get('meta', Uint8Array.of(1))?.length ?? 0;
    t.ok(
      found === acknowledged || found === acknowledged + 1,
      `acknowledged ${acknowledged}, found ${found}`,
    );
    t.equal(engine.count('addressLog'), found, 'and a commit is whole');
    await engine.write(
      (batch) => batch.put('heads', Uint8Array.of(1), Uint8Array.of(1)),
      durability,
    );
    await engine.close();
  }
});

t.test(
  'what is acknowledged was flushed before',
  { skip: !traces && 'needs strace' },
  async (t) => {
    for (const durability of DURABILITIES) await traceFlushes(t, folder, durability, 60);
  },
);
