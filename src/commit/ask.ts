/**
 * What is asked of a line's lane, and asks that are written together: a group, whose one write
 * moves the head once.
 */
import { addressKey } from '../blocks/address.js';
import type { Batch, Durability } from '../engine/engine.js';
import { equalBytes } from '../ground/bytes.js';
import type { Cause } from '../log/reflog.js';
import type { Built } from './builder.js';
import type { HeadStep } from './door.js';
import type { Line, LocalCommit, Tip } from './line.js';
import { countCommits } from './shares.js';
import type { Turn } from './turns.js';
import type { Writers } from './writers.js';

/** Staged bytes from which a flush is long: on this thread it would stop the event loop. */
const LONG_BYTES = 262_144;

/** What an ask comes to on some tip. */
export interface Plan {
  /** What it was built on. */
  readonly base: Tip;
  /** Its commits, or the one that is there already; undefined where the tip is as it shall be. */
  readonly built: Built | undefined;
  /** What moves the branch. */
  readonly cause: Cause;
  /** What is written with them, or without any. */
  readonly writers: readonly Writers[];
}

/** One who wants commits made. */
export interface Asking {
  readonly durability: Durability;
  /** Ends its waiting, unless it is being written by then. */
  readonly signal?: AbortSignal | undefined;
  /** The turn that it has. */
  readonly turn?: Turn | undefined;
  /** Those on whose commits it was begun before they were published. */
  readonly rests: readonly Ask[];
  /** The plan on a tip; undefined where that must wait for something. */
  planNow(tip: Tip): Plan | undefined;
  /** The same on the line's tip, while those behind it wait. */
  plan(): Promise<Plan>;
  /** What was planned is not published: it is planned again, or never. */
  drop(): void;
}

/** An ask on its way. */
export class Ask {
  readonly asking: Asking;
  /** Its place in the order of asks. */
  readonly number: number;
  state: 'waiting' | 'underway' | 'published' | 'failed' = 'waiting';
  /** How often another process was quicker. */
  losses = 0;
  readonly #resolve: (tip: Tip) => void;
  readonly #reject: (error: unknown) => void;

  constructor(
    asking: Asking,
    number: number,
    resolve: (tip: Tip) => void,
    reject: (error: unknown) => void,
  ) {
    this.asking = asking;
    this.number = number;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** Whether anything that it was begun on is in that state. */
  restsOn(state: Ask['state']): boolean {
    return this.asking.rests.some((ask) => ask.state === state);
  }

  answer(tip: Tip): void {
    this.state = 'published';
    this.#resolve(tip);
  }

  fail(error: unknown): void {
    this.state = 'failed';
    this.asking.drop();
    this.#reject(error);
  }

  /** Its plan came to nothing. */
  waitAgain(): void {
    this.state = 'waiting';
    this.asking.drop();
  }
}

export class Group {
  readonly #line: Line;
  readonly #base: Tip;
  #tip: Tip;
  readonly #planned: { readonly ask: Ask; readonly plan: Plan }[] = [];
  /** Those that are new. */
  readonly commits: LocalCommit[] = [];
  /** Whose rows are being put: what is thrown meanwhile is of that one alone. */
  #putting: Ask | undefined;

  constructor(line: Line, base: Tip) {
    this.#line = line;
    this.#base = base;
    this.#tip = base;
  }

  /** What the head shall be: the base where nothing is changed. */
  get tip(): Tip {
    return this.#tip;
  }

  get moves(): boolean {
    return this.#tip !== this.#base;
  }

  get isEmpty(): boolean {
    return this.#planned.length === 0;
  }

  /** Where the branch comes to be by it. */
  steps(): HeadStep[] {
    const { identity } = this.#line.core;
    const now = this.#line.core.timeMs();
    return this.#planned.flatMap(({ plan: { built, cause } }) => {
      if (built === undefined) return [];
      const { address, commit } = built.tip;
      // What was made here has its time already.
      const isOwn = built.commits.length > 0 && equalBytes(commit.replica, identity.replica);
      return [{ commit: address, cause, timeMs: isOwn ? commit.timeMs : now }];
    });
  }

  asks(): Ask[] {
    return this.#planned.map(({ ask }) => ask);
  }

  add(ask: Ask, plan: Plan): void {
    this.#planned.push({ ask, plan });
    if (plan.built === undefined) return;
    this.#tip = plan.built.tip;
    for (const commit of plan.built.commits) this.commits.push(commit);
  }

  /** Resolves with whether the head was still the base. `isOurs` is asked within the write. */
  publish(isOurs: (batch: Batch) => boolean): Promise<boolean> {
    const { core, owner, branch } = this.#line;
    return core.door.compareAndSet(
      { bucket: owner, branch, expected: this.#base.address, steps: this.steps() },
      (batch) => isOurs(batch) && this.put(batch),
      this.#durability(),
      { isLong: this.#isLong() },
    );
  }

  /**
   * Where nothing is changed, what that rests on has to be as durable as asked. `before` is the
   * write of the groups before, and whether it moved the head.
   */
  async confirm(before: Promise<boolean> | undefined): Promise<boolean> {
    if ((await before) === false) return false;
    const { engine } = this.#line.core;
    const durability = this.#durability();
    const hasBlocks = this.#planned.some(({ plan }) => plan.writers.length > 0);
    if (hasBlocks) {
      await engine.write((batch) => this.put(batch), durability, { isLong: this.#isLong() });
    } else if (durability !== 'none') await engine.flush();
    return true;
  }

  /** Puts its rows, but the head. False where they must be built again, on another share. */
  put(batch: Batch): boolean {
    const { history } = this.#line.core;
    if (!countCommits(batch, this.#line, this.#base, this.commits)) return false;
    for (const { ask, plan } of this.#planned) {
      this.#putting = ask;
      for (const { blocks } of plan.writers) blocks.emit(batch);
      for (const { address, commit, rootBlock, headsBlock } of plan.built?.commits ?? []) {
        const signature = plan.built?.signatures.get(addressKey(address));
        history.append(batch, commit, { rootBlock, headsBlock, signature });
      }
    }
    this.#putting = undefined;
    return true;
  }

  #durability(): Durability {
    const asked = strongest(this.asks());
    return asked === 'sync' && this.#isLong() ? 'group' : asked;
  }

  #isLong(): boolean {
    return this.#bytes() + this.#line.core.blocks.pendingBytes > LONG_BYTES;
  }

  #bytes(): number {
    let sum = 0;
    for (const { plan } of this.#planned) {
      for (const { blocks } of plan.writers) sum += blocks.storedBytes;
    }
    return sum;
  }

  /** Its head is published. */
  published(): void {
    for (const { ask, plan } of this.#planned) {
      for (const { blocks } of plan.writers) blocks.published();
      ask.answer(plan.built?.tip ?? plan.base);
    }
  }

  /** Its head is not published. Returns those that wait again. */
  lost(toOthers: boolean): Ask[] {
    this.#giveUp();
    for (const { ask } of this.#planned) {
      if (toOthers) ask.losses++;
      ask.waitAgain();
    }
    return this.asks();
  }

  /** Its write failed: those that it is to blame on fail. Returns those that wait again. */
  failed(error: unknown): Ask[] {
    this.#giveUp();
    const again: Ask[] = [];
    for (const { ask } of this.#planned) {
      if ((this.#putting ?? ask) === ask) ask.fail(error);
      else {
        ask.waitAgain();
        again.push(ask);
      }
    }
    return again;
  }

  /** Others may have begun on it: then its blocks go with what is written next. */
  #giveUp(): void {
    if (!this.#line.isBuiltOn) return;
    for (const { plan } of this.#planned) {
      for (const { blocks } of plan.writers) blocks.failed();
    }
  }
}

/** The strongest durability that any of them asks for. */
export function strongest(asks: readonly Ask[]): Durability {
  const asked = new Set(asks.map(({ asking }) => asking.durability));
  return asked.has('sync') ? 'sync' : asked.has('group') ? 'group' : 'none';
}
