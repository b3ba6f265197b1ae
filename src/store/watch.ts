/**
 * Watching a branch: its commits as they are published, whoever made them, from the call on. Those
 * of this process are seen at once; those of others are looked for a few times a second.
 */
import { sameAddress } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { throwIfAborted } from '../ground/errors.js';
import { commitsBetween } from '../log/ancestry.js';
import { type CommitInfo, commitInfo } from '../log/commit.js';
import { sameSubtree } from '../tree/equal.js';
import { type Names, parseKey } from '../tree/key.js';
import type { WatchOptions } from './options.js';
import type { Scope } from './scope.js';

const POLL_MS = 200;

/** Commits to the branch of a bucket. REGALIA_KEY and REGALIA_NOT_FOUND at once. */
export function watchLine(
  scope: Scope,
  { key, signal }: WatchOptions,
): AsyncGenerator<CommitInfo, void, undefined> {
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
  while (!ended(core, signal)) {
    const now = scope.head();
    if (sameAddress(now.address, seen.address)) {
      await nextChange(core, line, signal);
      continue;
    }
    const { history } = core;
    for (const { address } of commitsBetween(history, [seen.address], [now.address])) {
      const commit = history.commit(address);
      const [parent] = commit.parents;
      const touches =
        names === undefined ||
        parent === undefined ||
        !sameSubtree(core.treeOf(parent), core.treeOf(address), names);
      if (touches) yield commitInfo(address, commit);
    }
    seen = now;
  }
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

function ended(core: Core, signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true || core.closed;
}
