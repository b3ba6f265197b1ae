/**
 * Every error Regalia throws for the world's faults is a `RegaliaError` with a `code` from a closed
 * union. Our own bugs are assertions instead. `data` is typed by code and carries the evidence
 * (expected and actual, where there is such a pair); `retryable` says whether the same call may
 * succeed later; `outcome` says what a failed write left behind: nothing ('none'), the whole
 * ('committed'), or that only a reopened store can tell ('unknown').
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
  /** A move or copy whose source is absent, or whose target is beneath its source. */
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
  /** A merge or commit that no policy settled. */
  REGALIA_CONFLICT: { conflicts: readonly unknown[] };
  /** A store, snapshot or transaction that was closed, disposed or committed. */
  REGALIA_CLOSED: { what: string };
  /** A snapshot older than its `maxAge`. */
  REGALIA_EXPIRED: { what: string; ageMs: number };
  /** History that was truncated. */
  REGALIA_HORIZON: { commit: string };
  /** A branch, tag, commit, bucket or store that does not exist. */
  REGALIA_NOT_FOUND: { what: string; name: string };
  /** A branch, tag, bucket or store that exists already. */
  REGALIA_EXISTS: { what: string; name: string };
  /** A write to something opened for reading. */
  REGALIA_READ_ONLY: { what: string };
  /** Two histories that share no commit. */
  REGALIA_UNRELATED: { ours: string; theirs: string };
  /** A pack that is not what it says, or not for this bucket. */
  REGALIA_PACK: { what: string; at: number; expected: string; actual: string };
  /** A store folder that was copied rather than forked. */
  REGALIA_CLONED: { path: string; reason: string };
  /** A stamp that is malformed or contradicts its parents. */
  REGALIA_STAMP: { expected: string; actual: string };
  /** A commit whose signature is invalid. */
  REGALIA_SIGNATURE: { commit: string; actor: string };
  /** No room left on the device, or the map is full. */
  REGALIA_FULL: { path: string };
  /** The operating system refused permission. */
  REGALIA_PERMISSION: { path: string };
  /** Another process or handle holds what was asked for. */
  REGALIA_LOCKED: { path: string };
  /** A volume of contents that is not here, or not fit for what was asked of it. */
  REGALIA_VOLUME: { volume: string; path: string; reason: string };
  /** An input or output error of the operating system; the handle is poisoned. */
  REGALIA_IO: { path: string; operation: string };
  /** A worker died or failed, and its task failed on the calling thread too. */
  REGALIA_WORKER: { task: string; reason: string };
  /** A caller's signal was aborted. */
  REGALIA_ABORTED: { operation: string };
}

export type ErrorCode = keyof ErrorData;

/** What a failed write left behind. */
export type Outcome = 'none' | 'committed' | 'unknown';

export interface ErrorFacts {
  cause?: unknown;
  retryable?: boolean;
  outcome?: Outcome;
}

export class RegaliaError<C extends ErrorCode = ErrorCode> extends Error {
  override readonly name = 'RegaliaError';
  readonly code: C;
  readonly data: ErrorData[C];
  readonly retryable: boolean;
  readonly outcome: Outcome;

  constructor(code: C, message: string, data: ErrorData[C], facts: ErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = code;
    this.data = data;
    this.retryable = facts.retryable ?? false;
    this.outcome = facts.outcome ?? 'none';
  }
}

/** Whether `error` is a RegaliaError, of the given code if one is given. */
export function isRegaliaError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is RegaliaError<C> {
  return error instanceof RegaliaError && (code === undefined || error.code === code);
}

/** Throws REGALIA_ABORTED with the signal's reason as cause, if the signal is aborted. */
export function throwIfAborted(signal: AbortSignal | undefined, operation: string): void {
  if (signal?.aborted !== true) return;
  throw new RegaliaError(
    'REGALIA_ABORTED',
    `${operation} was aborted`,
    { operation },
    { cause: signal.reason },
  );
}

/** For states that only a bug of ours can reach. */
export function assert(condition: unknown, message: string): asserts condition {
  if (condition !== true && !condition) throw new Error(`regalia: assertion failed: ${message}`);
}
