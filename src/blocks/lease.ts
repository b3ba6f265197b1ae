/**
 * Leases: ranges of numbers that this process alone gives out, so that concurrent writers never
 * wait for each other and no number is ever used twice. A process that ends leaves the rest of its
 * range unused: numbers are plenty.
 *
 *     meta row   name -> u48, the first number not leased yet
 */

import type { Batch, Engine, Table } from '../engine/engine.js';
import { assert, corrupt, full } from '../ground/errors.js';
import { u48Bytes } from '../ground/integers.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { openRow, sealRow } from './rows.js';

const FIRST_RANGE = 64;
const LARGEST_RANGE = 65_536;

export class Lease {
  readonly #engine: Engine;
  readonly #key: Uint8Array;
  readonly #name: string;
  readonly #limit: number;
  readonly #table: Table;
  /** Ranges of numbers not given out, [from, until). */
  readonly #ranges: [number, number][] = [];
  #next = FIRST_RANGE;
  #leasing: Promise<void> | undefined;

  /** Numbers of 1 to `limit` - 1. A table that has rows shows that some were leased. */
  constructor(engine: Engine, name: string, limit: number, table: Table) {
    this.#engine = engine;
    this.#name = name;
    this.#key = utf8Bytes(name);
    this.#limit = limit;
    this.#table = table;
  }

  get available(): number {
    let sum = 0;
    for (const [from, until] of this.#ranges) sum += until - from;
    return sum;
  }

  /**
   * Makes sure that `count` numbers can be taken at once when this resolves. Nobody sets them
   * aside: others who waited as well may take them first, so who goes on later looks whether they
   * are still `available`. REGALIA_FULL where there are no more.
   */
  async reserve(count: number): Promise<void> {
    while (this.available < count) {
      this.#leasing ??= this.#lease(count).finally(() => {
        this.#leasing = undefined;
      });
      await this.#leasing;
    }
  }

  /** A number, once there is one. REGALIA_FULL. */
  async next(): Promise<number> {
    while (this.available === 0) await this.reserve(1);
    return this.take();
  }

  /**
   * Begins to reserve more where fewer than `below` are left. A failure shows when numbers are
   * needed.
   */
  replenish(below: number): void {
    if (this.available >= below || this.#leasing !== undefined) return;
    this.reserve(below).catch(() => {});
  }

  /** Gives back what is left of the last range, if nobody leased after it. */
  async release(): Promise<void> {
    const last = this.#ranges.pop();
    if (last === undefined) return;
    await this.#engine.write((batch) => {
      if (this.#first(batch) === last[1]) this.#put(batch, last[0]);
    }, 'none');
  }

  async #lease(atLeast: number): Promise<void> {
    const count = Math.max(atLeast, this.#next);
    this.#next = Math.min(LARGEST_RANGE, this.#next * 4);
    const from = await this.#engine.write((batch) => this.#raise(batch, count), 'none');
    this.#ranges.push([from, from + count]);
  }

  #raise(batch: Batch, count: number): number {
    const from = this.#first(batch) ?? 1;
    // Numbers never come back.
    if (from + count > this.#limit) throw full(`the store's ${this.#name}`, { retryable: false });
    this.#put(batch, from + count);
    return from;
  }

  /** The first number not leased yet. */
  #first(batch: Batch): number | undefined {
    const row = batch.get('meta', this.#key);
    if (row === undefined) return this.#none(batch);
    const reader = new ByteReader(openRow('meta', this.#key, row), 'lease');
    const number = reader.u48();
    reader.end();
    return number;
  }

  /** REGALIA_CORRUPT where the row was lost: numbers that are in use would be given out again. */
  #none(batch: Batch): undefined {
    for (const _ of batch.range(this.#table, { limit: 1 })) {
      throw corrupt(`row ${this.#name}`, 'the first number not leased', 'no row');
    }
    return undefined;
  }

  #put(batch: Batch, next: number): void {
    batch.put('meta', this.#key, sealRow('meta', this.#key, u48Bytes(next)));
  }

  take(): number {
    const range = this.#ranges[0];
    assert(range !== undefined, `${this.#name} were reserved before they were taken`);
    const number = range[0]++;
    if (range[0] >= range[1]) this.#ranges.shift();
    return number;
  }
}
