/**
 * Exchange between replicas of a bucket: what one has, the pack of what another lacks, taking such
 * a pack in, and making a replica from one.
 *
 * What comes in goes to tracking branches, `replica/ID/BRANCH` by the sender's replica id, and
 * never to a working head: merging them is a step of its own. Packs name their branches so already,
 * also when others pass them on. A tracking branch goes forward: a pack that came late, or that its
 * sender made after a reset, leaves it where it is. A replica is a new store with the id of the
 * bucket. Its pool is a share of the clock that the store it came from gave away, or nothing: then
 * it can be read, but not written to until it is granted one.
 */

import { type Address, addressText, sameAddress } from '../blocks/address.js';
import { sourceBytes } from '../chunks/source.js';
import { type Id, isId } from '../clock/id.js';
import { Core, type Identity, putIdentity, type Settings, timeOf } from '../commit/core.js';
import type { HeadPlace, HeadStep, Heads } from '../commit/door.js';
import { MAIN } from '../commit/genesis.js';
import type { Batch, Reads } from '../engine/engine.js';
import { hex } from '../ground/bytes.js';
import {
  alreadyExists,
  badOption,
  badPack,
  isRegaliaError,
  noShare,
  notFound,
} from '../ground/errors.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { isAncestor } from '../log/ancestry.js';
import { branches, isTracking } from '../log/branches.js';
import type { CommitGraph } from '../log/frontier.js';
import type { Move } from '../log/reflog.js';
import { acceptPart, giveShare, putPool } from '../log/shares.js';
import { exportPack } from '../sync/export.js';
import { decodeHave, encodeHave, have, haveCommits } from '../sync/have.js';
import { importPack, type PublishedPart, type PutCommits } from '../sync/import.js';
import type { Want } from '../sync/pack-format.js';
import { hasStore, makeFolder } from './folder.js';
import type { ExportOptions, ImportOptions, PackLacks, PackSource } from './options.js';
import { movesOf } from './reflog.js';
import type { Scope } from './scope.js';
import { firstVolume, openChunks } from './volumes.js';

/** What came with a pack. */
export interface ImportOutcome {
  /** 32 hexadecimal digits. */
  readonly bucket: string;
  /** The tracking branches that name commits of the pack now, and which. */
  readonly branches: readonly { readonly name: string; readonly commit: string }[];
  /** The tracking branches that stay where they were: the pack would not take them forward. */
  readonly left: readonly LeftBranch[];
  /** Commits and blocks that were new here. */
  readonly commits: number;
  readonly blocks: number;
  /** Of the commits, those without what came before them: history is cut off there. */
  readonly cut: number;
  /** The pack's length. */
  readonly bytes: number;
  /** Whether contents outside metadata, and commits of nested buckets, came along. */
  readonly contents: boolean;
  readonly nested: boolean;
}

/** A tracking branch that a pack did not move. */
export interface LeftBranch {
  readonly name: string;
  /** Where it stays. */
  readonly commit: string;
  /** The pack's commit, which is not known to come after that. */
  readonly offered: string;
}

/** The branch at hand, which a nested bucket has no row for. */
function ownBranch(scope: Scope): Want {
  return { branch: scope.line.branch, commit: scope.head().address };
}

/** What this store has of a bucket, as a few lines of text for another. Durable first. */
export async function reportHave(scope: Scope): Promise<string> {
  const { bucket, core } = scope;
  const own = ownBranch(scope);
  await core.engine.flush();
  core.engine.refresh();
  const { heads: stored } = have(core.engine, bucket);
  const heads = stored.some(({ branch }) => branch === own.branch) ? stored : [...stored, own];
  return utf8Text(encodeHave({ bucket, heads })) as string;
}

/** The pack of what a receiver lacks. */
export function packFor(
  scope: Scope,
  { branches: names, ...options }: ExportOptions,
): AsyncGenerator<Uint8Array> {
  return packOf(scope, wantsOf(scope, names), options);
}

function packOf(
  { bucket, core }: Scope,
  wants: readonly Want[],
  { have, ...rest }: Omit<ExportOptions, 'branches'>,
): AsyncGenerator<Uint8Array> {
  const haves = have === undefined ? [] : havesOf(have, bucket);
  const { blocks, history } = core;
  return exportPack({ blocks, history }, { bucket, wants, haves, ...rest });
}

function havesOf(text: string, bucket: Uint8Array): Address[] {
  const theirs = decodeHave(utf8Bytes(text));
  if (hex(theirs.bucket) !== hex(bucket)) {
    throw badOption('have', `that of bucket ${hex(bucket)}`, `of bucket ${hex(theirs.bucket)}`);
  }
  return haveCommits(theirs);
}

/** Branches by the names that the receiver shall track them under. */
function wantsOf(scope: Scope, names: readonly string[] | undefined): Want[] {
  const reads = scope.refreshed();
  const chosen = names ?? localBranches(scope, reads);
  return chosen.map((name) => {
    const found = scope.branchAt(name, reads);
    if (found === undefined) throw notFound('branch', name);
    return { branch: sentAs(scope, name), commit: found.head };
  });
}

function sentAs({ core }: Scope, name: string): string {
  return isTracking(name) ? name : trackingName(core.identity.replica, name);
}

/** The branch at hand, and those that are the bucket's own and nobody else's. */
function localBranches(scope: Scope, reads: Reads): string[] {
  const names = Array.from(branches(reads, scope.bucket), ({ name }) => name);
  const own = scope.line.branch;
  return [...new Set([own, ...names.filter((name) => !isTracking(name))])];
}

function trackingName(replica: Uint8Array, branch: string): string {
  return `replica/${hex(replica)}/${branch}`;
}

/** Reads a pack of this bucket. Nothing of it is seen before all of it is here and sound. */
export async function receivePack(
  { bucket, core }: Scope,
  source: PackSource,
  options: ImportOptions,
): Promise<ImportOutcome> {
  core.checkWritable();
  const { blocks, history, settings } = core;
  const { reset = false, ...rest } = options;
  const left: LeftBranch[] = [];
  const result = await importPack(
    { blocks, history },
    sourceBytes(source, options.signal, 'import'),
    {
      ...rest,
      bucket,
      check: checkTracking,
      trusted: () => ownHeads(core.engine, bucket),
      publish: async ({ heads, isLast }, puts) => {
        let behind: LeftBranch[] = [];
        const publish = (batch: Batch, stored: Heads): readonly HeadStep[][] => {
          return puts(batch, () => {
            behind = reset ? [] : behindIn(heads, stored, graphIn(history, batch));
            return fetched(heads, stored, core.timeMs(), behind);
          });
        };
        await core.door.set(
          placesOf(bucket, heads),
          publish,
          isLast ? settings.durability : 'none',
        );
        left.push(...behind);
      },
    },
  );
  const { heads, commits, cut, blocks: count, bytes, contents, nested } = result;
  const stay = new Set(left.map(({ name }) => name));
  const branches = heads
    .filter(({ branch }) => !stay.has(branch))
    .map(({ branch, commit }) => ({ name: branch, commit: addressText(commit) }));
  const counts = { commits, cut, blocks: count, bytes, contents, nested };
  return { bucket: hex(bucket), branches, left, ...counts };
}

/** What the branches name that are nobody else's. */
function ownHeads(reads: Reads, bucket: Uint8Array): Address[] {
  const heads: Address[] = [];
  for (const { name, head } of branches(reads, bucket)) if (!isTracking(name)) heads.push(head);
  return heads;
}

/** History as a write sees it. */
function graphIn(history: Core['history'], reads: Reads): CommitGraph {
  return {
    entry: (address) => history.entry(address, reads),
    entryAt: (bucket, sequence) => history.entryAt(bucket, sequence, reads),
  };
}

/** The tracking branches that would not go forward. */
function behindIn(heads: readonly Want[], stored: Heads, graph: CommitGraph): LeftBranch[] {
  const left: LeftBranch[] = [];
  for (const [i, { branch, commit }] of heads.entries()) {
    const there = stored[i];
    if (there === undefined || sameAddress(there, commit) || isAhead(graph, commit, there))
      continue;
    left.push({ name: branch, commit: addressText(there), offered: addressText(commit) });
  }
  return left;
}

/** Whether a commit is known to come after another: not where history is cut off before that. */
function isAhead(graph: CommitGraph, commit: Address, there: Address): boolean {
  try {
    return isAncestor(graph, there, commit);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_HORIZON')) return false;
    throw error;
  }
}

/** REGALIA_PACK for a pack that would move anything but tracking branches. */
function checkTracking(wants: readonly Want[]): void {
  for (const { branch } of wants) {
    if (isTracking(branch)) continue;
    throw badPack('branch', 0, 'a tracking branch, replica/ID/BRANCH', branch);
  }
}

function placesOf(bucket: Uint8Array, heads: readonly Want[]): HeadPlace[] {
  return heads.map(({ branch }) => ({ bucket, branch }));
}

/** The steps of tracking branches from where they are stored, but for those that stay there. */
function fetched(
  heads: readonly Want[],
  stored: Heads,
  timeMs: number,
  left: readonly LeftBranch[] = [],
): HeadStep[][] {
  const stay = new Set(left.map(({ name }) => name));
  return heads.map(({ branch, commit }, i) => {
    const there = stored[i];
    const isThere = there !== undefined && sameAddress(there, commit);
    return isThere || stay.has(branch) ? [] : [{ commit, cause: 'fetch', timeMs }];
  });
}

const GRANT = 'regalia grant 1';

/**
 * Gives a share of the store's pool away, as a line of text that another replica of the bucket
 * accepts once. That it is given is durable before it leaves: a share that gets lost is harmless,
 * one used twice is not. REGALIA_STAMP where there is none.
 */
export async function grantShare({ bucket, core }: Scope): Promise<{ text: string; id: Id }> {
  core.checkWritable();
  const id = await core.engine.write(giveShare, 'sync');
  if (id === undefined) throw noShare('this store', '`accept` what `grant` returns at a replica');
  return { text: `${GRANT} ${hex(bucket)} ${id}`, id };
}

/** Adds a share that another replica granted. REGALIA_STAMP where it overlaps one that is here. */
export async function acceptShare({ bucket, core }: Scope, text: string): Promise<void> {
  core.checkWritable();
  const [, of, id = ''] = /^regalia grant 1 ([0-9a-f]{32}) ([01]+)$/.exec(text.trim()) ?? [];
  if (of !== hex(bucket) || !isId(id)) {
    throw badOption('grant', `a grant for bucket ${hex(bucket)}`, text.slice(0, 100));
  }
  await core.engine.write((batch) => acceptPart(batch, id), 'sync');
}

/** A new store whose root is the bucket, with a share of this one's pool. */
export async function cloneInto(folder: string, scope: Scope): Promise<void> {
  const { bucket, core } = scope;
  core.checkWritable();
  if (await hasStore(folder)) throw alreadyExists('store', folder);
  const head = scope.head().address;
  const { id } = await grantShare(scope);
  const replica = core.settings.random(16);
  // A detached branch may have the name of the one at hand, which is what is cloned.
  const own = { branch: sentAs(scope, scope.line.branch), commit: head };
  const others = wantsOf(scope, undefined).filter(({ branch }) => branch !== own.branch);
  const pack = packOf(scope, [own, ...others], {});
  const past = [...movesOf(scope, { reverse: true })];
  // Where history is cut off here, it is in the clone.
  const lacks = { shallow: true };
  await receiveInto(folder, core.settings, pack, lacks, { id, replica, bucket, head, past });
  // What the clone has is known here from the first: so the next delta is one.
  const heads = [{ branch: trackingName(replica, MAIN), commit: head }];
  const { durability } = core.settings;
  const track = (_: Batch, stored: Heads) => fetched(heads, stored, core.timeMs());
  await core.door.set(placesOf(bucket, heads), track, durability);
}

/** What a clone is given beside the pack. */
interface Given {
  readonly id: Id;
  readonly replica: Uint8Array;
  readonly bucket: Uint8Array;
  readonly head: Address;
  /** Where the branch was here, oldest first. */
  readonly past: readonly Move[];
}

/** A new store from a pack of anybody's. */
export async function receiveInto(
  folder: string,
  settings: Settings,
  pack: PackSource,
  lacks: PackLacks,
  given?: Given,
): Promise<void> {
  await makeFolder(folder, async (engine, within) => {
    const identity: Identity = {
      store: given?.bucket ?? new Uint8Array(16),
      replica: given?.replica ?? settings.random(16),
      algorithm: settings.algorithm,
      incarnation: 0,
      createdMs: timeOf(settings),
    };
    await firstVolume(within, engine, identity, settings);
    const chunks = openChunks(within, engine, identity, settings);
    try {
      const core = new Core(engine, settings, identity, chunks);
      const { blocks, history } = core;
      await core.sequences.reserve(1);
      await importPack({ blocks, history }, sourceBytes(pack, undefined, 'import'), {
        ...lacks,
        bucket: given?.bucket,
        check: (wants) => {
          checkTracking(wants);
          mainOf(wants);
        },
        publish: (part, puts) => publishFirst(core, given, part, puts),
      });
      await engine.flush();
    } finally {
      await chunks.close();
    }
  });
}

/** Writes the last commits of a new store's first pack, with its identity and branches. */
function publishFirst(
  { door, history, identity, settings }: Core,
  given: Given | undefined,
  { bucket, wants, heads, isLast }: PublishedPart,
  puts: PutCommits,
): Promise<boolean> {
  const timeMs = timeOf(settings);
  if (!isLast) {
    const some = (batch: Batch, stored: Heads): readonly HeadStep[][] =>
      puts(batch, () => fetched(heads, stored, timeMs));
    return door.set(placesOf(bucket, heads), some, 'none');
  }
  const head = given?.head ?? mainOf(wants);
  const places = [...placesOf(bucket, heads), { bucket, branch: MAIN }];
  const first = (batch: Batch, stored: Heads): readonly HeadStep[][] => {
    const algorithm = head[0] as Identity['algorithm'];
    putIdentity(batch, { ...identity, store: bucket, algorithm });
    if (given !== undefined) putPool(batch, given.id);
    const isHere = ({ commit }: Move): boolean => history.entry(commit, batch) !== undefined;
    const past = given?.past.filter(isHere) ?? [];
    const clone: HeadStep = { commit: head, cause: 'clone', timeMs };
    return [...fetched(heads, stored, timeMs), [...past, clone]];
  };
  return door.set(places, (batch, stored) => puts(batch, () => first(batch, stored)), 'sync');
}

function mainOf(heads: readonly Want[]): Address {
  const found = heads.find(({ branch }) => branch.endsWith(`/${MAIN}`)) ?? heads[0];
  if (found !== undefined) return found.commit;
  throw badPack('wants', 0, 'at least one branch', 'none');
}
