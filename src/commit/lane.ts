/**
 * The lane of a line: everything that shall be committed to it, in the order in which it was asked.
 *
 *     ask, ask, … -> built on the tip, one after the other, in one turn of the event loop
 *                 -> one write, which moves the head once -> each is answered
 *
 * Each ask makes commits of its own. What waits is built in one go, up to a budget of time, without
 * a promise in between. What must wait for something (contents on their way to volumes, histories
 * to be merged, a signer elsewhere) is built alone, while those behind it wait. Groups are built on
 * the tip that those before them will make, and written without waiting for their flush.
 *
 * Invariants:
 * - the tip is built on in one order: an ask is published after all that it was begun on, or with
 *   them;
 * - where the head was moved by another process, nothing of a group is written, nor of those built
 *   on it: all are built again, in their order, on the new head; from the third time on while no
 *   other process can move it;
 * - where a write fails, those that asked for it fail, and all that was begun on their commits;
 * - nothing is acknowledged before the commits that it rests on are as durable as it asked, also
 *   where it changed nothing.
 */
import { sameAddress } from '../blocks/address.js';
import type { Batch } from '../engine/engine.js';
import { onAbort } from '../ground/abort.js';
import { aborted, conflicting, throwIfAborted } from '../ground/errors.js';
import { turn } from '../ground/pause.js';
import { Ask, type Asking, Group, type Plan, strongest } from './ask.js';
import type { HeadStep, Heads } from './door.js';
import type { Line, Tip } from './line.js';
import { POLL_MS, Turns } from './turns.js';

/** Milliseconds that asks are built without a turn of the event loop. */
const BUDGET_MS = 4;
/** How often others may be quicker. */
const LOSSES_MAX = 2;
const NONE: readonly Ask[] = [];

/** What has to be done before more can be built at once. */
type Next = { readonly alone: Ask } | 'turn' | 'pause' | undefined;

export class Lane {
  readonly turns: Turns;
  readonly #line: Line;
  /** In the order of their numbers. */
  #waiting: Ask[] = [];
  /** Built and not answered. */
  readonly #underway = new Set<Ask>();
  #count = 0;
  #isRunning = false;
  readonly #resting: (() => void)[] = [];
  /** Whether another process was seen to have its turn. */
  #isKeptOut = false;
  /** Built while those behind it wait. */
  #alone: Ask | undefined;
  /** Of the write that was begun last, while any goes on: whether its head was published. */
  #last: Promise<boolean> | undefined;
  #writes = 0;

  /** The one lane of a line. */
  static of(line: Line): Lane {
    const lane = lanes.get(line) ?? new Lane(line);
    lanes.set(line, lane);
    return lane;
  }

  private constructor(line: Line) {
    this.#line = line;
    this.turns = new Turns(line, this);
  }

  /**
   * Resolves with the tip that has it, once that is as durable as asked. REGALIA_ABORTED where the
   * signal is aborted while it waits.
   */
  ask(asking: Asking): Promise<Tip> {
    const { signal } = asking;
    let forget = (): void => undefined;
    const answer = new Promise<Tip>((resolve, reject) => {
      throwIfAborted(signal, 'commit');
      const ask = new Ask(asking, this.#count++, resolve, reject);
      this.#waiting.push(ask);
      forget = onAbort(signal, () => this.#abort(ask, signal?.reason));
      this.goOn();
    });
    return signal === undefined ? answer : answer.finally(forget);
  }

  /** One that is being built hears of it there; one that is being written is answered as ever. */
  #abort(ask: Ask, reason: unknown): void {
    if (ask === this.#alone || !this.#waiting.includes(ask)) return;
    this.#fail(ask, aborted('commit', reason));
  }

  /** Those whose commits the tip has, and the stored head has not. */
  underway(): readonly Ask[] {
    return this.#underway.size === 0 ? NONE : [...this.#underway];
  }

  /** Resolves when nothing is being built. */
  async rest(): Promise<void> {
    while (this.#isRunning) {
      await new Promise<void>((resolve) => {
        this.#resting.push(resolve);
      });
    }
  }

  /** Goes on with those that wait. */
  goOn(): void {
    if (this.#isRunning || this.#waiting.length === 0) return;
    this.#isRunning = true;
    queueMicrotask(() => this.#serveFirst());
  }

  /** Most often all that waits can be built at once. */
  #serveFirst(): void {
    try {
      const next = this.#serveNow();
      if (next !== undefined) return void this.#serve(next);
    } catch (error) {
      this.#failAll(error);
    }
    this.#rest();
  }

  async #serve(first: Next): Promise<void> {
    try {
      for (let next = first; next !== undefined; next = this.#serveNow()) {
        if (next === 'turn') await turn();
        else if (next === 'pause') await new Promise((resolve) => setTimeout(resolve, POLL_MS));
        else if (next.alone.losses < LOSSES_MAX) await this.#serveAlone(next.alone);
        else await this.#serveLocked(next.alone);
      }
    } catch (error) {
      this.#failAll(error);
    }
    this.#rest();
  }

  /** The branch is gone, or its head can't be read: nobody can go on. */
  #failAll(error: unknown): void {
    for (const ask of this.#waiting.splice(0)) ask.fail(error);
  }

  #rest(): void {
    this.#isRunning = false;
    for (const resolve of this.#resting.splice(0)) resolve();
  }

  /** Builds what can be built at once, and begins to write it. */
  #serveNow(): Next {
    if (this.#isKeptOut) {
      this.#isKeptOut = false;
      return 'pause';
    }
    const until = performance.now() + BUDGET_MS;
    const group = new Group(this.#line, this.#line.tip());
    let next: Next;
    for (let ask = this.#first(); ask !== undefined; ask = this.#first()) {
      if (!group.isEmpty && performance.now() >= until) next = 'turn';
      else if (ask.losses >= LOSSES_MAX || !this.#fill(group, ask)) next = { alone: ask };
      if (next !== undefined) break;
    }
    if (!group.isEmpty) this.#begin(group);
    return next;
  }

  /** The first that may be built: while one has a turn, his alone, behind what he was begun on. */
  #first(): Ask | undefined {
    const { holder } = this.turns;
    if (holder === undefined) return this.#waiting[0];
    const own = this.#waiting.find(({ asking }) => asking.turn === holder);
    return own && this.#firstBefore(own);
  }

  /** The first of those that wait and that one rests on, or itself. */
  #firstBefore(ask: Ask): Ask {
    const before = ask.asking.rests.find(({ state }) => state === 'waiting');
    return before === undefined ? ask : this.#firstBefore(before);
  }

  /** Adds an ask to a group, unless it fails. Whether that can be done at once. */
  #fill(group: Group, ask: Ask): boolean {
    if (!this.#mayGoOn(ask)) return true;
    try {
      const plan = ask.asking.planNow(group.tip);
      if (plan === undefined) return false;
      group.add(ask, plan);
      this.#remove(ask);
    } catch (error) {
      this.#fail(ask, error);
    }
    return true;
  }

  /** Whether what an ask was begun on did not fail. */
  #mayGoOn(ask: Ask): boolean {
    if (!ask.restsOn('failed')) return true;
    this.#fail(ask, conflicting('a commit that this one was begun on failed', []));
    return false;
  }

  async #serveAlone(ask: Ask): Promise<void> {
    // It may have been given up by now.
    if (ask.state !== 'waiting') return;
    let plan: Plan;
    this.#alone = ask;
    try {
      plan = await ask.asking.plan();
    } catch (error) {
      return this.#fail(ask, error);
    } finally {
      this.#alone = undefined;
    }
    if (!this.#mayGoOn(ask)) return;
    const isCurrent = sameAddress(plan.base.address, this.#line.tip().address);
    // What it was built on may have failed meanwhile, or what it was begun on wait again.
    if (!isCurrent || ask.restsOn('waiting')) return ask.waitAgain();
    const group = new Group(this.#line, plan.base);
    group.add(ask, plan);
    this.#remove(ask);
    this.#begin(group);
  }

  /**
   * Others were quicker twice. Those that lost so are built while no other process can move the
   * head or, where that must wait for something, while all others keep out.
   */
  async #serveLocked(first: Ask): Promise<void> {
    const { turns } = this;
    if (await this.#writeLocked(first)) return;
    await turns.keepOthersOut();
    await this.#serveAlone(first);
    turns.letOthersIn();
  }

  /** False where the first must wait for something. */
  async #writeLocked(first: Ask): Promise<boolean> {
    const { core, owner: bucket, branch } = this.#line;
    const asks = this.#waiting.filter(({ losses, asking }) => {
      return losses >= LOSSES_MAX && asking.turn === first.asking.turn;
    });
    const durability = strongest(asks);
    let group: Group | undefined;
    const build = (batch: Batch, [head]: Heads): readonly HeadStep[][] | undefined => {
      if (head === undefined || !this.#isOurs(batch)) return undefined;
      group = this.#fillLocked(asks, this.#line.storedIn(batch));
      return group.put(batch) ? [group.steps()] : undefined;
    };
    try {
      const isPublished = await core.door.set([{ bucket, branch }], build, durability);
      // A write of nothing flushes nothing.
      if (group?.moves === false && durability !== 'none') await core.engine.flush();
      if (isPublished && group !== undefined) this.#published(group);
      else this.#queue(group?.lost(!this.#isKeptOut) ?? []);
    } catch (error) {
      if (group !== undefined) this.#queue(group.failed(error));
      else for (const ask of asks) this.#fail(ask, error);
    }
    return this.#isKeptOut || first.state !== 'waiting';
  }

  #fillLocked(asks: readonly Ask[], tip: Tip): Group {
    const group = new Group(this.#line, tip);
    const until = performance.now() + BUDGET_MS;
    for (const ask of asks) {
      if (!group.isEmpty && performance.now() >= until) break;
      if (ask.state === 'waiting' && !ask.restsOn('waiting')) this.#fill(group, ask);
    }
    return group;
  }

  /** Whether no other process has its turn. */
  #isOurs(batch: Batch): boolean {
    this.#isKeptOut = this.turns.areOthers(batch);
    return !this.#isKeptOut;
  }

  /** Begins to write a group. */
  #begin(group: Group): void {
    for (const ask of group.asks()) {
      ask.state = 'underway';
      this.#underway.add(ask);
    }
    if (group.moves) this.#line.expect(group.tip, group.commits);
    this.#writes++;
    this.#last = this.#write(group, this.#last);
    queueMicrotask(() => endTurns(group));
  }

  /** Resolves with whether its head is published, or was, once its asks are answered. */
  async #write(group: Group, before: Promise<boolean> | undefined): Promise<boolean> {
    const write = group.moves
      ? group.publish((batch) => this.#isOurs(batch))
      : group.confirm(before);
    let isPublished = false;
    let again: readonly Ask[] = NONE;
    try {
      isPublished = await write;
      if (!isPublished) again = group.lost(!this.#isKeptOut);
    } catch (error) {
      again = group.failed(error);
    }
    for (const ask of group.asks()) this.#underway.delete(ask);
    if (group.moves) this.#line.finished(group.commits, isPublished);
    if (isPublished) this.#published(group);
    else this.#queue(again);
    if (--this.#writes === 0) this.#last = undefined;
    return isPublished;
  }

  #published(group: Group): void {
    group.published();
    if (!group.moves) return;
    const { core, owner, branch } = this.#line;
    this.#line.isAt(group.tip);
    core.blocks.index.foldSoon();
    core.moved(owner, branch);
  }

  /** They are built again, in their order. */
  #queue(asks: readonly Ask[]): void {
    this.#waiting = [...this.#waiting, ...asks].sort((a, b) => a.number - b.number);
    this.goOn();
  }

  #fail(ask: Ask, error: unknown): void {
    this.#remove(ask);
    ask.fail(error);
  }

  #remove(ask: Ask): void {
    const at = this.#waiting.indexOf(ask);
    if (at >= 0) this.#waiting.splice(at, 1);
  }
}

/** The next one is built on what is under way. */
function endTurns(group: Group): void {
  for (const { asking } of group.asks()) asking.turn?.end();
}

const lanes = new WeakMap<Line, Lane>();
