/**
 * Exchange between replicas of a bucket: what one has, the pack of what another lacks, taking such
 * a pack in, and making a replica from one.
 *
 * What comes in goes to tracking branches, `replica/ID/BRANCH` by the sender's replica id, and
 * never to a working head: merging them is a step of its own. Packs name their branches so already,
 * whoever passes them on. A replica is a new store with the id of the bucket. Its branch has half
 * the share of the one it came from, or none, and then it can be read, but not written to until it
 * is granted one.
 */

import path from 'node:path';
import { type Address, addressText } from '../blocks/address.js';
import { sourceBytes } from '../chunks/source.js';
import { decodeId, encodeId } from '../clock/encoding.js';
import { type Id, split, sum } from '../clock/id.js';
import { Core, type Identity, putIdentity, type Settings } from '../commit/core.js';
import { MAIN } from '../commit/genesis.js';
import type { Line } from '../commit/line.js';
import { openLmdb } from '../engine/lmdb.js';
import { hex } from '../ground/bytes.js';
import { badOption, badPack, notFound } from '../ground/errors.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import * as log from '../log/branches.js';
import { putBranch } from '../log/branches.js';
import { exportPack } from '../sync/export.js';
import { decodeHave, encodeHave, have, haveCommits } from '../sync/have.js';
import { importPack } from '../sync/import.js';
import type { Want } from '../sync/pack-format.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { makeFolder } from './folder.js';
import type { ExportOptions, ImportOptions, PackSource } from './options.js';
import { firstVolume, openChunks } from './volumes.js';

/** What came with a pack. */
export interface ImportOutcome {
  /** 32 hexadecimal digits. */
  readonly bucket: string;
  /** The tracking branches that moved, and where to. */
  readonly branches: readonly { readonly name: string; readonly commit: string }[];
  /** Commits and blocks that were new here. */
  readonly commits: number;
  readonly blocks: number;
  /** The pack's length. */
  readonly bytes: number;
}

const TRACKING = /^replica\/[0-9a-f]{32}\/./;

/** What this store has of a bucket, as a few lines of text for another. Durable first. */
export async function reportHave(core: Core, bucket: Uint8Array, own: Want): Promise<string> {
  core.check();
  await core.engine.flush();
  core.engine.refresh();
  const { heads: stored } = have(core.engine, bucket);
  const heads = stored.some(({ branch }) => branch === own.branch) ? stored : [...stored, own];
  return utf8Text(encodeHave({ bucket, heads })) as string;
}

/**
 * The pack of what a receiver lacks. `own` is the branch at hand, which a nested bucket has no row
 * for.
 */
export function packFor(
  core: Core,
  bucket: Uint8Array,
  own: Want,
  options: ExportOptions,
): AsyncGenerator<Uint8Array> {
  core.check();
  core.engine.refresh();
  const { contents, index, from, signal } = options;
  const haves = options.have === undefined ? [] : havesOf(options.have, bucket);
  const wants = wantsOf(core, bucket, own, options.branches);
  const { blocks, history } = core;
  return exportPack({ blocks, history }, { bucket, wants, haves, contents, index, from, signal });
}

function havesOf(text: string, bucket: Uint8Array): Address[] {
  const theirs = decodeHave(utf8Bytes(text));
  if (hex(theirs.bucket) !== hex(bucket)) {
    throw badOption('have', `that of bucket ${hex(bucket)}`, `of bucket ${hex(theirs.bucket)}`);
  }
  return haveCommits(theirs);
}

/** Branches by the names that the receiver shall track them under. */
function wantsOf(
  core: Core,
  bucket: Uint8Array,
  own: Want,
  names: readonly string[] | undefined,
): Want[] {
  const all = [...log.branches(core.engine, bucket)];
  const local = all.filter(({ name }) => !TRACKING.test(name)).map(({ name }) => name);
  const chosen = names ?? [...new Set([own.branch, ...local])];
  return chosen.map((name) => {
    const commit = all.find((one) => one.name === name)?.head;
    const head = commit ?? (name === own.branch ? own.commit : undefined);
    if (head === undefined) throw notFound('branch', name);
    const branch = TRACKING.test(name) ? name : trackingName(core.identity.replica, name);
    return { branch, commit: head };
  });
}

function trackingName(replica: Uint8Array, branch: string): string {
  return `replica/${hex(replica)}/${branch}`;
}

/** Reads a pack of this bucket. Nothing of it is seen before all of it is here and sound. */
export async function receivePack(
  core: Core,
  bucket: Uint8Array,
  source: PackSource,
  options: ImportOptions,
): Promise<ImportOutcome> {
  core.checkWritable();
  const { blocks, history, settings } = core;
  const { signal, onProgress, signatures } = options;
  const result = await importPack({ blocks, history }, sourceBytes(source, signal, 'import'), {
    bucket,
    signal,
    onProgress,
    signatures,
    durability: settings.durability,
    publish: (batch, { heads }) => {
      for (const { branch, commit } of heads) {
        checkTracking(branch);
        log.putBranch(batch, bucket, branch, { head: commit, id: undefined });
      }
    },
  });
  const branches = result.heads.map(({ branch, commit }) => {
    return { name: branch, commit: addressText(commit) };
  });
  const { commits, blocks: count, bytes } = result;
  return { bucket: hex(bucket), branches, commits, blocks: count, bytes };
}

/** REGALIA_PACK for a pack that would move anything but tracking branches. */
function checkTracking(branch: string): void {
  if (TRACKING.test(branch)) return;
  throw badPack('branch', 0, 'a tracking branch, replica/ID/BRANCH', branch);
}

const GRANT = 'regalia grant 1';

/**
 * Splits the line's share of the interval and gives half away, as a line of text that another
 * replica accepts once. The half that is kept is durable before the other leaves: a half that gets
 * lost is harmless, one used twice is not.
 */
export async function grantShare(line: Line): Promise<{ text: string; id: Id }> {
  const { core, owner } = line;
  core.checkWritable();
  const id = await core.engine.write((batch) => {
    const row = log.branch(batch, owner, line.branch);
    if (row?.id === undefined) throw notFound('branch', line.branch);
    const [kept, given] = split(row.id);
    log.putBranch(batch, owner, line.branch, { ...row, id: kept });
    return given;
  }, 'sync');
  return { text: `${GRANT} ${hex(owner)} ${hex(encodeId(id))}`, id };
}

/** Adds a share that another replica granted. REGALIA_STAMP where it overlaps one that is here. */
export async function acceptShare(line: Line, text: string): Promise<void> {
  const { core, owner } = line;
  core.checkWritable();
  const [, bucket, share] = /^regalia grant 1 ([0-9a-f]{32}) ([0-9a-f]*)$/.exec(text.trim()) ?? [];
  if (bucket !== hex(owner) || share === undefined) {
    throw badOption('grant', `a grant for bucket ${hex(owner)}`, text.slice(0, 100));
  }
  const given = decodeId(new Uint8Array(Buffer.from(share, 'hex')));
  await core.engine.write((batch) => {
    const row = log.branch(batch, owner, line.branch);
    if (row === undefined) throw notFound('branch', line.branch);
    const id = row.id === undefined ? given : sum(row.id, given);
    log.putBranch(batch, owner, line.branch, { ...row, id });
  }, 'sync');
}

/** A bucket at one of its branches. */
export interface Cloned {
  readonly bucket: Uint8Array;
  readonly branch: string;
  readonly commit: Address;
}

export async function cloneInto(
  folder: string,
  core: Core,
  line: Line,
  from: Cloned,
): Promise<void> {
  const { bucket, branch, commit } = from;
  const { id } = await grantShare(line);
  const pack = packFor(core, bucket, { branch, commit }, {});
  const replica = core.settings.random(16);
  await receiveInto(folder, core.settings, pack, { id, replica, bucket, head: commit });
  // What the clone has is known here from the first: so the next delta is one.
  const tracking = trackingName(replica, MAIN);
  await core.engine.write(
    (batch) => putBranch(batch, bucket, tracking, { head: commit, id: undefined }),
    core.settings.durability,
  );
}

/** What a clone is given beside the pack. */
interface Given {
  readonly id: Id;
  readonly replica: Uint8Array;
  readonly bucket: Uint8Array;
  readonly head: Address;
}

/** A new store from a pack of anybody's. */
export async function receiveInto(
  folder: string,
  settings: Settings,
  pack: PackSource,
  given?: Given,
): Promise<void> {
  await makeFolder(folder, async (generation) => {
    const engine = await openLmdb(generation, { create: true });
    let closing: ChunkStore | undefined;
    try {
      const identity: Identity = {
        store: given?.bucket ?? new Uint8Array(16),
        replica: given?.replica ?? settings.random(16),
        algorithm: settings.algorithm,
        incarnation: 0,
        createdMs: Math.max(0, Math.floor(settings.now())),
      };
      const place = path.dirname(generation);
      await firstVolume(place, engine, identity, settings);
      const chunks = openChunks(place, engine, identity, settings);
      closing = chunks;
      const { blocks, history, sequences } = new Core(engine, settings, identity, chunks);
      await sequences.reserve(1);
      await importPack({ blocks, history }, sourceBytes(pack, undefined, 'import'), {
        bucket: given?.bucket,
        durability: 'sync',
        publish: (batch, { bucket, heads }) => {
          for (const { branch } of heads) checkTracking(branch);
          const main = given?.head ?? mainOf(heads);
          const algorithm = main[0] as Identity['algorithm'];
          putIdentity(batch, { ...identity, store: bucket, algorithm });
          for (const { branch, commit } of heads) {
            putBranch(batch, bucket, branch, { head: commit, id: undefined });
          }
          putBranch(batch, bucket, MAIN, { head: main, id: given?.id });
        },
      });
      await engine.flush();
    } finally {
      await closing?.close();
      await engine.close();
    }
  });
}

function mainOf(heads: readonly { branch: string; commit: Address }[]): Address {
  const found = heads.find(({ branch }) => branch.endsWith(`/${MAIN}`)) ?? heads[0];
  if (found !== undefined) return found.commit;
  throw badPack('wants', 0, 'at least one branch', 'none');
}
