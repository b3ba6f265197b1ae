/**
 * The chapters about two stores: a replica is made, both change, and deltas bring them together.
 */
import { Regalia } from '../src/index.js';
import type { TourContext } from './chapters.js';
import { count, rate, seconds, size } from './voice.js';

const CHANGED_BYTES = 100_000;

export async function exchange(context: TourContext, folder: string): Promise<Regalia> {
  const { store, voice, signal } = context;
  voice.chapter('A replica, and how little is sent to keep it up to date');
  const before = performance.now();
  await store.clone(folder);
  const replica = await Regalia.open(folder);
  voice.line(`cloned with all history in ${seconds(performance.now() - before)}`);
  await store.transact((tx) => tx.put('/notes/here', 'content', noise(CHANGED_BYTES)), {
    message: 'here: a new entry',
    signal,
  });
  await replica.transact((tx) => tx.put('/notes/there', 'content', noise(CHANGED_BYTES)), {
    message: 'there: another one',
    signal,
  });
  voice.line(`each side adds ${size(CHANGED_BYTES)} that the other does not have`);
  const all = store.stats().referencedBytes;
  const forth = await send(context, store, replica);
  voice.line(`here to there: ${size(forth)} sent, of ${size(all)} in the store`);
  const back = await send(context, replica, store);
  voice.line(`there to here: ${size(back)} sent`);
  const same = store.info().commit === replica.info().commit;
  voice.line(
    `both are at ${store.info().commit.slice(7, 19)}: ${same ? 'the same commit' : 'no!'}`,
  );
  return replica;
}

/**
 * Sends a delta from one store to another, and merges it there; returns the bytes that were sent.
 */
async function send({ signal }: TourContext, from: Regalia, to: Regalia): Promise<number> {
  const pack = from.export({ have: await to.have(), branches: ['main'], signal });
  const { bytes, branches } = await to.import(pack, { signal });
  for (const { name } of branches) await to.merge({ branch: name }, { signal });
  return bytes;
}

export async function verifyAll(context: TourContext, replica: Regalia): Promise<void> {
  const { store, voice, signal } = context;
  voice.chapter('Everything is read again and checked against its hash');
  for (const [name, each] of [['store', store] as const, ['replica', replica] as const]) {
    const before = performance.now();
    const onProgress = ({ blocks, total }: { blocks: number; total: number }) => {
      voice.bar(blocks, total, 'blocks');
    };
    for await (const row of each.verify({ signal, onProgress })) {
      voice.endBar();
      if (row.kind !== 'summary') {
        voice.line(`${name}: ${row.kind} at ${row.key}: ${row.what}`);
        continue;
      }
      const ms = performance.now() - before;
      const speed = rate(row.blocks, ms, 'blocks');
      const figures = `${count(row.blocks)} blocks, ${size(row.bytes)}, ${speed}`;
      const result = row.faults === 0 ? 'sound' : `${row.faults} faults`;
      voice.line(`${name.padEnd(7)} ${figures}: ${result}`);
    }
  }
}

/** Bytes that no compression makes smaller. */
function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let seed = length + performance.now();
  for (let i = 0; i < length; i++) {
    seed = (seed * 48_271) % 2_147_483_647;
    bytes[i] = seed >>> 8;
  }
  return bytes;
}
