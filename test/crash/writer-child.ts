/**
 * The writing process: `FOLDER DURABILITY COUNT [PLANT]`, the durability also 'mix'. Each commit
 * that was acknowledged is written as a line with its number, straight to standard output; a
 * failure as a line `failed CODE OUTCOME`.
 *
 * PLANT is a bug planted to see the harness fail: `early` reports a commit before it is
 * acknowledged, `drop` loses a block of a commit on its way to the engine, `lie` writes other bytes
 * than planned. `pause` is none: it rests now and then, until the engine has its log in its tables.
 */
import { writeSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { isRegaliaError, Regalia } from '../../src/index.js';
import { contentsOf } from '../model/truth.js';
import { edit } from './plan.js';

/** Longer than the engine waits before it does. */
const PAUSE_MS = 700;
const [folder = '', durability = 'group', count = '12', plant = ''] = process.argv.slice(2);

function say(line: string | number): void {
  writeSync(1, `${line}\n`);
}

/** 'mix' is each in turn. */
function durabilityOf(number: number): 'sync' | 'group' | 'none' {
  if (durability !== 'mix') return durability as 'sync';
  return (['none', 'sync', 'none', 'group', 'none'] as const)[number % 5] ?? 'none';
}

async function write(store: Regalia): Promise<void> {
  for (let number = 1; number <= Number(count); number++) {
    const tx = store.begin();
    await edit(tx, number);
    if (plant === 'early') say(number);
    if (plant === 'drop' && number === 5) dropBlock();
    if (plant === 'lie' && number === 5) tx.put('/lie', 'stat', contentsOf('20x1'));
    const asked = durabilityOf(number);
    await tx.commit({ message: `commit ${number}`, durability: asked });
    // Of a mix those are told that rest on what is on disk.
    const isTold = durability !== 'mix' || asked !== 'none';
    if (plant !== 'early' && isTold) say(number);
    if (plant === 'pause' && number % 4 === 3) await setTimeout(PAUSE_MS);
  }
}

/** The next block that goes to the engine does not arrive there. */
function dropBlock(): void {
  const { emit } = BlockWriter.prototype;
  BlockWriter.prototype.emit = function (batch) {
    let left = 1;
    const put: typeof batch.put = (table, key, bytes) => {
      if (table === 'extents' && left-- > 0) return;
      batch.put(table, key, bytes);
    };
    emit.call(this, { ...bound(batch), put });
    if (left < 1) BlockWriter.prototype.emit = emit;
  };
}

function bound(batch: Parameters<BlockWriter['emit']>[0]): typeof batch {
  return {
    put: (table, key, bytes) => batch.put(table, key, bytes),
    del: (table, key) => batch.del(table, key),
    get: (table, key) => batch.get(table, key),
    view: (table, key) => batch.view(table, key),
    range: (table, range) => batch.range(table, range),
    count: (table) => batch.count(table),
  };
}

let store: Regalia | undefined;
try {
  store = await Regalia.open(folder, { durability: durabilityOf(1), adopt: true });
  await write(store);
} catch (error) {
  say(isRegaliaError(error) ? `failed ${error.code} ${error.outcome}` : `failed ${error}`);
}
await store?.close().catch((error: unknown) => {
  say(isRegaliaError(error) ? `close ${error.code}` : `close ${error}`);
});
say('ended');
