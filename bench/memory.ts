/**
 * How much memory do a bulk load and an import take beyond what is mapped from files? The peak of
 * anonymous resident memory, the process itself included, polled while they run; each in a process
 * of its own.
 */

import { importTree } from '../src/fs/import.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { inChild } from './harness/child.js';
import { mebibyte, openOurs, stream } from './harness/ours.js';
import { treeToImport } from './harness/tree.js';
import { type Peak, peakOf } from './harness/watch.js';
import { filesShuffled } from './harness/workload.js';

const files = 1_000_000;
const limit = 300;

interface Work {
  readonly folder: string;
  readonly count: number;
  readonly seed: number;
  readonly tree: string;
}

export function loadPeak({ folder, count, seed }: Work): Promise<Peak> {
  return peakOf(async (look) => {
    const store = await openOurs(folder);
    const tx = store.begin();
    let puts = 0;
    for (const [key, content] of filesShuffled(count, seed)) {
      tx.put(key, stream, content);
      if (++puts % 5_000 === 0) look();
    }
    await tx.commit({ durability: 'sync' });
    await store.close();
  });
}

export function importPeak({ folder, tree }: Work): Promise<Peak> {
  return peakOf(async () => {
    const store = await openOurs(folder);
    const tx = store.begin();
    await importTree(tx, tree, '/');
    await tx.commit({ durability: 'sync' });
    await store.close();
  });
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  const count = context.sized(files);
  const tree = treeToImport(context);
  const cases = [
    ['loadPeak', `load of ${count}, one transaction`],
    ['importPeak', `import of ${tree}`],
  ] as const;
  for (const [name, text] of cases) {
    const work: Work = { folder: context.folder(name), count, seed: context.seed, tree };
    const { result } = await inChild<Peak>(import.meta.url, name, work);
    const target = { of: 'ours', atMost: limit } as const;
    rows.push(
      { case: `${text}: anonymous`, unit: 'MiB', ours: result.anonymousBytes / mebibyte, target },
      { case: `${text}: before it`, unit: 'MiB', ours: result.startBytes / mebibyte },
      { case: `${text}: with mapped files`, unit: 'MiB', ours: result.residentBytes / mebibyte },
    );
  }
  return rows;
}

const bench: Bench = {
  name: 'memory',
  question: 'How much memory do a bulk load and an import take, beside mapped files?',
  run,
};
export default bench;
