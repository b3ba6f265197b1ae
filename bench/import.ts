/**
 * How fast is a directory tree imported, beside `git add -A && git commit`, and once more after ten
 * files changed, beside a bare walk of the same tree in Node? Nothing on the disk is touched: ten
 * files count as changed because the store is told another time of them. The tree is read once
 * before the clocks start, so that all find it in memory.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { importTree } from '../src/fs/import.js';
import { decodeStat, encodeStat } from '../src/fs/stat.js';
import type { Regalia } from '../src/index.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { openOurs } from './harness/ours.js';
import { samplePairs, sampleTimes, timed } from './harness/sample.js';
import { bareWalk, treeToImport } from './harness/tree.js';
import { watchStalls } from './harness/watch.js';
import { leaveOut } from './rivals/load.js';

const changed = 10;
const samples = 7;

async function importAll(store: Regalia, tree: string): Promise<number> {
  const tx = store.begin();
  const { entries, changed: found } = await importTree(tx, tree, '/');
  await tx.commit({ durability: 'sync' });
  if (entries === 0) throw new Error(`${tree} is empty`);
  return found;
}

/** Commits another modification time for ten regular files, spread over the tree. */
async function pretendChanges(store: Regalia): Promise<void> {
  const keys: string[] = [];
  for (const entry of store.snapshot().walk('/')) {
    if (entry.get('content') !== undefined) keys.push(entry.key);
  }
  const tx = store.begin();
  for (let i = 0; i < changed; i++) {
    const key = keys[Math.floor(((i + 0.5) * keys.length) / changed)] as string;
    const stat = decodeStat(tx.get(key, 'stat')?.inline as Uint8Array);
    tx.put(key, 'stat', encodeStat({ ...stat, mtimeNs: stat.mtimeNs - 1_000_000_000n }));
  }
  await tx.commit();
}

function git(context: Context, tree: string): number | undefined {
  const folder = context.folder('git');
  const words = ['--git-dir', folder, '--work-tree', tree];
  const run = (...more: string[]): void => {
    execFileSync('git', [...words, '-c', 'user.name=b', '-c', 'user.email=b@b', ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
      maxBuffer: 2 ** 30,
    });
  };
  try {
    execFileSync('git', ['init', '--quiet', '--bare', folder]);
    execFileSync('git', ['--git-dir', folder, 'config', 'core.bare', 'false']);
    const start = performance.now();
    run('add', '-A');
    run('commit', '--quiet', '-m', 'import');
    return (performance.now() - start) / 1000;
  } catch (error) {
    leaveOut('git', error instanceof Error ? (error.message.split('\n')[0] as string) : 'failed');
    return undefined;
  }
}

async function run(context: Context): Promise<Row[]> {
  const tree = treeToImport(context);
  spawnSync('tar', ['-cf', '/dev/null', '--ignore-failed-read', tree], { stdio: 'ignore' });
  const entries = bareWalk(tree);
  const store = await openOurs(context.folder('ours'));
  const stalled = watchStalls();
  const first = await timed(() => importAll(store, tree));
  const stalls = await stalled();
  const rival = git(context, tree);
  const again = await samplePairs(
    samples,
    async () => {
      await pretendChanges(store);
      return timed(async () => {
        const found = await importAll(store, tree);
        if (found < changed) throw new Error(`${found} changes found`);
      });
    },
    () => timed(() => bareWalk(tree)),
  );
  const find = await sampleTimes(samples, () =>
    spawnSync('find', [tree, '-printf', '%s %T@\\n'], { stdio: 'ignore' }),
  );
  const { referencedBytes, inlineBytes, bytes } = store.stats();
  await store.close();
  const target = { of: 'ratio', atMost: 1 } as const;
  const megabytes = Math.round((referencedBytes + inlineBytes) / 1e6);
  return [
    {
      case: `import of ${tree}, ${entries} names, ${megabytes} MB`,
      unit: 's',
      ours: first / 1000,
      rival,
      rivalName: 'git add, commit',
      target,
    },
    { case: 'its file', unit: 'MB', ours: bytes / 1e6 },
    {
      case: 'longest stall of the import',
      unit: 'ms',
      ours: stalls.maxMs,
      target: { of: 'ours', atMost: 20 },
    },
    {
      case: `again, ${changed} files changed`,
      unit: 'ms',
      ...again,
      rivalName: 'readdir, lstat',
      target: { of: 'ratio', atMost: 1.7 },
    },
    {
      case: `again, ${changed} files changed`,
      unit: 'ms',
      ours: again.ours,
      rival: find,
      rivalName: 'find',
    },
  ];
}

const bench: Bench = {
  name: 'import',
  question: 'How fast is a directory tree imported, at first and again?',
  run,
};
export default bench;
