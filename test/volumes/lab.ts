/**
 * What the tests of upkeep of contents share: a store in a folder with several volumes beside it,
 * the contents that it shall have, and ways to lose and to damage what lies on volumes.
 */
import assert from 'node:assert/strict';
import { closeSync, openSync, readSync, renameSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import type { Core } from '../../src/commit/core.js';
import type { Engine } from '../../src/engine/engine.js';
import {
  type CommitInfo,
  Regalia,
  type RegaliaOptions,
  type Transaction,
} from '../../src/index.js';
import { scopeOf } from '../../src/store/bucket.js';
import { draftOf } from '../../src/store/transaction.js';
import { type ChunkRow, decodeChunkRow, type Place } from '../../src/volumes/chunk-row.js';
import { decodeGroupRow, type GroupRow } from '../../src/volumes/group-format.js';
import type { StorageRuleOptions } from '../../src/volumes/storage-rules.js';
import { segmentFile } from '../../src/volumes/volume-folder.js';
import { scrub } from '../verify/setup.js';
import { folderOf, OPTIONS, segmentPaths } from './setup.js';

type Redundancy = StorageRuleOptions['redundancy'];

/** A record's header, and a shard's before its bytes. */
export const HEAD = 64;

/** A store's innards. */
export function coreOf(store: Regalia): Core {
  return scopeOf(store).core;
}

export function engineOf(store: Regalia): Engine {
  return coreOf(store).engine;
}

/** A folder with a store and volumes, and what is known of the store's contents. */
export class Lab {
  readonly folder: string;
  readonly place: string;
  /** The volumes' folders: that of number n at n - 1. */
  readonly paths: string[];
  /** What each key shall hold at the head. */
  readonly contents = new Map<string, Uint8Array>();
  /** What each commit holds, by its address. */
  readonly history: { commit: CommitInfo; contents: Map<string, Uint8Array> }[] = [];
  /** What the store takes for the time, in ms: files are older. */
  nowMs = Date.now() + 3_600_000;
  readonly #options: RegaliaOptions;
  #open: Regalia | undefined;

  constructor(
    t: { teardown(work: () => Promise<void>): void },
    redundancy: Redundancy,
    options: RegaliaOptions = {},
  ) {
    // The store is closed before its folder goes.
    this.folder = folderOf({ teardown: (work) => t.teardown(() => this.close().then(work)) });
    this.place = path.join(this.folder, 'store');
    this.paths = [path.join(this.place, 'volumes', '1')];
    this.#options = {
      ...OPTIONS,
      durability: 'none',
      contentCacheBytes: 4_194_304,
      now: () => this.nowMs,
      ...options,
      default: { ...OPTIONS.default, ...(redundancy === undefined ? {} : { redundancy }) },
    };
  }

  /** The open store; it is opened where it is not. */
  async store(options: RegaliaOptions = {}): Promise<Regalia> {
    this.#open ??= await this.handle(options);
    return this.#open;
  }

  /** Another handle of the store, which the caller closes. */
  handle(options: RegaliaOptions = {}): Promise<Regalia> {
    return Regalia.open(this.place, { ...this.#options, ...options });
  }

  async close(): Promise<void> {
    const store = this.#open;
    this.#open = undefined;
    await store?.close();
  }

  /** Closes the store and opens it, so that nothing is remembered. */
  async reopen(options: RegaliaOptions = {}): Promise<Regalia> {
    await this.close();
    return this.store(options);
  }

  /** Adds volumes until there are so many. */
  async volumes(count: number): Promise<void> {
    const store = await this.store();
    while (this.paths.length < count) {
      const to = path.join(this.folder, `v${this.paths.length + 1}`);
      await store.addVolume(to);
      this.paths.push(to);
    }
  }

  /** Commits contents at once. */
  async write(contents: Readonly<Record<string, Uint8Array>>): Promise<CommitInfo> {
    const store = await this.store();
    const { commit } = await store.transact(async (tx) => {
      for (const [key, bytes] of Object.entries(contents)) await tx.write(key, 'content', bytes);
    });
    for (const [key, bytes] of Object.entries(contents)) this.contents.set(key, bytes);
    this.history.push({ commit, contents: new Map(this.contents) });
    return commit;
  }

  async remove(...keys: string[]): Promise<void> {
    const store = await this.store();
    const { commit } = await store.transact((tx) => {
      for (const key of keys) tx.del(key);
    });
    for (const key of keys) this.contents.delete(key);
    this.history.push({ commit, contents: new Map(this.contents) });
  }

  /** The keys of the head whose contents can't be read; those that read otherwise fail the test. */
  async unreadable(store?: Regalia): Promise<string[]> {
    const from = store ?? (await this.store());
    const failed: string[] = [];
    for (const [key, bytes] of this.contents) {
      try {
        const found = await from.snapshot().get(key, 'content')?.bytes();
        assert.ok(
          found !== undefined && Buffer.compare(found, bytes) === 0,
          `${key} is as written`,
        );
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        failed.push(key);
      }
    }
    return failed;
  }

  /** Whether every commit reads as it was written. */
  async isWhole(): Promise<boolean> {
    const store = await this.store();
    for (const { commit, contents } of this.history) {
      const snapshot = store.snapshot(commit.commit);
      for (const [key, bytes] of contents) {
        const found = await snapshot.get(key, 'content')?.bytes();
        if (found === undefined || Buffer.compare(found, bytes) !== 0) return false;
      }
    }
    return true;
  }

  async faults(): Promise<string[]> {
    const { faults } = await scrub(await this.store());
    return faults.map(({ kind, what, repairable }) => `${repairable ? '' : '!'}${kind}: ${what}`);
  }

  async chunks(): Promise<{ number: number; row: ChunkRow }[]> {
    return chunksOf(await this.store());
  }

  async groups(): Promise<{ number: number; row: GroupRow }[]> {
    return groupsOf(await this.store());
  }

  /** The folder of a volume by its number. */
  path(volume: number): string {
    return this.paths[volume - 1] as string;
  }

  /** The file of a place. */
  file({ volume, segment }: Place): string {
    return path.join(this.path(volume), segmentFile(segment));
  }

  segments(): string[] {
    return segmentPaths(...this.paths);
  }

  /** Flips one bit so many bytes behind where a record begins. */
  flip(place: Place, behind: number): void {
    const descriptor = openSync(this.file(place), 'r+');
    const byte = new Uint8Array(1);
    readSync(descriptor, byte, 0, 1, place.offset + behind);
    byte[0] = (byte[0] as number) ^ 4;
    writeSync(descriptor, byte, 0, 1, place.offset + behind);
    closeSync(descriptor);
  }

  /** Moves volumes' folders away, or back. */
  hide(...numbers: number[]): void {
    for (const number of numbers) renameSync(this.path(number), `${this.path(number)}.away`);
  }

  show(...numbers: number[]): void {
    for (const number of numbers) renameSync(`${this.path(number)}.away`, this.path(number));
  }

  destroy(number: number): void {
    rmSync(this.path(number), { recursive: true });
  }

  /** The id of a volume. */
  async id(number: number): Promise<string> {
    const infos = await (await this.store()).volumes();
    return infos.find((info) => info.path === this.path(number))?.id ?? 'none';
  }

  /** Removes all rows of tables. */
  async clear(...tables: ('chunks' | 'groups' | 'addresses')[]): Promise<void> {
    const engine = engineOf(await this.store());
    await engine.write((batch) => {
      for (const table of tables) {
        for (const { key } of [...batch.range(table)]) batch.del(table, key as never);
      }
    }, 'sync');
  }
}

export function chunksOf(store: Regalia): { number: number; row: ChunkRow }[] {
  const rows = [...engineOf(store).range('chunks')];
  return rows.map(({ key, bytes }) => ({ number: key, row: decodeChunkRow(key, bytes) }));
}

export function groupsOf(store: Regalia): { number: number; row: GroupRow }[] {
  const rows = [...engineOf(store).range('groups')];
  return rows.map(({ key, bytes }) => ({ number: key, row: decodeGroupRow(key, bytes) }));
}

/** Brings what a transaction has staged to segments, as a long one does on its way. */
export async function spilled(tx: Transaction): Promise<void> {
  await draftOf(tx).fork.writers.blocks.prepare();
}

/** Chunks that have rows and that no commit refers to, as of content `bytes`. */
export async function garbage(lab: Lab, bytes: Uint8Array): Promise<void> {
  const other = await lab.handle();
  const tx = other.begin();
  await tx.write('/garbage', 'content', bytes);
  await spilled(tx);
  const { blocks } = draftOf(tx).fork.writers;
  await engineOf(other).write((batch) => blocks.emit(batch), 'none');
  tx[Symbol.dispose]();
  await other.close();
}
