/**
 * What the tests of LMDB do in a process of its own: one verb, a folder, and arguments. It prints
 * lines of JSON.
 */
import { spawn } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { openLmdb } from '../../src/engine/lmdb.js';
import { isRegaliaError } from '../../src/ground/errors.js';

const [verb = '', folder = '', argument = '', count = ''] = process.argv.slice(2);

function say(fact: unknown): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

/** Opens, reads everything, writes and closes; ends in facts. */
async function probe(folder: string): Promise<unknown> {
  const engine = await openLmdb(folder, { create: false, readOnly: argument === 'readOnly' });
  const rows = [...engine.range('extents')].map((row) => row.bytes.length);
  const heads = [...engine.range('heads')].map((row) => Buffer.from(row.bytes).toString());
  const stats = engine.stats();
  if (!engine.readOnly) {
    await engine.write(
      (batch) => batch.put('meta', new Uint8Array([1]), new Uint8Array(3_000)),
      'sync',
    );
    await engine.write((batch) => batch.put('extents', 1_000_000, new Uint8Array(9_000)), 'group');
  }
  await engine.close();
  return { rows: rows.length, heads, bytes: stats.bytes };
}

async function append(durability: 'sync' | 'group' | 'none'): Promise<void> {
  const engine = await openLmdb(folder);
  for (let i = 0; i < Number(count); i++) {
    const sum = await engine.write((batch) => {
      const next = (batch.get('meta', new Uint8Array([1]))?.length ?? 0) + 1;
      batch.put('meta', new Uint8Array([1]), new Uint8Array(next));
      batch.put('addressLog', next, new Uint8Array(500).fill(next & 255));
      return next;
    }, durability);
    say(sum);
  }
  process.exit(0);
}

/**
 * Counts up a row that others count up too, in rounds, with a row of its own for each count: small
 * ones go into the log, and large ones into the tables. It rests in between, so that the log goes
 * into the tables, here or in another process. Each count is a line.
 */
async function rounds(own: number): Promise<void> {
  const engine = await openLmdb(folder);
  for (let round = 0; round < Number(count); round++) {
    for (let i = 0; i < 12; i++) {
      const sum = await engine.write(
        (batch) => {
          const next = (batch.get('meta', new Uint8Array([1]))?.length ?? 0) + 1;
          const size = (i + round + own) % 9 === 0 ? 50_000 : 40;
          batch.put('meta', new Uint8Array([1]), new Uint8Array(next));
          batch.put('extents', next, new Uint8Array(size).fill(next & 255));
          batch.put('heads', new Uint8Array([2]), new Uint8Array([next & 255]));
          if (batch.view('heads', new Uint8Array([2]))?.[0] !== (next & 255))
            throw new Error('own');
          return next;
        },
        (['sync', 'group', 'none'] as const)[(round + i) % 3] ?? 'sync',
      );
      const seen = engine.get('meta', new Uint8Array([1]))?.length ?? 0;
      if (seen < sum) throw new Error(`${seen} after ${sum}`);
      if (engine.get('extents', sum)?.[0] !== (sum & 255)) throw new Error(`row ${sum}`);
      say(sum);
    }
    if ((round + own) % 2 === 0) await new Promise((resolve) => setTimeout(resolve, 600));
  }
  await engine.close();
}

async function main(): Promise<void> {
  if (verb === 'probe') {
    // A line per folder, also for the last one before a death.
    for (const path of folder.split(':')) say(await probe(path).catch(codeOf));
  } else if (verb === 'append') await append(argument as 'sync');
  else if (verb === 'rounds') await rounds(Number(argument));
  else if (verb === 'create') {
    const engine = await openLmdb(folder);
    await engine.write(
      (batch) => batch.put('extents', Number(argument), new Uint8Array(10)),
      'sync',
    );
    say(engine.count('extents') >= 1);
    await engine.close();
  } else if (verb === 'forget') {
    const engine = await openLmdb(folder);
    await engine.write((batch) => batch.put('extents', 1, new Uint8Array(10)), argument as 'sync');
    engine.view('extents', 1);
    say('forgot to close');
  } else if (verb === 'dieInside') {
    const engine = await openLmdb(folder);
    await engine.write((batch) => {
      batch.put('heads', new Uint8Array([1]), new Uint8Array([9]));
      process.kill(process.pid, 'SIGKILL');
    }, argument as 'sync');
  } else if (verb === 'wait') {
    const engine = await openLmdb(folder);
    await engine.write(() => {
      say('waiting');
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(argument));
    }, 'sync');
    await engine.close();
  } else if (verb === 'bounded') {
    await bounded();
  } else if (verb === 'fill') {
    await fill(argument as 'sync', Number(count));
  } else if (verb === 'fail') {
    await fail(argument as 'sync');
  }
}

/** Waits for a writer that does not come to an end, but no longer than the argument says. */
async function bounded(): Promise<void> {
  const engine = await openLmdb(folder, { commitTimeoutMs: Number(argument) });
  const other = spawn(process.execPath, [process.argv[1] as string, 'wait', folder, '2500']);
  await new Promise((resolve) => other.stdout.once('data', resolve));
  const write = (key: number) =>
    engine.write((batch) => batch.put('extents', key, new Uint8Array(1)), 'group');
  say(await Promise.all([write(1), write(2)]).then(() => 'done', codeOf));
  say(await write(3).then(() => 'done', codeOf));
  await engine.close();
  say('closed');
  // A thread still waits for the lock.
  process.kill(process.pid, 'SIGKILL');
}

/**
 * Writes rows of a size until the device is full, opens the store again, makes room, and goes on.
 * Small rows leave no page for a transaction that deletes, so that a file beside them goes first.
 */
async function fill(durability: 'sync' | 'group' | 'none', size: number): Promise<void> {
  const beside = `${folder}-beside`;
  writeFileSync(beside, new Uint8Array(200_000));
  let engine = await openLmdb(folder);
  const write = (key: number, size: number) =>
    engine.write(
      (batch) => batch.put('extents', key, new Uint8Array(size).fill(key & 255)),
      durability,
    );
  let full: unknown;
  let written = 0;
  while (full === undefined && written < 10_000) {
    full = await write(written, size).then(() => undefined, codeOf);
    if (full === undefined) written++;
  }
  const whole = [...engine.range('extents')].every((row) =>
    row.bytes.every((byte) => byte === (row.key & 255)),
  );
  say({ full, whole, written, count: engine.count('extents') });
  await engine.close();
  engine = await openLmdb(folder);
  const reopened = engine.count('extents');
  if (size < 50_000) rmSync(beside);
  const freed = await engine
    .write((batch) => {
      for (let key = 0; key < written / 2; key++) batch.del('extents', key);
    }, durability)
    .then(() => 'freed', codeOf);
  await write(0, 10).catch(() => undefined);
  say({ reopened, freed, again: await write(1, size).then(() => 'written', codeOf) });
  await engine.close();
}

/** Writes until one fails (a fault is injected from outside), and then tries everything again. */
async function fail(durability: 'sync' | 'group' | 'none'): Promise<void> {
  const engine = await openLmdb(folder);
  let acknowledged = 0;
  let failed: unknown;
  for (let i = 1; i <= 60 && failed === undefined; i++) {
    failed = await engine
      .write((batch) => {
        batch.put('meta', new Uint8Array([1]), new Uint8Array(i));
        batch.put('addressLog', i, new Uint8Array(5_000));
      }, durability)
      .then(() => undefined, codeOf);
    if (failed === undefined) acknowledged = i;
  }
  say({ acknowledged, failed });
  say(await engine.write(() => 1, durability).catch(codeOf));
  try {
    say(engine.count('meta'));
  } catch (error) {
    say(codeOf(error));
  }
  await engine.close();
  say('closed');
}

function codeOf(error: unknown): unknown {
  if (!isRegaliaError(error)) throw error;
  const { errno } = error.data as { errno?: string };
  return { code: error.code, outcome: error.outcome, message: error.message, errno };
}

main().catch((error: unknown) => say(codeOf(error)));
