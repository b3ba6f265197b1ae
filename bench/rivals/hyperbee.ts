/**
 * Rival: hyperbee, an append-only B-tree on hypercore, with history and diffs, without merge.
 *
 * Each block is hashed into a Merkle tree and signed as ours may be. Its storage does not wait for
 * the disk.
 */
import { batches, type Write } from '../harness/workload.js';
import { loadRival } from './load.js';

interface Batch {
  put(key: string, value: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

interface Bee {
  readonly version: number;
  ready(): Promise<void>;
  close(): Promise<void>;
  batch(): Batch;
  get(key: string): Promise<{ value: Uint8Array } | null>;
  createReadStream(range?: { gte?: string; limit?: number }): AsyncIterable<{ value: Uint8Array }>;
  checkout(version: number): Bee;
  createDiffStream(other: number | Bee): AsyncIterable<unknown>;
}

interface Cores {
  ready(): Promise<void>;
  close(): Promise<void>;
  get(options: { name: string }): unknown;
}

type BeeClass = new (core: unknown, options: object) => Bee;
type CoresClass = new (folder: string) => Cores;

/** Opens a store, or gives undefined where hyperbee is not installed. */
export async function openHyperbee(folder: string): Promise<HyperbeeStore | undefined> {
  const Corestore = (await loadRival('corestore')) as CoresClass | undefined;
  const Hyperbee = (await loadRival('hyperbee')) as BeeClass | undefined;
  if (Corestore === undefined || Hyperbee === undefined) return undefined;
  const cores = new Corestore(folder);
  await cores.ready();
  const bee = new Hyperbee(cores.get({ name: 'bench' }), {
    keyEncoding: 'utf-8',
    valueEncoding: 'binary',
  });
  await bee.ready();
  return new HyperbeeStore(cores, bee);
}

export class HyperbeeStore {
  readonly name = 'hyperbee';
  readonly #cores: Cores;
  readonly #bee: Bee;

  constructor(cores: Cores, bee: Bee) {
    this.#cores = cores;
    this.#bee = bee;
  }

  /** The state now, to diff from later. */
  get version(): number {
    return this.#bee.version;
  }

  /** All of `writes`, in batches of `size` each. */
  async load(writes: Iterable<Write>, size = 1_000): Promise<void> {
    for (const batch of batches(writes, size)) await this.commit(batch);
  }

  async commit(writes: Iterable<Write>): Promise<void> {
    const batch = this.#bee.batch();
    for (const [key, content] of writes) await batch.put(key, content);
    await batch.flush();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return (await this.#bee.get(key))?.value;
  }

  async scan(gte?: string, limit?: number): Promise<number> {
    let count = 0;
    const range = { ...(gte !== undefined && { gte }), ...(limit !== undefined && { limit }) };
    for await (const { value } of this.#bee.createReadStream(range)) if (value.length >= 0) count++;
    return count;
  }

  /** The number of keys that differ between two versions. */
  async diff(from: number, to = this.#bee.version): Promise<number> {
    let count = 0;
    for await (const _ of this.#bee.checkout(to).createDiffStream(from)) count++;
    return count;
  }

  async close(): Promise<void> {
    await this.#bee.close();
    await this.#cores.close();
  }
}
