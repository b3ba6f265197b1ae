/**
 * A process that commits beside others: `FOLDER count NAME COUNT` counts one number up that often,
 * eight at once; `FOLDER put NAME COUNT` puts as many entries, four at once, some of them twice;
 * `FOLDER mix NAME COUNT` moves some of them, and writes long contents beside some, with a
 * durability of its own each. It prints how many bodies ran, and what was acknowledged, as JSON.
 */
import { Regalia } from '../../src/index.js';
import { bytes, textAt } from './setup.js';

const [folder = '', verb = '', name = '', count = ''] = process.argv.slice(2);
const store = await Regalia.open(folder, { create: false });
let bodies = 0;
let begun = 0;
const acknowledged: string[] = [];

async function countUp(): Promise<void> {
  await store.transact((tx) => {
    bodies++;
    tx.put('/count', 's', bytes(`${Number(textAt(tx, '/count')) + 1}`));
  });
}

/** Every third is the same as the one before it, and so may change nothing. */
async function putOne(i: number): Promise<void> {
  const key = `/p${name}/k${i % 3 === 2 ? i - 1 : i}`;
  await store.transact((tx) => {
    bodies++;
    tx.put(key, 's', bytes(key));
  });
  acknowledged.push(`${key} ${key}`);
}

/** What can be built at once, what must be merged, and what waits for volumes. */
async function mixOne(i: number): Promise<void> {
  const key = `/p${name}/k${i}`;
  const home = i % 30 === 7 ? `/q${name}/k${i}` : key;
  const durability = (['sync', 'group', 'none'] as const)[i % 3];
  await store.transact(
    async (tx) => {
      bodies++;
      tx.put(key, 's', bytes(home));
      const long = Buffer.alloc(200_000, `${name} ${i}`);
      if (i % 20 === 0) await tx.write(`/p${name}/long${i}`, 'content', long);
      if (home !== key) tx.move(key, home);
    },
    { durability },
  );
  acknowledged.push(`${home} ${home}`);
}

async function work(): Promise<void> {
  while (begun < Number(count)) {
    const i = begun++;
    await (verb === 'count' ? countUp() : verb === 'put' ? putOne(i) : mixOne(i));
  }
}

await Promise.all(Array.from({ length: verb === 'count' ? 8 : 4 }, work));
await store.close();
process.stdout.write(JSON.stringify({ bodies, acknowledged }));
