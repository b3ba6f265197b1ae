/**
 * Publishing: the one write that makes commits count. The head is compared with the one they were
 * built on; if it moved, or they may not count on the share of their branch, none is written. Where
 * others have built on the commits meanwhile, their blocks go with the next write.
 */
import { addressText, sameAddress } from '../blocks/address.js';
import type { Durability } from '../engine/engine.js';
import { putBranch } from '../log/branches.js';
import type { Built } from './builder.js';
import type { Line, Tip } from './line.js';
import { countCommits } from './shares.js';
import type { Writers } from './writers.js';

/** Staged bytes from which a flush is long: on this thread it would stop the event loop. */
const LONG_BYTES = 262_144;

/** Resolves with whether the head was still `from`, once the commits are as durable as asked. */
export async function publish(
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
  let published = false;
  try {
    published = await core.engine.write((batch) => {
      const row = line.row.read(batch);
      if (row === undefined || !sameAddress(row.head, from.address)) return false;
      if (row.id !== from.id || !countCommits(batch, line, row, built.commits)) return false;
      for (const writer of writers) writer.blocks.emit(batch);
      for (const { address, commit, rootBlock, headsBlock } of built.commits) {
        const signature = built.signatures.get(addressText(address));
        core.history.append(batch, commit, { rootBlock, headsBlock, signature });
      }
      putBranch(batch, line.owner, line.branch, { head: built.tip.address, id: row.id });
      return true;
    }, how);
  } finally {
    if (!published && line.isBuiltOn) for (const writer of writers) writer.blocks.failed();
    line.finished(built.commits, published);
  }
  if (!published) return false;
  for (const writer of writers) writer.blocks.published();
  await core.blocks.index.fold();
  for (const watcher of core.watchers) watcher(line.owner, line.branch);
  return true;
}
