/**
 * A whole pack, small enough to be shown: of a store of two commits. As block-examples.ts.
 */
import { Regalia } from '../../src/index.js';
import type { Example } from './block-examples.js';

/** A store whose clock and randomness are played. */
function open(): Promise<Regalia> {
  let fill = 0;
  return Regalia.memory({
    now: () => 1_700_000_000_000,
    random: (length) => new Uint8Array(length).fill(++fill),
  });
}

async function exported(): Promise<{ pack: Uint8Array; head: string }> {
  const store = await open();
  await store.transact((tx) => tx.put('/bee', 'note', Uint8Array.of(7)), { message: 'add' });
  const parts: Uint8Array[] = [];
  for await (const part of store.export()) parts.push(part);
  const { head } = store.stats();
  await store.close();
  return { pack: new Uint8Array(Buffer.concat(parts)), head };
}

const { pack, head } = await exported();

export const packExamples: readonly Example[] = [
  {
    name: 'pack',
    bytes: pack,
    read: async (bytes) => {
      const store = await open();
      const { branches, commits } = await store.import([bytes]);
      const found = store.snapshot({ branch: branches[0]?.name ?? '' }).get('/bee', 'note')?.inline;
      await store.close();
      return { commit: branches[0]?.commit, commits, found };
    },
    // The first commit is in both: they are one store.
    holds: { commit: head, commits: 1, found: Uint8Array.of(7) },
  },
];
