/**
 * Turns at a branch: one who lost twice to others has the branch to himself, and others wait until
 * his commit is built and on its way to disk. The next one of the process begins on that, and fails
 * with it; other processes wait until it is there. So N who change one thing need three tries each
 * at most, in one process as in many, unless a write fails.
 *
 *     meta row   'turn ' | bucket id 16 | branch
 *                -> version u8 | holder 16 | until varint | count varint | waiting × count
 *     waiting    process 16 | seen varint
 *
 * A process has the turn, and passes it on among those who wait in it. Where other processes wait
 * it lets it go after a while, and it goes to them in the order in which they came. It ends by
 * itself: when it has lasted too long, or its process has died, the others go on. It is no lock:
 * what is committed is compared with the head as ever. Times are milliseconds since 1970.
 */
import { openRow, sealRow } from '../blocks/rows.js';
import type { Batch, Reads } from '../engine/engine.js';
import { concatBytes, equalBytes } from '../ground/bytes.js';
import { throwIfAborted } from '../ground/errors.js';
import { ByteReader } from '../ground/reader.js';
import { utf8Bytes } from '../ground/text.js';
import { ByteWriter } from '../ground/writer.js';
import type { Line } from './line.js';

const ROW_VERSION = 1;
const TOKEN_LENGTH = 16;
const NOBODY = new Uint8Array(TOKEN_LENGTH);
/** How long a turn lasts at most, in milliseconds. */
const LEASE_MS = 250;
/** How long a process keeps it while others wait. */
const STRETCH_MS = 50;
/** How long one waits before it looks again. */
export const POLL_MS = 3;
/** Processes with a place among those that wait; more come by chance. */
const WAITING_MAX = 64;

interface Row {
  readonly holder: Uint8Array;
  readonly until: number;
  readonly waiting: readonly Waiting[];
}

interface Waiting {
  readonly token: Uint8Array;
  /** When it last said that it waits. */
  readonly seen: number;
}

/** A turn that is had. */
export class Turn {
  readonly #end: () => void;
  #hasEnded = false;

  constructor(end: () => void) {
    this.#end = end;
  }

  /** Lets the next one go on. Idempotent. */
  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#end();
  }
}

/** What makes commits while nobody has a turn. */
interface Others {
  /** Resolves when none is being made. */
  rest(): Promise<void>;
  goOn(): void;
}

/** The turns at one line, as this process has and wants them. */
export class Turns {
  readonly #line: Line;
  readonly #others: Others;
  readonly #key: Uint8Array;
  /** Names this process, once it has wanted a turn. */
  #token: Uint8Array = NOBODY;
  /** Who has the turn in this process. */
  #holder: Turn | undefined;
  /** Ends when the last one in this process that asked has had its turn. */
  #last: Promise<void> = Promise.resolve();
  #wanted = 0;
  /** Until when this process has the turn, and since when; 0 where it has not. */
  #until = 0;
  #since = 0;
  #othersWait = false;

  constructor(line: Line, others: Others) {
    this.#line = line;
    this.#others = others;
    this.#key = concatBytes([utf8Bytes('turn '), line.owner, utf8Bytes(line.branch)]);
  }

  /** Whose commits alone are made now; undefined: anyone's. */
  get holder(): Turn | undefined {
    return this.#holder;
  }

  /** A turn, once those before have had theirs: end it. REGALIA_ABORTED. */
  async claim(signal: AbortSignal | undefined): Promise<Turn> {
    const before = this.#last;
    let pass = (): void => {};
    this.#last = new Promise((resolve) => {
      pass = resolve;
    });
    this.#wanted++;
    await before;
    try {
      await this.#others.rest();
      await this.keepOthersOut(signal);
      await this.#others.rest();
    } catch (error) {
      this.#passOn(pass);
      throw error;
    }
    const turn = new Turn(() => {
      clearTimeout(timer);
      this.#holder = undefined;
      this.#others.goOn();
      this.#passOn(pass);
    });
    const timer = setTimeout(() => turn.end(), LEASE_MS);
    this.#holder = turn;
    return turn;
  }

  #passOn(pass: () => void): void {
    this.#wanted--;
    this.letOthersIn();
    pass();
  }

  /** Lets go of the turn where nobody in this process wants it. */
  letOthersIn(): void {
    if (this.#wanted === 0) this.#letGo();
  }

  /** Has the turn for this process. REGALIA_ABORTED. */
  async keepOthersOut(signal?: AbortSignal): Promise<void> {
    const { core } = this.#line;
    if (this.#token === NOBODY) this.#token = core.settings.random(TOKEN_LENGTH);
    const isOver = this.#othersWait && core.settings.now() - this.#since > STRETCH_MS;
    if (isOver) {
      await this.#line.quiet();
      this.#letGo();
    } else if (core.settings.now() < this.#until - LEASE_MS / 2) return;
    while (!(await this.#claim())) {
      throwIfAborted(signal, 'transact');
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** Whether this process has the turn now; what was under way before has ended then. */
  async #claim(): Promise<boolean> {
    const had = this.#until > this.#line.core.settings.now();
    const isHad = await this.#line.core.engine.write((batch) => this.#claimIn(batch), 'none');
    if (isHad && !had) {
      this.#since = this.#line.core.settings.now();
      await this.#line.quiet();
    }
    return isHad;
  }

  #claimIn(batch: Batch): boolean {
    const now = this.#line.core.settings.now();
    const row = this.#read(batch);
    const waiting = (row?.waiting ?? []).filter(({ seen }) => isNear(seen, now));
    const others = waiting.filter(({ token }) => !equalBytes(token, this.#token));
    const isOurs = row !== undefined && equalBytes(row.holder, this.#token);
    const isFree = row === undefined || isOurs || !isNear(row.until, now) || row.until <= now;
    const [first] = waiting;
    const isNext = isOurs || first === undefined || equalBytes(first.token, this.#token);
    if (isFree && isNext) {
      this.#until = now + LEASE_MS;
      this.#othersWait = others.length > 0;
      this.#put(batch, { holder: this.#token, until: this.#until, waiting: others });
      return true;
    }
    this.#until = 0;
    const own = waiting.find(({ token }) => equalBytes(token, this.#token));
    if (own !== undefined && now - own.seen < LEASE_MS / 2) return false;
    const seen = { token: this.#token, seen: now };
    const list =
      own === undefined ? [...waiting, seen] : waiting.map((one) => (one === own ? seen : one));
    const { holder = NOBODY, until = 0 } = row ?? {};
    if (list.length <= WAITING_MAX) this.#put(batch, { holder, until, waiting: list });
    return false;
  }

  /** Ends the turn of this process, behind what it has begun to write. */
  #letGo(): void {
    if (this.#until === 0) return;
    this.#until = 0;
    this.#othersWait = false;
    const write = this.#line.core.engine.write((batch) => {
      const row = this.#read(batch);
      if (row === undefined || !equalBytes(row.holder, this.#token)) return;
      if (row.waiting.length === 0) batch.del('meta', this.#key);
      else this.#put(batch, { ...row, holder: NOBODY, until: 0 });
    }, 'none');
    // Where that fails it ends by itself.
    write.catch(() => undefined);
  }

  /** Whether another process has the turn. */
  areOthers(reads: Reads): boolean {
    const row = this.#read(reads);
    if (row === undefined || equalBytes(row.holder, this.#token)) return false;
    const now = this.#line.core.settings.now();
    return row.until > now && isNear(row.until, now);
  }

  #read(reads: Reads): Row | undefined {
    const row = reads.view('meta', this.#key);
    return row && decodeRow(openRow('meta', this.#key, row));
  }

  #put(batch: Batch, row: Row): void {
    batch.put('meta', this.#key, sealRow('meta', this.#key, encodeRow(row)));
  }
}

/** Whether a time is such as a process sets that is alive, whatever the clock did meanwhile. */
function isNear(time: number, now: number): boolean {
  return Math.abs(time - now) <= 2 * LEASE_MS;
}

function encodeRow({ holder, until, waiting }: Row): Uint8Array {
  const writer = new ByteWriter(64).u8(ROW_VERSION).bytes(holder).varint(until);
  writer.varint(waiting.length);
  for (const { token, seen } of waiting) writer.bytes(token).varint(seen);
  return writer.finish();
}

function decodeRow(body: Uint8Array): Row {
  const reader = new ByteReader(body, 'turn row');
  reader.version(ROW_VERSION);
  const holder = reader.bytes(TOKEN_LENGTH).slice();
  const until = reader.varint();
  const count = reader.varint();
  if (count > WAITING_MAX) reader.fail(`at most ${WAITING_MAX} that wait`, `${count}`);
  const waiting = Array.from({ length: count }, () => {
    return { token: reader.bytes(TOKEN_LENGTH).slice(), seen: reader.varint() };
  });
  reader.end();
  return { holder, until, waiting };
}
