/**
 * A process that opens a store and asks one thing of it, on a machine that fails it: what it came
 * to is a line of JSON. Arguments: the folder, a verb, and a number.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, cpSync, openSync, writeSync } from 'node:fs';
import { isRegaliaError, Regalia } from '../../src/index.js';

const [, , folder = '', verb = 'read', count = '0'] = process.argv;

function say(fact: unknown): void {
  writeSync(1, `${JSON.stringify(fact)}\n`);
}

/** What a call came to: 'done', or a code with what goes with it. */
async function attempt(name: string, work: () => unknown): Promise<void> {
  try {
    await work();
    say({ name, outcome: 'done' });
  } catch (error) {
    if (!isRegaliaError(error)) say({ name, outcome: `uncoded: ${error}` });
    else {
      const { code, retryable, message } = error;
      say({ name, outcome: code, retryable, message: message.slice(0, 200) });
    }
  }
}

/** Takes all descriptors but so many. Imports nothing from then on: that would need one. */
function leave(free: number): void {
  execFileSync('prlimit', ['--pid', `${process.pid}`, '--nofile=96:']);
  const taken: number[] = [];
  try {
    for (;;) taken.push(openSync('/dev/null', 'r'));
  } catch {
    for (const descriptor of taken.slice(0, free)) closeSync(descriptor);
  }
}

const content = (letter: string): Uint8Array => Buffer.alloc(5_000, letter);

async function write(store: Regalia): Promise<void> {
  for (const letter of 'def') {
    await attempt('write', () => {
      return store.transact((tx) => tx.write(`/${letter}`, 'content', content(letter)));
    });
  }
}

async function read(store: Regalia): Promise<void> {
  await attempt('read', () => store.snapshot().get('/c', 'content')?.bytes());
}

/** What there is to say of a store whose process has no descriptor left. */
async function starve(store: Regalia): Promise<void> {
  leave(0);
  await read(store);
  await attempt('verify', async () => {
    for await (const row of store.verify()) {
      if (row.kind !== 'summary') say({ name: 'fault', outcome: `${row.kind}: ${row.what}` });
    }
  });
  await attempt('repair', async () => {
    const { lost } = await store.repair();
    if (lost > 0) say({ name: 'repair', outcome: `${lost} lost` });
  });
  await write(store);
}

/** Opens so many stores at once: copies of one, to be read. */
async function many(count: number): Promise<void> {
  await attempt('many', async () => {
    const stores: Regalia[] = [];
    await (await Regalia.open(`${folder}/0`)).close();
    for (let i = 1; i < count; i++) cpSync(`${folder}/0`, `${folder}/${i}`, { recursive: true });
    for (let i = 0; i < count; i++) {
      stores.push(await Regalia.open(`${folder}/${i}`, { readOnly: true, workers: 0 }));
    }
    for (const store of stores) await store.close();
  });
}

async function main(): Promise<void> {
  if (verb === 'many') {
    await many(Number(count));
    process.exit(0);
  }
  if (verb === 'few') leave(Number(count));
  let store: Regalia | undefined;
  await attempt('open', async () => {
    store = await Regalia.open(folder, { readOnly: verb === 'read', workers: 0 });
  });
  if (store !== undefined) {
    if (verb === 'starve') await starve(store);
    else await read(store);
    if (verb === 'write' || verb === 'few') await write(store);
    const { close } = store;
    if (verb !== 'starve') await attempt('close', () => close.call(store));
  }
  process.exit(0);
}

await main();
