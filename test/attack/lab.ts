/**
 * The laboratory of attacks: a store that is attacked, what came of it, whether it can be used
 * after it, and a meter of work, so that what never ends is a failure and no test that hangs.
 */

import { hex } from '../../src/ground/bytes.js';
import { type ImportOptions, isRegaliaError, Regalia } from '../../src/index.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { bytes } from '../store/setup.js';
import { collect } from '../sync/setup.js';
import { Forger, LIAR } from './forger.js';

/** The branch that a forged pack moves. */
export const LIARS_MAIN: string = `replica/${hex(LIAR)}/main`;

/** A store with a few entries, and a forger that rests on it. */
export async function victim(): Promise<{ store: Regalia; forger: Forger }> {
  const store = await Regalia.memory();
  await store.transact((tx) => {
    tx.put('/a', 's', bytes('a'));
    tx.put('/d/b', 's', bytes('b'));
  });
  return { store, forger: await Forger.on(store) };
}

/** What a call came to: 'done', a code, or what else it threw. */
export async function cameTo(work: () => unknown): Promise<string> {
  try {
    await work();
    return 'done';
  } catch (error) {
    return isRegaliaError(error) ? error.code : `${error}`;
  }
}

/** What taking a pack in came to. */
export function takenIn(
  store: Regalia,
  pack: Uint8Array,
  options?: ImportOptions,
): Promise<string> {
  return cameTo(() => store.import([pack], options));
}

/** Whether a pack is refused as one that lies: with a code that says so, and without a trace. */
export async function isRefused(store: Regalia, pack: Uint8Array): Promise<boolean> {
  const before = branchesOf(store);
  const outcome = await takenIn(store, pack);
  const isLie = ['REGALIA_PACK', 'REGALIA_STAMP', 'REGALIA_SIGNATURE'].includes(outcome);
  return isLie && branchesOf(store) === before;
}

export function branchesOf(store: Regalia): string {
  return [...store.branches].map(({ name, commit }) => `${name} ${commit}`).join('\n');
}

/** What of a store can't be used any more: calls, and what they came to. */
export async function brokenCalls(store: Regalia): Promise<string[]> {
  const broken: string[] = [];
  const call = async (name: string, work: () => unknown): Promise<void> => {
    const outcome = await cameTo(work);
    if (outcome !== 'done') broken.push(`${name}: ${outcome}`);
  };
  await call('write', () => store.transact((tx) => tx.put('/later', 's', bytes('later'))));
  await call('fork', () => store.fork(`fork-${broken.length}`));
  await call('export', () => collect(store.export()));
  await call('walk', () => [...store.snapshot().walk()].length);
  await call('log', () => [...store.log({ key: '/later' })].length);
  for await (const fault of store.verify()) {
    if (fault.kind !== 'summary') broken.push(`verify: ${fault.kind} ${fault.what}`);
  }
  return broken;
}

/** Thrown by what does more work than it may. */
export class OverBudget extends Error {}

/** Runs something that may ask for so many nodes, cached or not. */
export async function within<T>(nodes: number, work: () => Promise<T>): Promise<T> {
  const { load } = NodeCache.prototype;
  let loads = 0;
  NodeCache.prototype.load = function counted(...args) {
    if (++loads > nodes) throw new OverBudget(`more than ${nodes} nodes`);
    return load.apply(this, args);
  };
  try {
    return await work();
  } finally {
    NodeCache.prototype.load = load;
  }
}
