/**
 * Watching a branch: its commits as they land, whoever made them. Commits of this process are heard
 * at once; those of other processes are looked for a few times a second.
 */
import { sameAddress } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import type { Line, LocalCommit } from '../commit/line.js';
import { throwIfAborted } from '../ground/errors.js';
import { commitsBetween } from '../log/ancestry.js';
import { type CommitInfo, commitInfo } from '../log/commit.js';
import { sameSubtree } from '../tree/equal.js';
import { type Key, parseKey } from '../tree/key.js';

export interface WatchOptions {
  /** Only commits that change anything at or beneath this key. */
  readonly key?: Key;
  /** Ends the watch: the iteration is done, without an error. */
  readonly signal?: AbortSignal;
}

const POLL_MS = 200;

export async function* watchLine(
  core: Core,
  line: Line,
  head: () => LocalCommit,
  options: WatchOptions,
): AsyncGenerator<CommitInfo, void, undefined> {
  const { signal } = options;
  throwIfAborted(signal, 'watch');
  const names = options.key === undefined ? undefined : parseKey(options.key);
  let seen = head();
  while (!ended(core, signal)) {
    await nextChange(core, line, signal);
    if (ended(core, signal)) return;
    const now = head();
    if (sameAddress(now.address, seen.address)) continue;
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
