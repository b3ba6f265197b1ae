/**
 * What the tests of LMDB do in a process of its own: one verb, a folder, and arguments. It prints lines of JSON.
 */
import { openLmdb } from '../../src/blocks/lmdb.js';
import { isRegaliaError } from '../../src/errors.js';

const [verb = '', folder = '', argument = ''] = process.argv.slice(2);

function say(fact: unknown): void {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
}

/** Opens, reads everything, writes and closes; ends in facts. */
async function probe(folder: string): Promise<unknown> {
  const backend = await openLmdb(folder, { create: false, readOnly: argument === 'readOnly' });
  const rows = [...backend.range('extents')].map((row) => row.bytes.length);
  const heads = [...backend.range('heads')].map((row) => Buffer.from(row.bytes).toString());
  const stats = backend.stats();
  if (!backend.readOnly) {
    await backend.write((batch) => batch.put('meta', new Uint8Array([1]), new Uint8Array(3_000)), 'sync');
    await backend.write((batch) => batch.put('extents', 1_000_000, new Uint8Array(9_000)), 'group');
  }
  await backend.close();
  return { rows: rows.length, heads, bytes: stats.bytes };
}

async function append(durability: 'sync' | 'group' | 'none'): Promise<void> {
  const backend = await openLmdb(folder);
  for (let i = 0; ; i++) {
    const sum = await backend.write((batch) => {
      const next = (batch.get('meta', new Uint8Array([1]))?.length ?? 0) + 1;
      batch.put('meta', new Uint8Array([1]), new Uint8Array(next));
      batch.put('addressLog', next, new Uint8Array(500).fill(next & 255));
      return next;
    }, durability);
    say(sum);
    if (i >= 300) process.exit(0);
  }
}

async function main(): Promise<void> {
  if (verb === 'probe') {
    // A line per folder, also for the last one before a death.
    for (const path of folder.split(':')) say(await probe(path).catch(codeOf));
  }
  else if (verb === 'append') await append(argument as 'sync');
  else if (verb === 'create') {
    const backend = await openLmdb(folder);
    await backend.write((batch) => batch.put('extents', Number(argument), new Uint8Array(10)), 'sync');
    say(backend.count('extents') >= 1);
    await backend.close();
  } else if (verb === 'forget') {
    const backend = await openLmdb(folder);
    await backend.write((batch) => batch.put('extents', 1, new Uint8Array(10)), argument as 'sync');
    backend.view('extents', 1);
    say('forgot to close');
  } else if (verb === 'dieInside') {
    const backend = await openLmdb(folder);
    await backend.write((batch) => {
      batch.put('heads', new Uint8Array([1]), new Uint8Array([9]));
      process.kill(process.pid, 'SIGKILL');
    }, argument as 'sync');
  } else if (verb === 'bounded') {
    const backend = await openLmdb(folder, { commitTimeoutMs: Number(argument) });
    const late = await backend.write((batch) => batch.put('extents', 1, new Uint8Array(1)), 'group').then(
      () => 'done',
      (error) => ({ code: error.code, outcome: error.outcome }),
    );
    say(late);
    process.kill(process.pid, 'SIGKILL');
  }
}

function codeOf(error: unknown): unknown {
  if (!isRegaliaError(error)) throw error;
  return { code: error.code, outcome: error.outcome, message: error.message };
}

main().catch((error: unknown) => say(codeOf(error)));
