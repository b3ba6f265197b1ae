/**
 * Stores in memory that are replicas of one another, with a line of work in each: real packs go
 * between them, and no file is made.
 *
 * All have one id, and think that the whole clock is theirs. Each takes in the first one's history,
 * and works on a branch. Its share is one that no other uses, since each has given away, to nobody,
 * as many as those before it may lease.
 */
import { type Bucket, Regalia } from '../../src/index.js';

export interface Replica {
  readonly store: Regalia;
  readonly line: Bucket;
}

/** More than a replica leases in a test. */
const SHARES = 256;

/** Bytes that are the same in every run; those of replicas differ, but for the id of the store. */
function bytesFrom(salt: number): (length: number) => Uint8Array {
  let count = 0;
  return (length) => {
    const bytes = new Uint8Array(length);
    new DataView(bytes.buffer).setUint32(0, ++count);
    if (count > 1) bytes[4] = salt + 1;
    return bytes;
  };
}

function clock(): () => number {
  let ms = 1_700_000_000_000;
  return () => ++ms;
}

export async function openReplicas(count: number): Promise<Replica[]> {
  const now = clock();
  const replicas: Replica[] = [];
  for (let i = 0; i < count; i++) {
    const store = await Regalia.memory({ random: bytesFrom(i), now });
    const line = count === 1 ? store : await workingLine(store, i, replicas[0]);
    replicas.push({ store, line });
  }
  return replicas;
}

async function workingLine(store: Regalia, index: number, first?: Replica): Promise<Bucket> {
  if (first !== undefined) await bring(first.line, store);
  for (let i = 0; i < index * SHARES; i++) await store.grant();
  const at = first?.line.info().commit;
  return store.fork(`work-${index}`, at === undefined ? {} : { at });
}

/** Brings what a line has into another store, by a pack. */
export async function bring(from: Bucket, to: Regalia): Promise<void> {
  const pack = from.export({ have: await to.have(), branches: [from.branchName] });
  await to.import(pack);
}
