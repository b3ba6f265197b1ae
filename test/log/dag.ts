/**
 * Small histories in memory: commits named by number, with any parents before them and clocks that
 * may lie; and the obvious model of ancestry, a set of numbers for each commit.
 */
import fc from 'fast-check';
import { type Address, addressKey } from '../../src/blocks/address.js';
import { type Event, joinEvents, lift } from '../../src/clock/event.js';
import type { Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import type { Commit } from '../../src/log/commit.js';
import type { LogEntry } from '../../src/log/entry.js';
import { History, type LocalFacts } from '../../src/log/history.js';

export const BUCKET = new Uint8Array(16).fill(0xb0);
export const NO_BLOCKS: LocalFacts = {
  rootBlock: undefined,
  headsBlock: undefined,
};

/** An address that stands for a block of no interest. */
export function someAddress(number: number): Address {
  const address = new Uint8Array(33).fill(number % 256, 5);
  address[0] = SHA256;
  new DataView(address.buffer).setUint32(1, number);
  return address;
}

/** A commit of bucket BUCKET, unless `fields` say otherwise. */
export function someCommit(fields: Partial<Commit> = {}): Commit {
  const { parents = [] } = fields;
  return {
    algorithm: SHA256,
    bucket: BUCKET,
    root: someAddress(1),
    heads: undefined,
    parents,
    maps: parents.map(() => undefined),
    mapsBefore: [],
    stamp: 1,
    actor: undefined,
    replica: new Uint8Array(16).fill(0x4e),
    incarnation: 1,
    sequence: 0,
    timeMs: 1_700_000_000_000,
    message: '',
    ...fields,
  };
}

/** Parents by number, first parent first, and the committer's clock. */
export interface Step {
  readonly parents: readonly number[];
  readonly timeMs: number;
}

/** Histories with several roots, octopus merges, criss-crosses and skewed clocks. */
export function someSteps(maxLength: number): fc.Arbitrary<Step[]> {
  const one = fc.record({
    back: fc.array(fc.nat(6), { maxLength: 3 }),
    timeMs: fc.nat(40),
    isRoot: fc.nat(20),
  });
  return fc.array(one, { minLength: 1, maxLength, size: 'max' }).map((all) =>
    all.map(({ back, timeMs, isRoot }, number) => {
      const near = back.map((distance) => number - 1 - distance).filter((at) => at >= 0);
      const parents = near.length === 0 && number > 0 && isRoot > 0 ? [number - 1] : near;
      return { parents: [...new Set(parents)], timeMs };
    }),
  );
}

export class Dag {
  readonly engine: Engine;
  readonly history: History;
  readonly addresses: Address[] = [];
  readonly commits: Commit[] = [];
  /** For each commit, itself and all before it. */
  readonly ancestors: Set<number>[] = [];
  readonly #numbers = new Map<string, number>();

  constructor(engine: Engine = openMemory()) {
    this.engine = engine;
    this.history = new History(engine);
  }

  static async of(steps: readonly Step[]): Promise<Dag> {
    const dag = new Dag();
    await dag.appendAll(steps);
    return dag;
  }

  async appendAll(steps: readonly Step[]): Promise<void> {
    await this.engine.write((batch) => {
      for (const step of steps) {
        const commit = this.#commitOf(step);
        const entry = this.history.append(batch, commit, NO_BLOCKS);
        this.#note(entry, commit, step);
      }
    }, 'none');
  }

  #commitOf({ parents, timeMs }: Step): Commit {
    const stamps = parents.map((number) => (this.commits[number] as Commit).stamp);
    const stamp = lift(stamps.reduce(joinEvents, 0 as Event), 1);
    const number = this.commits.length;
    return someCommit({
      parents: parents.map((parent) => this.addresses[parent] as Address),
      stamp,
      timeMs,
      sequence: number,
      root: someAddress(number),
    });
  }

  #note(entry: LogEntry, commit: Commit, { parents }: Step): void {
    const number = this.addresses.length;
    this.#numbers.set(addressKey(entry.address), number);
    this.addresses.push(entry.address);
    this.commits.push(commit);
    const all = new Set([number]);
    for (const parent of parents) for (const each of this.ancestors[parent] ?? []) all.add(each);
    this.ancestors.push(all);
  }

  numberOf(address: Address): number {
    return this.#numbers.get(addressKey(address)) ?? -1;
  }

  numbersOf(addresses: Iterable<Address>): number[] {
    return [...addresses].map((address) => this.numberOf(address)).sort((a, b) => a - b);
  }

  /** The model: common ancestors that are no ancestors of another. */
  modelBases(a: number, b: number): number[] {
    const common = [...(this.ancestors[a] ?? [])].filter((each) => this.ancestors[b]?.has(each));
    const isBest = (each: number): boolean =>
      !common.some((other) => other !== each && this.ancestors[other]?.has(each));
    return common.filter(isBest).sort((x, y) => x - y);
  }
}
