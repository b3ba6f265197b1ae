/**
 * Watching a branch: its commits as they are published, from the call on. Those of this
 * process are seen at once; those of others are looked for a few times a second.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { throwIfAborted } from '../ground/errors.js';
import { commitsBetween } from '../log/ancestry.js';
import { type Commit, type CommitInfo, commitInfo } from '../log/commit.js';
import { sameSubtree } from '../tree/equal.js';
import { type Names, parseKey } from '../tree/key.js';
import type { WatchOptions } from './options.js';
import type { Scope } from './scope.js';

const POLL_MS = 200;

/** Commits to the branch of a bucket. REGALIA_KEY and REGALIA_NOT_FOUND at once. */
export function watchLine(scope: Scope, { key, signal }: WatchOptions): AsyncGenerator<CommitInfo> {
  throwIfAborted(signal, 'watch');
  const names = key === undefined ? undefined : parseKey(key);
  return commitsOf(scope, scope.head(), names, signal);
}

async function* commitsOf(
  scope: Scope,
  from: LocalCommit,
  names: Names | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<CommitInfo, void, undefined> {
  const { core, line } = scope;
  let seen = from;
  while (signal?.aborted !== true && core.underway.outer.isOpen) {
    const now = scope.head();
    if (sameAddress(now.address, seen.address)) {
      await nextChange(core, line, signal);
      continue;
    }
    for (const { address } of commitsBetween(core.history, [seen.address], [now.address])) {
      const commit = core.history.commit(address);
      if (touches(core, address, commit, names)) yield commitInfo(address, commit);
    }
    seen = now;
  }
}

function touches(core: Core, address: Address, { parents: [parent] }: Commit, names?: Names) {
  if (names === undefined || parent === undefined) return true;
  return !sameSubtree(core.treeOf(parent), core.treeOf(address), names);
}

/**
 * Resolves when something was committed to the line here, a moment has passed, or the signal is
 * aborted.
 */
function nextChange(core: Core, line: Line, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      core.watchers.delete(watcher);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const watcher = (owner: Uint8Array, branch: string): void => {
      if (line.is(owner, branch)) done();
    };
    const timer = setTimeout(done, POLL_MS);
    core.watchers.add(watcher);
    signal?.addEventListener('abort', done, { once: true });
  });
}
