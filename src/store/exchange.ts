/**
 * Exchange between replicas of a bucket: what one has, the pack of what another lacks, and taking
 * such a pack in.
 *
 * What comes in lands on tracking branches, `replica/ID/BRANCH` by the sender's replica id, and
 * never on a working head: merging them is a step of its own. Packs name their branches so already,
 * whoever passes them on.
 */
import { type Address, addressText } from '../blocks/address.js';
import { decodeId, encodeId } from '../clock/encoding.js';
import { type Id, split, sum } from '../clock/id.js';
import type { Core } from '../commit/core.js';
import { type Line, noBranch } from '../commit/line.js';
import { hex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import * as log from '../log/branches.js';
import { exportPack } from '../sync/export.js';
import { decodeHave, encodeHave, have, haveCommits } from '../sync/have.js';
import { importPack } from '../sync/import.js';
import type { Want } from '../sync/pack-format.js';
import { badOption } from './options.js';

export interface ExportOptions {
  /** What the receiver has, as its `have` told; all is sent without it. */
  readonly have?: string | undefined;
  /** The branches to send: all local ones unless told. */
  readonly branches?: readonly string[] | undefined;
  /** Whether contents outside metadata travel along. Yes unless told. */
  readonly contents?: boolean | undefined;
  /** Whether an index of keys is written. Unless told: where there is no have. */
  readonly index?: boolean | undefined;
  /** The byte to begin at, to go on with a transfer that broke. */
  readonly from?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface ImportOptions {
  readonly signal?: AbortSignal | undefined;
  /** Told of the bytes taken in so far. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
  /**
   * Whether commits that name an actor must be signed ('required'), or only right if they are
   * ('checked').
   */
  readonly signatures?: 'checked' | 'required' | undefined;
}

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

/** What this store holds of a bucket, as a few lines of text for another. Durable first. */
export async function tellHave(core: Core, bucket: Uint8Array, own: Want): Promise<string> {
  core.check();
  await core.engine.flush();
  core.engine.refresh();
  const held = have(core.engine, bucket);
  const heads = held.heads.some(({ branch }) => branch === own.branch)
    ? held.heads
    : [...held.heads, own];
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
  const told = decodeHave(utf8Bytes(text));
  if (hex(told.bucket) !== hex(bucket)) {
    throw badOption('have', `that of bucket ${hex(bucket)}`, `of bucket ${hex(told.bucket)}`);
  }
  return haveCommits(told);
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
    if (head === undefined) throw noBranch(name);
    const branch = TRACKING.test(name) ? name : trackingName(core.identity.replica, name);
    return { branch, commit: head };
  });
}

export function trackingName(replica: Uint8Array, branch: string): string {
  return `replica/${hex(replica)}/${branch}`;
}

/** Takes a pack of this bucket in. Nothing is seen of it before all of it is there and sound. */
export async function takeIn(
  core: Core,
  bucket: Uint8Array,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportOutcome> {
  core.checkWritable();
  const { blocks, history, settings } = core;
  const { signal, onProgress, signatures } = options;
  const result = await importPack({ blocks, history }, source, {
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
export function checkTracking(branch: string): void {
  if (TRACKING.test(branch)) return;
  throw new RegaliaError('REGALIA_PACK', `a pack may move tracking branches alone, not ${branch}`, {
    what: 'branch',
    at: 0,
    expected: 'replica/ID/BRANCH',
    actual: branch,
  });
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
    if (row?.id === undefined) throw noBranch(line.branch);
    const [kept, given] = split(row.id);
    log.putBranch(batch, owner, line.branch, { ...row, id: kept });
    return given;
  }, 'sync');
  return { text: `${GRANT} ${hex(owner)} ${hex(encodeId(id))}`, id };
}

/**
 * Takes a share that another replica granted. REGALIA_STAMP where it overlaps what is held already.
 */
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
    if (row === undefined) throw noBranch(line.branch);
    const id = row.id === undefined ? given : sum(row.id, given);
    log.putBranch(batch, owner, line.branch, { ...row, id });
  }, 'sync');
}
