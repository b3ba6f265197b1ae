/**
 * Findings: what an import or export could not do for single files, reported instead of thrown, and
 * the slices of time in which both work. Beyond a bound findings are only counted, so that a tree
 * of unreadable files takes no memory.
 */
import { FINDINGS_MAX } from '../ground/limits.js';
import { isRegaliaError, RegaliaError } from '../index.js';
import type { ByteText } from './listing.js';

export interface Finding {
  /** The path concerned; bytes that are not UTF-8 are shown as U+FFFD. */
  readonly path: string;
  /**
   * The operating system's code (EACCES), a RegaliaError's, or one of CHANGING, SPECIAL, NAME,
   * STAT, MIXED.
   */
  readonly code: string;
  readonly message: string;
}

export class Findings {
  readonly list: Finding[] = [];
  count = 0;
  readonly #report: ((finding: Finding) => void) | undefined;

  constructor(report?: (finding: Finding) => void) {
    this.#report = report;
  }

  add(path: ByteText, code: string, message: string): void {
    const finding = { path: Buffer.from(path, 'latin1').toString(), code, message };
    this.count++;
    if (this.list.length < FINDINGS_MAX) this.list.push(finding);
    this.#report?.(finding);
  }

  /**
   * Takes an error that concerns one file alone; throws any other, such as a full disk or a closed
   * store.
   */
  take(path: ByteText, error: unknown): void {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!(error instanceof Error) || !isLocal(code)) throw error;
    this.add(path, code, error.message);
  }
}

const LOCAL = new Set([
  ...['EACCES', 'EPERM', 'ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG', 'EINVAL'],
  ...['EBUSY', 'ETXTBSY', 'EIO', 'ENXIO', 'ENODEV', 'EEXIST', 'EILSEQ', 'EOPNOTSUPP', 'ESTALE'],
  ...['EOVERFLOW', 'EFBIG', 'ENOTEMPTY', 'UNKNOWN'],
  ...['REGALIA_KEY', 'REGALIA_MISSING', 'REGALIA_CORRUPT'],
]);

function isLocal(code: string): boolean {
  return LOCAL.has(code);
}

export interface PaceOptions {
  readonly signal?: AbortSignal;
  /** Milliseconds from any fixed moment. */
  readonly clock?: () => number;
}

const SLICE_MS = 4;
const STEPS = 32;

/** Slices of time: work goes on for a few milliseconds, then the event loop has its turn. */
export class Pace {
  readonly #clock: () => number;
  readonly #signal: AbortSignal | undefined;
  readonly #operation: string;
  #started: number;
  #steps = 0;

  constructor(operation: string, options: PaceOptions) {
    this.#operation = operation;
    this.#signal = options.signal;
    this.#clock = options.clock ?? (() => performance.now());
    this.#started = this.#clock();
    this.#check();
  }

  /**
   * Whether it is time to `rest`; looks at the clock only now and then, as `weight` steps add up.
   */
  due(weight = 1): boolean {
    this.#steps += weight;
    if (this.#steps < STEPS) return false;
    this.#steps = 0;
    return this.#clock() - this.#started >= SLICE_MS;
  }

  /** @throws REGALIA_ABORTED if the signal was aborted meanwhile. */
  async rest(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.#check();
    this.#started = this.#clock();
  }

  #check(): void {
    if (this.#signal?.aborted !== true) return;
    const operation = this.#operation;
    const facts = { cause: this.#signal.reason };
    throw new RegaliaError('REGALIA_ABORTED', `${operation} was aborted`, { operation }, facts);
  }
}

/** Throws aborted reads and writes under our own code. */
export function asAborted(error: unknown, operation: string): unknown {
  if (isRegaliaError(error) || (error as Error)?.name !== 'AbortError') return error;
  const facts = { cause: error };
  return new RegaliaError('REGALIA_ABORTED', `${operation} was aborted`, { operation }, facts);
}
