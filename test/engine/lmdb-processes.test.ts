/**
 * LMDB among processes: others' commits are seen, killed writers leave whole states, and nobody is
 * kept from exiting.
 */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { DURABILITIES } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';

const child = fileURLToPath(new URL('./lmdb-child.js', import.meta.url));
const folder = t.testdir();

function run(...args: string[]): Promise<{ lines: unknown[]; signal: string | null }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [child, ...args], { timeout: 20_000 }, (error, stdout, stderr) => {
      if (error !== null && error.signal !== 'SIGKILL') reject(new Error(stderr));
      const lines = stdout
        .split('\n')
        .filter(Boolean)
        .map((line) => JSON.parse(line) as unknown);
      resolve({ lines, signal: error?.signal ?? null });
    });
  });
}

t.test('what another process commits is seen after refresh', async (t) => {
  const path = join(folder, 'shared');
  const engine = await openLmdb(path);
  const reader = await openLmdb(path, { readOnly: true });
  t.equal(engine.view('extents', 5), undefined);
  t.same((await run('create', path, '5')).lines, [true]);
  engine.refresh();
  t.equal(engine.view('extents', 5)?.length, 10);
  t.equal(reader.view('extents', 5)?.length, 10);
  // Within one turn nothing resets the snapshot but refresh.
  const seen = await engine.write((batch) => batch.count('extents'), 'sync');
  t.equal(seen, 1, 'and a body sees it in any case');
  await engine.close();
  await reader.close();
});

t.test('two processes that write by turns lose no update', async (t) => {
  const path = join(folder, 'turns');
  await (await openLmdb(path)).close();
  const runs = await Promise.all([run('append', path, 'none'), run('append', path, 'group')]);
  const sums = runs.flatMap((run) => run.lines) as number[];
  t.equal(new Set(sums).size, 602);
  t.equal(Math.max(...sums), 602);
});

t.test('processes that create one store at once all find it', async (t) => {
  const path = join(folder, 'race');
  await Promise.all([1, 2, 3, 4].map((key) => run('create', path, `${key}`)));
  const engine = await openLmdb(path);
  t.same(
    [...engine.range('extents')].map((row) => row.key),
    [1, 2, 3, 4],
  );
  await engine.close();
});

for (const durability of DURABILITIES) {
  t.test(`a process killed at any time leaves a whole state (${durability})`, async (t) => {
    const path = join(folder, `killed-${durability}`);
    for (let round = 0; round < 4; round++) {
      const last = await killAfter(path, durability, 20 + round * 37);
      const engine = await openLmdb(path);
      const sum = engine.get('meta', Uint8Array.of(1))?.length ?? 0;
      t.ok(sum >= last, `acknowledged ${last}, found ${sum}`);
      t.equal(engine.count('addressLog'), sum, 'a commit is whole');
      await engine.write(
        (batch) => batch.put('heads', Uint8Array.of(round), Uint8Array.of(1)),
        durability,
      );
      await engine.close();
    }
  });

  t.test(`a process killed in a body leaves nothing of it (${durability})`, async (t) => {
    const path = join(folder, `inside-${durability}`);
    t.equal((await run('dieInside', path, durability)).signal, 'SIGKILL');
    const engine = await openLmdb(path);
    t.equal(engine.count('heads'), 0);
    await engine.write((batch) => batch.put('heads', Uint8Array.of(2), Uint8Array.of(1)), 'sync');
    t.equal(engine.count('heads'), 1, 'and the next writer goes on');
    await engine.close();
  });

  t.test(`a process that forgets to close exits (${durability})`, async (t) => {
    const { lines, signal } = await run('forget', join(folder, `forgot-${durability}`), durability);
    t.same(lines, ['forgot to close']);
    t.equal(signal, null);
  });
}

/** Kills the appending child after so many acknowledgements; resolves with the last one seen. */
function killAfter(path: string, durability: string, count: number): Promise<number> {
  return new Promise((resolve) => {
    const process_ = spawn(process.execPath, [child, 'append', path, durability]);
    let output = '';
    process_.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (output.split('\n').length > count) process_.kill('SIGKILL');
    });
    process_.on('close', () => {
      const lines = output.split('\n').slice(0, -1).map(Number);
      resolve(lines[lines.length - 1] ?? 0);
    });
  });
}

t.test('handles on one file share it, under any name', async (t) => {
  const path = join(folder, 'handles');
  const first = await openLmdb(path);
  symlinkSync(path, join(folder, 'alias'));
  const [second, third] = await Promise.all([
    openLmdb(join(folder, 'alias')),
    openLmdb(path, { readOnly: true }),
  ]);
  await first.write((batch) => batch.put('extents', 1, Uint8Array.of(1)), 'sync');
  t.same(second.view('extents', 1), Uint8Array.of(1));
  await t.rejects(
    third.write((batch) => batch.put('extents', 2, Uint8Array.of(1)), 'sync'),
    { code: 'REGALIA_READ_ONLY' },
  );
  await first.close();
  t.throws(() => first.view('extents', 1), { code: 'REGALIA_CLOSED' });
  await second.write((batch) => batch.put('extents', 2, Uint8Array.of(2)), 'group');
  t.same(third.view('extents', 2), Uint8Array.of(2), 'closing one leaves the others open');
  const closing = Promise.all([second.close(), third.close()]);
  const again = await openLmdb(path);
  await closing;
  t.same(again.view('extents', 2), Uint8Array.of(2), 'a file can be opened while it closes');
  await again.close();
});

t.test('the number of the latest transaction is put right where another set it back', async (t) => {
  for (const steps of [1, 2, 3]) {
    const path = join(folder, `back-${steps}`);
    const engine = await openLmdb(path);
    // Closed last: the process's locks would go with it.
    const lock = openSync(join(path, 'lock.mdb'), 'r+');
    const setBack = (): void => {
      const number = Buffer.alloc(8);
      readSync(lock, number, 0, 8, 8);
      number.writeBigUInt64LE(number.readBigUInt64LE() - BigInt(steps));
      writeSync(lock, number, 0, 8, 8);
    };
    let last = 0;
    const writeOne = async (durability: (typeof DURABILITIES)[number]): Promise<void> => {
      last++;
      await engine.write((batch) => batch.put('extents', last, new Uint8Array(5_000)), durability);
    };
    for (let i = 0; i < 6; i++) await writeOne('none');
    for (const durability of DURABILITIES) {
      setBack();
      await writeOne(durability);
      t.equal(engine.count('extents'), last, `${durability}, set back by ${steps}`);
      setBack();
      await new Promise((resolve) => setTimeout(resolve, 2));
      t.equal(engine.view('extents', last)?.length, 5_000, 'what was written is seen');
      setBack();
      engine.refresh();
      t.equal([...engine.range('extents')].length, last);
    }
    await engine.close();
    closeSync(lock);
    const again = await openLmdb(path);
    t.equal(again.count('extents'), last);
    await again.close();
  }
});

t.test('open for reading only', async (t) => {
  const path = join(folder, 'reading');
  await (await openLmdb(path)).close();
  const reader = await openLmdb(path, { readOnly: true });
  t.equal(reader.readOnly, true);
  t.equal(reader.count('extents'), 0);
  for (const durability of DURABILITIES) {
    await t.rejects(
      reader.write(() => 1, durability),
      { code: 'REGALIA_READ_ONLY' },
    );
  }
  await reader.flush();
  await t.rejects(
    openLmdb(path),
    { code: 'REGALIA_LOCKED' },
    'one process does not open it both ways',
  );
  await run('create', path, '3');
  reader.refresh();
  t.equal(reader.count('extents'), 1);
  await reader.close();
  const writer = await openLmdb(path);
  t.equal(writer.count('extents'), 1);
  await writer.close();
});
