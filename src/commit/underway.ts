/**
 * What is under way in an open store, so that it is closed only once that has ended.
 *
 *     open        work begins
 *       close
 *     closing     no more work begins; what is under way goes on, with all that belongs to it
 *       the last of it has ended
 *     closed
 *
 * Work begins at a gate. The outer one, where users come, is shut when closing begins; the inner
 * one, for what belongs to work that is under way (as the edits in the body of a transaction), is
 * open until all of it has ended.
 *
 * Nobody can keep a store from being closed. Long work that may be broken off has to end when
 * closing begins, and what reads a source a second later. Where nothing has begun or ended for a
 * second, signers are waited for no longer, and where nothing goes on but that users are waited
 * for, as in the body of a transaction, neither are they.
 */
import { isAtHand, type Source } from '../chunks/source.js';
import { eitherSignal } from '../ground/abort.js';
import { closed, isRegaliaError } from '../ground/errors.js';

/** How long users are waited for once closing has begun. */
const PATIENCE_MS = 1_000;

/** When work has to end: as soon as closing begins, later, or where nothing goes on. */
type Moment = 'closing' | 'late' | 'stuck';

export class Underway {
  /** For users. */
  readonly outer: Gate = new Gate(this, () => this.#phase === 'open');
  /** For what belongs to work that is under way. */
  readonly inner: Gate = new Gate(this, () => this.#phase !== 'closed');
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #count = 0;
  /** How often work began or ended. */
  #changes = 0;
  #idle = (): void => undefined;
  /** Ends the waiting for each user who is waited for. */
  readonly #waits = new Set<() => void>();
  readonly #stops = {
    closing: new Set<() => void>(),
    late: new Set<() => void>(),
    stuck: new Set<() => void>(),
  };
  readonly #passed = new Set<Moment>();

  begin(): void {
    this.#count++;
    this.#changes++;
  }

  end(): void {
    this.#count--;
    this.#changes++;
    if (this.#count === 0) this.#idle();
  }

  /** Calls `stop` at that moment, at once where it has passed, until what it returns is called. */
  when(moment: Moment, stop: () => void): () => void {
    const stops = this.#stops[moment];
    if (this.#passed.has(moment)) stop();
    else stops.add(stop);
    return () => stops.delete(stop);
  }

  #pass(moment: Moment): void {
    this.#passed.add(moment);
    const stops = [...this.#stops[moment]];
    this.#stops[moment].clear();
    for (const stop of stops) stop();
  }

  /** What a user's promise comes to. REGALIA_CLOSED where the store can't wait any longer. */
  waitFor<T>(answer: T | PromiseLike<T>): T | Promise<T> {
    if (typeof (answer as Partial<PromiseLike<T>> | null)?.then !== 'function') return answer as T;
    return new Promise((resolve, reject) => {
      const stop = (): void => reject(closed('store'));
      this.#waits.add(stop);
      const forget = () => this.#waits.delete(stop);
      void Promise.resolve(answer).then(resolve, reject).finally(forget);
    });
  }

  /** Lets no more work begin, and resolves once all of it has ended. */
  async close(): Promise<void> {
    this.#phase = 'closing';
    this.#pass('closing');
    let changes = this.#changes;
    const timer = setInterval(() => {
      this.#pass('late');
      if (this.#changes === changes) {
        this.#pass('stuck');
        if (this.#count === this.#waits.size) this.#leaveAlone();
      }
      changes = this.#changes;
    }, PATIENCE_MS);
    while (this.#count > 0) {
      await new Promise<void>((resolve) => {
        this.#idle = resolve;
      });
    }
    clearInterval(timer);
    this.#phase = 'closed';
  }

  /** Waits for no user any more. */
  #leaveAlone(): void {
    for (const stop of this.#waits) stop();
    this.#waits.clear();
  }
}

export class Gate {
  readonly #underway: Underway;
  readonly #isOpen: () => boolean;

  constructor(underway: Underway, isOpen: () => boolean) {
    this.#underway = underway;
    this.#isOpen = isOpen;
  }

  get isOpen(): boolean {
    return this.#isOpen();
  }

  /** REGALIA_CLOSED once nothing begins here any more. */
  check(): void {
    if (!this.#isOpen()) throw closed('store');
  }

  /** Runs work that the store is not closed before. REGALIA_CLOSED. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    this.#underway.begin();
    try {
      return await work();
    } finally {
      this.#underway.end();
    }
  }

  /**
   * The same for long work that may be broken off: the signal that it is given is aborted where the
   * user's is, and when closing begins. Then it ends with REGALIA_CLOSED.
   */
  upkeep<T>(
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const ending = new Ending(this.#underway, 'closing', signal);
    return this.during(() => ending.during(() => work(ending.signal)));
  }

  /**
   * The same for work that reads what a user gives. Where that may have to be waited for, the work
   * is broken off once the store can't wait any longer.
   */
  receiving<T>(
    source: Source | undefined,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal | undefined) => Promise<T>,
  ): Promise<T> {
    if (source === undefined || isAtHand(source)) return this.during(() => work(signal));
    const ending = new Ending(this.#underway, 'late', signal);
    return this.during(() => ending.during(() => work(ending.signal)));
  }

  /** Rows that long work makes, each while its user waits for it; as `upkeep`. */
  rows<T>(
    signal: AbortSignal | undefined,
    begin: (signal: AbortSignal) => AsyncGenerator<T, unknown, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    const ending = new Ending(this.#underway, 'closing', signal);
    return this.#rows(ending, begin(ending.signal));
  }

  async *#rows<T>(
    ending: Ending,
    rows: AsyncGenerator<T, unknown, undefined>,
  ): AsyncGenerator<T, void, undefined> {
    try {
      for (;;) {
        const step = await this.during(() => ending.during(() => rows.next()));
        if (step.done === true) return;
        yield step.value;
      }
    } finally {
      await rows.return(undefined);
    }
  }

  /** Rows at hand, as long as work may begin. */
  *each<T>(rows: Iterable<T>): Generator<T, void, undefined> {
    this.check();
    for (const row of rows) {
      yield row;
      this.check();
    }
  }
}

/** How work learns that it has to end. */
class Ending {
  /** Aborted where the user's is, and when the store is to be closed. */
  readonly signal: AbortSignal;
  readonly #underway: Underway;
  readonly #moment: Moment;
  readonly #controller = new AbortController();

  constructor(underway: Underway, moment: Moment, user: AbortSignal | undefined) {
    this.#underway = underway;
    this.#moment = moment;
    this.signal = eitherSignal(user, this.#controller.signal);
  }

  /** Runs work, or a step of it, which hears of the end by the signal. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    const forget = this.#underway.when(this.#moment, () => this.#controller.abort(closed('store')));
    try {
      return await work();
    } catch (error) {
      const { aborted, reason } = this.#controller.signal;
      const isOurs = aborted && this.signal.reason === reason;
      throw isOurs && isRegaliaError(error, 'REGALIA_ABORTED') ? reason : error;
    } finally {
      forget();
    }
  }
}
