/**
 * LMDB among processes: others' commits are seen, killed writers leave whole states, and nobody is
 * kept from exiting.
 */
import { closeSync, openSync, readSync, symlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { DURABILITIES } from '../../src/engine/engine.js';
import { openLmdb } from '../../src/engine/lmdb.js';
import { run } from './child.js';
import { appendByTurns, killWhileAppending } from './rounds.js';

const folder = t.testdir();

t.test('what another process commits is seen after refresh', async (t) => {
  const path = join(folder, 'shared');
  const engine = await openLmdb(path);
  const reader = await openLmdb(path, { readOnly: true });
  t.equal(engine.view('extents', 5), undefined);
  t.same((await run(['create', path, '5'])).lines, [true]);
  engine.refresh();
  t.equal(engine.view('extents', 5)?.length, 10);
  t.equal(reader.view('extents', 5)?.length, 10);
  // Within one turn nothing resets the snapshot but refresh.
  const seen = await engine.write((batch) => batch.count('extents'), 'sync');
  t.equal(seen, 1, 'and a body sees it in any case');
  await engine.close();
  await reader.close();
});

t.test('two processes that write by turns lose no update', (t) =>
  appendByTurns(t, join(folder, 'turns'), 120),
);

t.test('processes that create one store at once all find it', async (t) => {
  const path = join(folder, 'race');
  await Promise.all([1, 2, 3, 4].map((key) => run(['create', path, `${key}`])));
  const engine = await openLmdb(path);
  t.same(
    [...engine.range('extents')].map((row) => row.key),
    [1, 2, 3, 4],
  );
  await engine.close();
});

for (const durability of DURABILITIES) {
  t.test(`a process killed at any time leaves a whole state (${durability})`, (t) =>
    killWhileAppending(t, join(folder, `killed-${durability}`), durability, 2),
  );

  t.test(`a process killed in a body leaves nothing of it (${durability})`, async (t) => {
    const path = join(folder, `inside-${durability}`);
    t.equal((await run(['dieInside', path, durability])).signal, 'SIGKILL');
    const engine = await openLmdb(path);
    t.equal(engine.count('heads'), 0);
    await engine.write((batch) => batch.put('heads', Uint8Array.of(2), Uint8Array.of(1)), 'sync');
    t.equal(engine.count('heads'), 1, 'and the next writer goes on');
    await engine.close();
  });

  t.test(`a process that forgets to close exits (${durability})`, async (t) => {
    const { lines, signal } = await run([
      'forget',
      join(folder, `forgot-${durability}`),
      durability,
    ]);
    t.same(lines, ['forgot to close']);
    t.equal(signal, null);
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
  await run(['create', path, '3']);
  reader.refresh();
  t.equal(reader.count('extents'), 1);
  await reader.close();
  const writer = await openLmdb(path);
  t.equal(writer.count('extents'), 1);
  await writer.close();
});
