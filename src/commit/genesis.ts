/**
 * The beginning of a store: its identity, its rules, and a first commit of an empty root, so that
 * every branch has a head and every two histories of the store have a commit in common.
 */

import { NO_EVENT } from '../clock/event.js';
import { WHOLE } from '../clock/id.js';
import type { Batch, Engine } from '../engine/engine.js';
import { type Commit, commitAddress } from '../log/commit.js';
import { putPool } from '../log/shares.js';
import { encodeRules } from '../streams/rule.js';
import { writeEmptyRoot } from '../tree/root.js';
import { Core, type Identity, putIdentity, type Settings, timeOf } from './core.js';
import type { HeadStep } from './door.js';
import { Writers } from './writers.js';

export const MAIN = 'main';

/** Begins a store in an empty engine. */
export async function begin(engine: Engine, settings: Settings): Promise<Identity> {
  const identity: Identity = {
    store: settings.random(16),
    replica: settings.random(16),
    algorithm: settings.algorithm,
    incarnation: 0,
    createdMs: timeOf(settings),
  };
  const core = new Core(engine, settings, identity);
  await core.blocks.reserve(1);
  await core.sequences.reserve(1);
  const writers = new Writers(core.cache, core.blocks);
  const root = writeEmptyRoot(writers.for(identity.algorithm), encodeRules(settings.rules));
  const commit: Commit = {
    algorithm: identity.algorithm,
    bucket: identity.store,
    root: root.address,
    heads: undefined,
    parents: [],
    maps: [],
    mapsBefore: [],
    stamp: NO_EVENT,
    actor: undefined,
    replica: identity.replica,
    incarnation: identity.incarnation,
    sequence: core.sequences.take(),
    timeMs: identity.createdMs,
    message: 'init',
  };
  const address = commitAddress(commit);
  const { createdMs: timeMs, store: bucket } = identity;
  const write = (batch: Batch): readonly HeadStep[][] => {
    putIdentity(batch, identity);
    writers.blocks.emit(batch);
    core.history.append(batch, commit, {
      rootBlock: root.id,
      headsBlock: undefined,
    });
    putPool(batch, WHOLE);
    return [[{ cause: 'init', commit: address, timeMs }]];
  };
  await core.door.set([{ bucket, branch: MAIN }], write, 'sync');
  writers.blocks.published();
  return identity;
}
