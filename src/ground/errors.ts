/**
 * Every error, and the only place where one is made.
 *
 * What the world does wrong is a `RegaliaError`: its `code` comes from a closed union, its `data`
 * is typed by the code and carries the evidence (expected and actual, where there is such a pair).
 * `retryable` says whether the same call may succeed later; `outcome` says what a failed write left
 * behind: nothing ('none'), the whole ('committed'), or that only a reopened store can tell
 * ('unknown'). Our own bugs are assertions.
 *
 * A maker returns its error, of the code that it names, for the caller to throw, so that control
 * flow stays in sight. Its message says what is wrong, with which value, and where it helps what
 * to do. The operating system's names of errors (ENOSPC) are evidence in `data.errno`; what a name
 * does not tell us stays REGALIA_IO, and nothing is decided by a list of harmless names.
 */

/** The evidence that each code carries. */
export interface ErrorData {
  /** A key or a name outside the limits. */
  REGALIA_KEY: { key: string; limit?: number; actual?: number };
  /** A range, an offset or a limit that makes no sense. */
  REGALIA_RANGE: { expected: string; actual: string };
  /** A stream name outside the limits, or too many streams on one entry. */
  REGALIA_STREAM: { stream: string; limit?: number; actual?: number };
  /** A rule that is invalid, or that contradicts the one stored. */
  REGALIA_RULE: { rule: string; expected: string; actual: string };
  /** An option or argument of the wrong kind, or out of its limits. */
  REGALIA_OPTION: { option: string; expected: string; actual: string };
  /** Contents that do not follow the stream's encoding. */
  REGALIA_ENCODING: { stream?: string; expected: string; actual: string };
  /** A move or copy whose source is absent, or whose target is below its source. */
  REGALIA_MOVE: { from: string; to: string; reason: string };
  /** A block that is not here: an archive not attached, a volume missing, a fault. */
  REGALIA_MISSING: { address: string; source?: string; key?: string };
  /** Bytes that do not hash to their address, or a row whose checksum fails. */
  REGALIA_CORRUPT: {
    what: string;
    expected: string;
    actual: string;
    key?: string;
    repairable?: boolean;
  };
  /** Bytes that do not follow their format. */
  REGALIA_FORMAT: { what: string; at: number; expected: string; actual: string };
  /** A store, block or pack of a version or byte order that this release does not know. */
  REGALIA_VERSION: { what: string; expected: string; actual: string };
  /** A merge or commit that no policy resolved. */
  REGALIA_CONFLICT: { conflicts: readonly unknown[] };
  /** A store, snapshot or transaction that was closed, disposed or committed. */
  REGALIA_CLOSED: { what: string };
  /** A snapshot older than its `maxAge`. */
  REGALIA_EXPIRED: { what: string; ageMs: number };
  /** History that was truncated. */
  REGALIA_HORIZON: { commit: string };
  /** A branch, tag, commit, bucket or store that does not exist. */
  REGALIA_NOT_FOUND: { what: string; name: string; errno?: string };
  /** A branch, tag, bucket or store that exists already. */
  REGALIA_EXISTS: { what: string; name: string; errno?: string };
  /** A write to something opened for reading. */
  REGALIA_READ_ONLY: { what: string };
  /** Two histories that share no commit. */
  REGALIA_UNRELATED: { ours: string; theirs: string };
  /** A pack that is not what it says, or not for this bucket. */
  REGALIA_PACK: { what: string; at: number; expected: string; actual: string };
  /** A store folder that was copied rather than forked. */
  REGALIA_CLONED: { path: string; reason: string };
  /** A stamp that is malformed or contradicts its parents; a share of the clock that is missing. */
  REGALIA_STAMP: { expected: string; actual: string };
  /** A commit whose signature is invalid. */
  REGALIA_SIGNATURE: { commit: string; actor: string };
  /** No room left on the device, or the map is full. */
  REGALIA_FULL: { path: string; errno?: string };
  /** The operating system refused permission. */
  REGALIA_PERMISSION: { path: string; operation?: string; errno?: string };
  /** Another process or handle holds what was asked for. */
  REGALIA_LOCKED: { path: string };
  /** A volume of contents that is not here, or not fit for what was asked of it. */
  REGALIA_VOLUME: { volume: string; path: string; reason: string };
  /** An input or output error of the operating system; the handle is poisoned. */
  REGALIA_IO: { path: string; operation: string; errno?: string };
  /** A worker died or failed, and its task failed on the calling thread too. */
  REGALIA_WORKER: { task: string; reason: string };
  /** A caller's signal was aborted. */
  REGALIA_ABORTED: { operation: string };
}

/** The code of an error. */
export type ErrorCode = keyof ErrorData;

/** What a failed write left behind. */
export type Outcome = 'none' | 'committed' | 'unknown';

/** What an error may carry beside its evidence. */
export interface ErrorFacts {
  readonly cause?: unknown;
  readonly retryable?: boolean;
  readonly outcome?: Outcome;
}

class Fault<C extends ErrorCode> extends Error {
  override readonly name = 'RegaliaError';
  readonly code: C;
  /** The evidence, typed by the code. */
  readonly data: ErrorData[C];
  /** Whether the same call may succeed later. */
  readonly retryable: boolean;
  /** What a failed write left behind. */
  readonly outcome: Outcome;

  constructor(code: C, message: string, data: ErrorData[C], facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.data = data;
    this.retryable = facts.retryable ?? false;
    this.outcome = facts.outcome ?? 'none';
  }
}

// As stacks and inspection show it.
Object.defineProperty(Fault, 'name', { value: 'RegaliaError' });

/** An error of one of the codes `C`: `error.code === 'REGALIA_KEY'` narrows its `data`. */
export type RegaliaError<C extends ErrorCode = ErrorCode> = C extends unknown ? Fault<C> : never;

/** The class of all errors with a code, for `instanceof`. */
export const RegaliaError = Fault as unknown as {
  new <C extends ErrorCode>(
    code: C,
    message: string,
    data: ErrorData[C],
    facts?: ErrorFacts,
  ): RegaliaError<C>;
  readonly prototype: RegaliaError;
};

/** Whether `error` is a RegaliaError, of the given code if one is given. */
export function isRegaliaError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is RegaliaError<C> {
  return error instanceof Fault && (code === undefined || error.code === code);
}

/**
 * What `read` returns; undefined where it throws an error with a code. Bugs of ours are thrown on.
 * Who acts on what is not there gives `onUnreadable`, which is called first with an error that says
 * nothing of what is there (`isUnreadableNow`), and may throw it.
 */
export function attempt<T>(
  read: () => T,
  onUnreadable?: (error: RegaliaError) => void,
): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!isRegaliaError(error)) throw error;
    if (isUnreadableNow(error)) onUnreadable?.(error);
    return undefined;
  }
}

/** For `attempt`: what cannot be read now is no answer. */
export function thrown(error: RegaliaError): never {
  throw error;
}

/** What the system says where a file is not there, or is no file of ours. */
const NOT_THERE = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'ENXIO'];

/**
 * Whether an error says only that something cannot be read now: for want of descriptors, memory,
 * permission, or an answer of the medium. What it says nothing of is neither lost nor damaged, so
 * nobody acts as if it were. Whatever name is unknown counts as one of these.
 */
export function isUnreadableNow(error: RegaliaError): boolean {
  if (!isRegaliaError(error, 'REGALIA_IO') && !isRegaliaError(error, 'REGALIA_PERMISSION')) {
    return false;
  }
  return !NOT_THERE.includes(error.data.errno ?? '');
}

/** For states that only a bug of ours can reach. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new Error(`regalia: assertion failed: ${message}`);
}

// What a caller asked for.

export function badOption(option: string, expected: string, actual: string, facts?: ErrorFacts) {
  const message = `${option} must be ${expected}, not ${actual}`;
  return new RegaliaError('REGALIA_OPTION', message, { option, expected, actual }, facts);
}

/** An option that `call` does not have; `meant` is the one that was probably meant. */
export function unknownOption(
  call: string,
  option: string,
  known: readonly string[],
  meant: string | undefined,
) {
  const expected = known.length === 0 ? 'no options' : `one of ${known.join(', ')}`;
  const hint = meant === undefined ? `: expected ${expected}` : `; did you mean ${meant}?`;
  const data = { option, expected: meant ?? expected, actual: option };
  return new RegaliaError('REGALIA_OPTION', `${call} has no option ${option}${hint}`, data);
}

/** `what` names it, as in 'the limit'. */
export function badRange(what: string, expected: string, actual: string) {
  const message = `${what} must be ${expected}, not ${actual}`;
  return new RegaliaError('REGALIA_RANGE', message, { expected, actual });
}

/** How far a name is beyond its limit. */
interface Excess {
  readonly limit?: number;
  readonly actual?: number;
}

/** A key, or a name in it, that has `fault`, as in 'an empty name'. */
export function badKey(key: string, fault: string, excess: Excess = {}) {
  const message = `key ${JSON.stringify(key)} has ${fault}`;
  return new RegaliaError('REGALIA_KEY', message, { key, ...excess });
}

/** `reason` is a sentence's end, as in 'a move goes elsewhere'. */
export function badMove(from: string, to: string, reason: string) {
  const message = `${from} cannot go to ${to}: ${reason}`;
  return new RegaliaError('REGALIA_MOVE', message, { from, to, reason });
}

/** A stream's name, or all names of an entry, with `fault`, as in 'an empty name'. */
export function badStream(stream: string, fault: string, excess: Excess = {}) {
  const message = `stream ${JSON.stringify(stream)} has ${fault}`;
  return new RegaliaError('REGALIA_STREAM', message, { stream, ...excess });
}

export function badRule(rule: string, expected: string, actual: string) {
  const message = `rule ${rule} must be ${expected}, not ${actual}`;
  return new RegaliaError('REGALIA_RULE', message, { rule, expected, actual });
}

/** Contents that `stream`'s encoding has no form for; of a source whose stream is unknown, none. */
export function badEncoding(
  stream: string | undefined,
  expected: string,
  actual: string,
  facts?: ErrorFacts,
) {
  const whose = stream === undefined ? 'what is written' : `stream ${stream}`;
  const message = `${whose} must be ${expected}, not ${actual}`;
  const data = stream === undefined ? { expected, actual } : { stream, expected, actual };
  return new RegaliaError('REGALIA_ENCODING', message, data, facts);
}

/** Others changed the same, and no policy resolved it. Nothing was written: begin again. */
export function conflicting(message: string, conflicts: readonly unknown[]) {
  return new RegaliaError('REGALIA_CONFLICT', message, { conflicts }, { retryable: true });
}

/** Two commits, by their addresses. */
export function unrelated(ours: string, theirs: string) {
  const message = `${ours} and ${theirs} have no commit in common`;
  return new RegaliaError('REGALIA_UNRELATED', message, { ours, theirs });
}

export function notFound(what: string, name: string, hint?: string, facts?: ErrorFacts) {
  const message = `there is no ${what} ${name}${hint === undefined ? '' : `: ${hint}`}`;
  return new RegaliaError('REGALIA_NOT_FOUND', message, { what, name }, facts);
}

export function alreadyExists(what: string, name: string, hint?: string, facts?: ErrorFacts) {
  const message = `there is already a ${what} ${name}${hint === undefined ? '' : `: ${hint}`}`;
  return new RegaliaError('REGALIA_EXISTS', message, { what, name, ...errnoIn(facts) }, facts);
}

/** `what` names the thing, as in 'store'. */
export function closed(what: string) {
  return new RegaliaError('REGALIA_CLOSED', `the ${what} is closed`, { what });
}

/** `what` is older than it may be, by the clock of the store. */
export function expired(what: string, ageMs: number) {
  const message = `the ${what} is ${ageMs} ms old, which is more than it may be: make another`;
  return new RegaliaError('REGALIA_EXPIRED', message, { what, ageMs });
}

export function readOnly(what: string) {
  return new RegaliaError('REGALIA_READ_ONLY', `${what} is open for reading only`, { what });
}

/** The caller's signal was aborted; its reason is the cause. */
export function aborted(operation: string, reason: unknown) {
  const message = `${operation} was aborted`;
  return new RegaliaError('REGALIA_ABORTED', message, { operation }, { cause: reason });
}

/** Throws REGALIA_ABORTED with the signal's reason as cause, if the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted === true) throw aborted(operation, signal.reason);
}

/** An abort that the platform threw, under our code; any other error as it is. */
export function asAborted(error: unknown, operation: string): unknown {
  if (isRegaliaError(error) || (error as Error)?.name !== 'AbortError') return error;
  return aborted(operation, error);
}

// Bytes that were read.

/** `what` does not follow its format at byte `at`. */
export function malformed(
  what: string,
  at: number,
  expected: string,
  actual: string,
  facts?: ErrorFacts,
) {
  const message = `${what} is malformed at byte ${at}: expected ${expected}, found ${actual}`;
  return new RegaliaError('REGALIA_FORMAT', message, { what, at, expected, actual }, facts);
}

/** Something that a later release made: `what` has version `actual`, this one knows `expected`. */
export function unknownVersion(
  what: string,
  expected: number | string,
  actual: number | string,
  facts?: ErrorFacts,
) {
  const message = `${what} has version ${actual}, and this release knows ${expected}`;
  const data = { what, expected: `${expected}`, actual: `${actual}` };
  return new RegaliaError('REGALIA_VERSION', message, data, facts);
}

/** `what` in the pack at byte `at` is refused. Retryable where another transfer may mend it. */
export function badPack(
  what: string,
  at: number,
  expected: string,
  actual: string,
  facts?: ErrorFacts,
) {
  const found = `expected ${expected}, found ${actual}`;
  const message = `the pack's ${what} at byte ${at} is refused: ${found}`;
  return new RegaliaError('REGALIA_PACK', message, { what, at, expected, actual }, facts);
}

/** A commit whose signature is not `actor`'s; both as text. */
export function badSignature(commit: string, actor: string) {
  const message = `commit ${commit} is not signed by ${actor}`;
  return new RegaliaError('REGALIA_SIGNATURE', message, { commit, actor });
}

/** `more` says which key is hit, and whether it can be repaired. */
export function corrupt(
  what: string,
  expected: string,
  actual: string,
  more: { readonly key?: string; readonly repairable?: boolean } & ErrorFacts = {},
) {
  const { cause: _, retryable: __, outcome: ___, ...evidence } = more;
  const message = `${what} is damaged: expected ${expected}, found ${actual}`;
  return new RegaliaError(
    'REGALIA_CORRUPT',
    message,
    { what, expected, actual, ...evidence },
    more,
  );
}

/** The commit `commit`, an address, in which history goes on, is not here. */
export function beyondHorizon(commit: string) {
  const message = `history goes on in ${commit}, which is not here`;
  return new RegaliaError('REGALIA_HORIZON', message, { commit });
}

/** `what` names the stamp. */
export function badStamp(what: string, expected: string, actual: string) {
  const message = `${what} must be ${expected}, not ${actual}`;
  return new RegaliaError('REGALIA_STAMP', message, { expected, actual });
}

/** Nothing can be counted for want of a share of the clock; `advice` says how to get one. */
export function noShare(what: string, advice: string) {
  const message = `${what} has no share of the clock to count on: ${advice}`;
  return new RegaliaError('REGALIA_STAMP', message, {
    expected: 'a share of the clock',
    actual: 'none',
  });
}

/** The block or file at `address` is not here; `source` is where it should be. */
export function missing(what: string, address: string, source?: string, facts?: ErrorFacts) {
  const where = source === undefined ? 'is not here' : `is in ${source}, which is not here`;
  const data = source === undefined ? { address } : { address, source };
  return new RegaliaError('REGALIA_MISSING', `${what} ${address} ${where}`, data, facts);
}

// The machine.

/** The store in the folder `path` was copied; `reason` says how that is known. */
export function cloned(path: string, reason: string) {
  const message = `${path} is a copy of a store: ${reason}; adopt it if its original is gone`;
  return new RegaliaError('REGALIA_CLONED', message, { path, reason });
}

/** The volume of that id (as digits), in the folder `path`. */
export function badVolume(volume: string, path: string, reason: string) {
  const message = `the volume at ${path} is refused: ${reason}`;
  return new RegaliaError('REGALIA_VOLUME', message, { volume, path, reason });
}

/** The operating system's name of an error, such as 'ENOSPC'; undefined where it has none. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What `full`, `ioFailed` and `ioError` may know beside what was thrown. */
export interface IoFacts extends ErrorFacts {
  /** The operating system's name of the error, where what was thrown does not carry it. */
  readonly errno?: string | undefined;
}

function errnoIn({ errno, cause }: IoFacts = {}): { errno?: string } {
  const name = errno ?? errnoOf(cause);
  return name === undefined ? {} : { errno: name };
}

/** No room on the device, in the map, or left of some numbers. */
export function full(path: string, more: IoFacts = {}) {
  const data = { path, ...errnoIn(more) };
  const facts = { retryable: true, ...more };
  return new RegaliaError('REGALIA_FULL', `there is no room left at ${path}`, data, facts);
}

/** The file at `path` would outgrow its map of so many bytes, which is larger when it is opened. */
export function mapFull(path: string, mapBytes: number) {
  const size = `its map of ${mapBytes} bytes has no room left`;
  const advice = 'close the store in this process and open it again for a larger one';
  const message = `there is no room left at ${path}: ${size}; ${advice}`;
  return new RegaliaError('REGALIA_FULL', message, { path });
}

/** A worker failed at `task` for that reason, and then the calling thread with `cause`. */
export function workerFailed(task: string, reason: string, cause: unknown) {
  const message = `a worker failed to ${task}, and so did the calling thread: ${reason}`;
  return new RegaliaError('REGALIA_WORKER', message, { task, reason }, { cause, retryable: true });
}

/** Another process or handle has `path`; `why` is a sentence's end, as in 'is open for reading'. */
export function locked(path: string, why: string, facts?: ErrorFacts) {
  return new RegaliaError('REGALIA_LOCKED', `${path} ${why}`, { path }, facts);
}

/** `operation` on `path` failed, whatever the system calls it; `why` says how. */
export function ioFailed(path: string, operation: string, why: string, more: IoFacts = {}) {
  const message = `to ${operation} ${path} failed: ${why}`;
  return new RegaliaError('REGALIA_IO', message, { path, operation, ...errnoIn(more) }, more);
}

/** Something that this process may not do to `path`; `why` says so, and what to do. */
export function permission(path: string, why: string) {
  return new RegaliaError('REGALIA_PERMISSION', `${path} is refused: ${why}`, { path });
}

/** What to do about errors of the system that pass: the same call may succeed later. */
const PASSING: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no descriptor left: close files, or raise its limit (ulimit -n)',
  ENFILE: 'the system has no descriptor left: close files of other processes',
  ENOMEM: 'there is no memory left: free some, or raise the limit of this process (ulimit -v)',
  EAGAIN: 'the system is short of something: try again',
  EBUSY: 'something else uses it: try again',
  EINTR: 'it was interrupted: try again',
  ENOLCK: 'the system has no lock left: close other programs, or see whether it is a network mount',
  ESTALE: 'the file system is another now: mount it again',
  ENOTCONN: 'the file system is away: connect it again',
  ETIMEDOUT: 'the file system does not answer: connect it again',
};

/** What the operating system threw when `operation` was done to `path`, under our codes. */
export function ioError(
  error: unknown,
  path: string,
  operation: string,
  more: IoFacts = {},
): RegaliaError {
  if (isRegaliaError(error)) return error;
  const facts = { ...more, cause: error };
  const errno = errnoIn(facts);
  const file = { what: 'file', name: path, ...errno };
  switch (errno.errno) {
    case 'ENOENT':
    case 'ENOTDIR':
      return new RegaliaError('REGALIA_NOT_FOUND', `${path} does not exist`, file, facts);
    case 'EACCES':
    case 'EPERM':
    case 'EROFS': {
      const message = `the system refuses to ${operation} ${path} (${errno.errno})`;
      const data = { path, operation, ...errno };
      return new RegaliaError('REGALIA_PERMISSION', message, data, facts);
    }
    case 'EEXIST':
    case 'ENOTEMPTY':
      return new RegaliaError('REGALIA_EXISTS', `${path} exists already`, file, facts);
    case 'ENOSPC':
    case 'EDQUOT':
    case 'EFBIG':
      return full(path, facts);
    default: {
      const text = error instanceof Error ? error.message : String(error);
      const advice = PASSING[errno.errno ?? ''];
      if (advice === undefined) return ioFailed(path, operation, text, facts);
      return ioFailed(path, operation, `${advice} (${text})`, { retryable: true, ...facts });
    }
  }
}
