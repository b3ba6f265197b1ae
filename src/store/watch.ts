/**
 * Watching a branch: its commits as they are published, from the call on. Those of this
 * process are seen at once; those of others are looked for a few times a second. Where the branch
 * goes back, by a reset or an undo, it is the commit that it comes to.
 *
 *     a commit here    -> next turn ─┐
 *     another process  -> poll ──────┴─> feed: is the head another one? Then each commit since is
 *                                        looked at once, and those wake up whose key it changed
 *
 * All who watch a branch share its feed, which is there while somebody waits for the next commit. A
 * watcher that does not wait is known to nobody. It knows the commit that it has come to, and goes
 * on through history from there: so one that is never read needs no room, and misses nothing.
 */
import { type Address, sameAddress } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import type { LocalCommit } from '../commit/line.js';
import { onAbort } from '../ground/abort.js';
import { hex } from '../ground/bytes.js';
import { attempt, throwIfAborted } from '../ground/errors.js';
import { commitsBetween } from '../log/ancestry.js';
import type { Commit, CommitInfo } from '../log/commit.js';
import { sameSubtree } from '../tree/equal.js';
import { type Names, parseKey } from '../tree/key.js';
import type { Tree } from '../tree/lookup.js';
import type { WatchOptions } from './options.js';
import type { Scope } from './scope.js';
import { WatchedKeys } from './watched-keys.js';

const POLL_MS = 200;
/** So many commits at once are looked at for all; more are left to each watcher's own walk. */
const TOGETHER_MAX = 64;

/** Commits to the branch of a bucket. REGALIA_KEY and REGALIA_NOT_FOUND at once. */
export function watchLine(
  scope: Scope,
  { key, signal }: WatchOptions,
): AsyncGenerator<CommitInfo, void, undefined> {
  throwIfAborted(signal, 'watch');
  const names = key === undefined ? undefined : parseKey(key);
  return new Watch(scope, names, signal);
}

type Step = IteratorResult<CommitInfo, void>;

class Watch implements AsyncGenerator<CommitInfo, void, undefined> {
  readonly #scope: Scope;
  readonly #names: Names | undefined;
  readonly #signal: AbortSignal | undefined;
  /** Commits that it knows of. */
  #ahead: Iterator<CommitInfo, void>;
  /** The commit that it has come to, with those ahead. */
  #head: LocalCommit;
  /** The last step that was asked for: they come one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  #hasEnded = false;
  #wake = (): void => undefined;

  constructor(scope: Scope, names: Names | undefined, signal: AbortSignal | undefined) {
    this.#scope = scope;
    this.#names = names;
    this.#signal = signal;
    this.#head = scope.head();
    this.#ahead = [][Symbol.iterator]();
  }

  next(): Promise<Step> {
    const step = this.#last.then(() => this.#next());
    this.#last = step.catch(() => undefined);
    return step;
  }

  async return(): Promise<Step> {
    this.#end();
    return { done: true, value: undefined };
  }

  async throw(error: unknown): Promise<Step> {
    this.#end();
    throw error;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#end();
  }

  #end(): void {
    this.#hasEnded = true;
    this.#wake();
  }

  async #next(): Promise<Step> {
    try {
      for (;;) {
        const isOpen = this.#scope.core.underway.outer.isOpen;
        if (this.#hasEnded || !isOpen || this.#signal?.aborted === true) return this.return();
        const step = this.#ahead.next();
        if (step.done !== true) return step;
        await this.#news();
      }
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Resolves when there are commits, or the watch may have ended. */
  #news(): Promise<void> {
    return new Promise((resolve, reject) => {
      let leave = (): void => undefined;
      const wake = (): void => {
        leave();
        deaf();
        resolve();
      };
      const deaf = onAbort(this.#signal, wake);
      this.#wake = wake;
      const hear = (head: LocalCommit, commits: Iterator<CommitInfo, void>): void => {
        this.#head = head;
        this.#ahead = commits;
        wake();
      };
      const fail = (error: unknown): void => {
        reject(error);
        wake();
      };
      try {
        leave = join(this.#scope, { names: this.#names, head: this.#head, hear, fail, end: wake });
      } catch (error) {
        fail(error);
      }
    });
  }
}

/** A watcher that waits for the next commit. */
interface Waiter {
  /** Of the key that it watches, if not all. */
  readonly names: Names | undefined;
  /** The commit that it had come to. */
  readonly head: LocalCommit;
  /** There are commits, up to this head. */
  readonly hear: (head: LocalCommit, commits: Iterator<CommitInfo, void>) => void;
  readonly fail: (error: unknown) => void;
  readonly end: () => void;
}

const feedsOf = new WeakMap<Core, Map<string, Feed>>();

/**
 * Waits for commits to the branch, in its feed, until what it returns is called. Hears at once of
 * those that there are. REGALIA_NOT_FOUND.
 */
function join(scope: Scope, waiter: Waiter): () => void {
  const { core, line } = scope;
  let feeds = feedsOf.get(core);
  if (feeds === undefined) feedsOf.set(core, (feeds = new Map()));
  const name = `${hex(scope.bucket)}/${hex(line.owner)}/${line.branch}`;
  feeds.get(name)?.lookFor(waiter);
  const head = feeds.get(name)?.head ?? scope.head();
  if (!sameAddress(head.address, waiter.head.address)) {
    waiter.hear(head, commitsOf(core, waiter.head, head, waiter.names));
    return () => undefined;
  }
  const feed = feeds.get(name) ?? new Feed(scope, head, () => feeds.delete(name));
  feeds.set(name, feed);
  feed.add(waiter);
  return () => feed.delete(waiter);
}

/** What all who wait for commits to a branch have in common. */
class Feed {
  /** The head as it was looked at last: those who wait have come so far. */
  head: LocalCommit;
  readonly #scope: Scope;
  readonly #waiters = new Set<Waiter>();
  /** Those who watch all, and those who watch a key. */
  readonly #plain = new Set<Waiter>();
  readonly #keyed = new WatchedKeys<Waiter>();
  readonly #poll: NodeJS.Timeout;
  #soon: NodeJS.Immediate | undefined;
  readonly #forget: () => void;
  readonly #left: () => void;

  /** `left` is called when nobody waits any more. */
  constructor(scope: Scope, head: LocalCommit, left: () => void) {
    const { watchers, underway } = scope.core;
    this.#scope = scope;
    this.head = head;
    this.#left = left;
    this.#poll = setInterval(() => this.#look(), POLL_MS);
    watchers.add(this.#published);
    this.#forget = underway.when('closing', () => {
      for (const { end } of [...this.#waiters]) end();
    });
  }

  readonly #published = (owner: Uint8Array, branch: string): void => {
    if (!this.#scope.line.is(owner, branch)) return;
    this.#soon ??= setImmediate(() => {
      this.#soon = undefined;
      this.#look();
    });
  };

  add(waiter: Waiter): void {
    this.#waiters.add(waiter);
    if (waiter.names === undefined) this.#plain.add(waiter);
    else this.#keyed.add(waiter.names, waiter);
  }

  delete(waiter: Waiter): void {
    if (!this.#waiters.delete(waiter)) return;
    this.#plain.delete(waiter);
    if (waiter.names !== undefined) this.#keyed.delete(waiter.names, waiter);
    if (this.#waiters.size > 0) return;
    clearInterval(this.#poll);
    clearImmediate(this.#soon);
    this.#scope.core.watchers.delete(this.#published);
    this.#forget();
    this.#left();
  }

  /** One that has come to another commit may have seen what was not looked at yet. */
  lookFor({ head }: Waiter): void {
    if (!sameAddress(head.address, this.head.address)) this.#look();
  }

  #look(): void {
    try {
      const head = this.#scope.head();
      if (!sameAddress(head.address, this.head.address)) this.#follow(head);
    } catch (error) {
      for (const { fail } of [...this.#waiters]) fail(error);
    }
  }

  /** Finds the commits up to another head, and wakes those whom they concern. */
  #follow(head: LocalCommit): void {
    const { core } = this.#scope;
    const before = this.head;
    const news = attempt(() => few(newsOf(core, before, head)));
    this.head = head;
    const concerned = news && attempt(() => this.#concerned(news));
    // Too many, or some that cannot be read: each looks at them as it comes to them.
    const found = concerned ?? [...this.#waiters].map((waiter) => [waiter, undefined] as const);
    for (const [waiter, own] of found) {
      waiter.hear(head, own?.values() ?? commitsOf(core, before, head, waiter.names));
    }
  }

  #concerned(news: readonly News[]): Map<Waiter, CommitInfo[]> {
    const found = new Map<Waiter, CommitInfo[]>();
    for (const { address, commit, trees } of news) {
      const keyed = trees === undefined ? this.#waiters : this.#keyed.changed(...trees);
      for (const waiter of new Set([...this.#plain, ...keyed])) {
        const own = found.get(waiter);
        const info = this.#scope.core.history.info(address, commit);
        if (own === undefined) found.set(waiter, [info]);
        else own.push(info);
      }
    }
    return found;
  }
}

/** A commit that a branch came to. */
interface News {
  readonly address: Address;
  readonly commit: Commit;
  /** What it was made of what; undefined for the first one, which counts as a change of all. */
  readonly trees: readonly [before: Tree, after: Tree] | undefined;
}

/** All of them, if there are not too many. */
function few(news: Iterable<News>): News[] | undefined {
  const found: News[] = [];
  for (const one of news) {
    if (found.push(one) > TOGETHER_MAX) return undefined;
  }
  return found;
}

/** The commits that changed the key, in order. */
function* commitsOf(
  core: Core,
  from: LocalCommit,
  to: LocalCommit,
  names: Names | undefined,
): Generator<CommitInfo, void> {
  for (const { address, commit, trees } of newsOf(core, from, to)) {
    if (names && trees && sameSubtree(...trees, names)) continue;
    yield core.history.info(address, commit);
  }
}

/** What a branch came to on the way from one commit to another; where it went back, the other. */
function* newsOf(core: Core, from: LocalCommit, to: LocalCommit): Generator<News, void> {
  const { history } = core;
  let isAhead = false;
  for (const { address } of commitsBetween(history, [from.address], [to.address])) {
    isAhead = true;
    const commit = history.commit(address);
    const [parent] = commit.parents;
    const trees = parent && ([core.treeOf(parent), core.treeOf(address)] as const);
    yield { address, commit, trees };
  }
  if (isAhead) return;
  const trees = [core.treeOf(from.address), core.treeOf(to.address)] as const;
  yield { address: to.address, commit: to.commit, trees };
}
