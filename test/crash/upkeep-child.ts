/**
 * A process that writes contents, and looks after them meanwhile: `FOLDER NAME FIRST SEED ROLE`.
 * Commit n, from FIRST on, puts `contentOf(NAME, n)`. Each one that was acknowledged is printed as
 * a line with its number. A `keeper` collects, repairs, codes and drains as well, and gives the
 * store other volumes in the place of drained ones, whose folders it removes; a `writer` only
 * writes. It goes on until it is killed.
 */
import { rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { isRegaliaError, Regalia, type Transaction } from '../../src/index.js';
import { draftOf } from '../../src/store/transaction.js';
import { Dice } from '../model/dice.js';
import { contentOf, keyOf, OPTIONS } from './upkeep.js';

const [folder = '', name = 'a', first = '1', seed = '1', role = 'writer'] = process.argv.slice(2);
const dice = new Dice(Number(seed));
const store = await Regalia.open(path.join(folder, 'store'), OPTIONS);
let next = Number(first);

function say(line: string): void {
  writeSync(1, `${line}\n`);
}

async function commit(): Promise<void> {
  const number = next++;
  const put = async (tx: Transaction): Promise<void> => {
    await tx.write(keyOf(name, number), 'content', contentOf(name, number));
  };
  await store.transact(put, { message: `${name} ${number}`, retries: 100 });
  say(`${number}`);
}

/** A transaction that comes to nothing, with chunks in segments and rows that nothing refers to. */
async function abandon(): Promise<void> {
  const tx = store.begin();
  await tx.write('/gone', 'content', contentOf('gone', dice.below(1_000)));
  const { blocks } = draftOf(tx).fork.writers;
  await blocks.prepare();
  tx[Symbol.dispose]();
}

async function drain(): Promise<void> {
  const volumes = (await store.volumes()).filter(({ state }) => state !== 'missing');
  const { path: from } = dice.pick(volumes);
  await store.addVolume(path.join(folder, `v${process.pid}-${next}-${dice.below(1_000_000)}`));
  const { stuck } = await store.drainVolume(from);
  // What another moves meanwhile may look stuck.
  if (stuck > 0) return;
  try {
    await store.removeVolume(from);
  } catch (error) {
    // Somebody has landed there meanwhile: it is drained again some other time.
    if (!isRegaliaError(error, 'REGALIA_VOLUME')) throw error;
    return;
  }
  rmSync(from, { recursive: true, force: true });
}

const UPKEEP = [
  (): Promise<unknown> => store.gc({ graceMs: 0, deadShare: 0.1 }),
  (): Promise<unknown> => store.gc({ graceMs: 0, deadShare: 0 }),
  (): Promise<unknown> => store.repair({ restedMs: 0 }),
  drain,
  abandon,
];

/** Runs what may fail since another was quicker. */
async function kept(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    // The other may have removed the volume, too.
    const quicker = ['REGALIA_CONFLICT', 'REGALIA_VOLUME', 'REGALIA_NOT_FOUND'];
    if (!isRegaliaError(error) || !quicker.includes(error.code)) throw error;
  }
}

say('ready');
for (;;) {
  if (role === 'writer') await commit();
  else if (dice.chance(0.3)) await commit();
  else if (dice.chance(0.5)) await kept(dice.pick(UPKEEP));
  else await Promise.all([commit(), kept(dice.pick(UPKEEP)), kept(dice.pick(UPKEEP))]);
}
