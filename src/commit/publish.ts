/**
 * Landing: the one write that makes commits count. The head is compared with the one they were
 * built on; if it moved, nothing is written. Where others have built on the commits meanwhile,
 * their blocks go with the next landing.
 */
import { addressText } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { putBranch } from '../log/branches.js';
import type { Built } from './builder.js';
import { Line, type Tip } from './line.js';
import type { Writers } from './writers.js';

/**
 * Staged bytes from which the way to the disk is long: on this thread it would hold up the event
 * loop.
 */
const LONG_BYTES = 262_144;

/** Resolves with whether the head was still `from`, once the commits are as durable as asked. */
export async function land(
  line: Line,
  from: Tip,
  built: Built,
  writers: readonly Writers[],
  durability: Durability,
): Promise<boolean> {
  const { core } = line;
  const staged = writers.reduce(
    (sum, { blocks }) => sum + blocks.storedBytes,
    core.blocks.pendingBytes,
  );
  const how = durability === 'sync' && staged > LONG_BYTES ? 'group' : durability;
  let well = false;
  try {
    well = await core.engine.write((batch) => {
      const row = line.row.read(batch);
      if (row === undefined || !Line.same(row.head, from)) return false;
      for (const writer of writers) writer.blocks.emit(batch);
      for (const { address, commit, rootBlock, headsBlock, movesBlock } of built.landed) {
        const signature = built.signatures.get(addressText(address));
        core.history.append(batch, commit, { rootBlock, headsBlock, movesBlock, signature });
      }
      putBranch(batch, line.owner, line.branch, { head: built.tip.address, id: row.id });
      return true;
    }, how);
  } finally {
    if (!well && line.isBuiltOn) for (const writer of writers) writer.blocks.failed();
    line.settled(built.landed, well);
  }
  if (!well) return false;
  for (const writer of writers) writer.blocks.published();
  await core.blocks.index.fold();
  for (const watcher of core.watchers) watcher(line.owner, line.branch);
  return true;
}
