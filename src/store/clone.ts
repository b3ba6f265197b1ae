/**
 * Making a replica: a new store with the id of a bucket, filled from a pack. Its branch has half
 * the share of the one it came from, or none, and then it can be read and told what to merge, but
 * not written to until it is granted one.
 */
import path from 'node:path';
import type { Address } from '../blocks/address.js';
import type { Id } from '../clock/id.js';
import { Core, type Identity, putIdentity, type Settings } from '../commit/core.js';
import { MAIN } from '../commit/genesis.js';
import type { Line } from '../commit/line.js';
import { openLmdb } from '../engine/lmdb.js';
import { RegaliaError } from '../ground/errors.js';
import { putBranch } from '../log/branches.js';
import { importPack } from '../sync/import.js';
import type { ChunkStore } from '../volumes/chunk-store.js';
import { checkTracking, grantShare, packFor, trackingName } from './exchange.js';
import { makeFolder } from './folder.js';
import { firstVolume, openChunks } from './volumes.js';

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
  pack: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
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
      await importPack({ blocks, history }, pack, {
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
  throw new RegaliaError('REGALIA_PACK', 'a pack without branches makes no store', {
    what: 'wants',
    at: 0,
    expected: 'at least one branch',
    actual: 'none',
  });
}
