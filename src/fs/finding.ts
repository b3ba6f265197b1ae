/**
 * Findings: what an import or export could not do for single files, reported instead of thrown.
 *
 * Where an error happened decides whether it concerns one file or ends the work; its name does not.
 * Each call to the operating system that looks at, reads or writes a file of the tree goes through
 * `onFile`; whatever it throws is a `FileFault`, and a finding. Anything else is an error of the
 * store or of the scratch folder, and is thrown. Beyond a bound findings are only counted, so that
 * a tree of unreadable files needs no memory.
 */
import { FINDINGS_MAX } from '../ground/limits.js';
import { type ByteText, FileFault, shownPath } from './os.js';

/** What could not be done for one file. */
export interface Finding {
  /** The path concerned; bytes that are not UTF-8 are shown as U+FFFD. */
  readonly path: string;
  /**
   * The operating system's name of the error (EACCES), or FAILED where it has none; a
   * RegaliaError's code; or one of CHANGING, SPECIAL, NAME, STAT, MIXED, TIMES.
   */
  readonly code: string;
  readonly message: string;
}

export class Findings {
  readonly list: Finding[] = [];
  count = 0;
  readonly #report: ((finding: Finding) => void) | undefined;

  constructor(report: ((finding: Finding) => void) | undefined) {
    this.#report = report;
  }

  add(path: ByteText, code: string, message: string): void {
    const finding = { path: shownPath(path), code, message };
    this.count++;
    if (this.list.length < FINDINGS_MAX) this.list.push(finding);
    this.#report?.(finding);
  }

  /** Adds the fault of one file; throws anything else. */
  addFault(path: ByteText, error: unknown): void {
    if (!(error instanceof FileFault)) throw error;
    this.add(path, error.errno ?? 'FAILED', error.message);
  }
}

/** Steps between two looks at the clock. */
export const STEPS = 32;
