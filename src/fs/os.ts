/**
 * The operating system as this room uses it: paths of any bytes, errors of single files, and the
 * findings that imports and exports make of these.
 *
 * A path or a name is a byte text: text with one character per byte (latin1). Its order is the
 * order of the bytes, and ASCII names are their own text.
 *
 * Where an error happened decides whether it concerns one file or ends the work; its name does not.
 * Each call that looks at, reads or writes a file of the tree goes through `onFile`; whatever it
 * throws is a `FileFault`, and a finding. Anything else is an error of the store or of the scratch
 * folder, and is thrown. Beyond a bound findings are only counted, so that a tree of unreadable
 * files needs no memory.
 */
import { errnoOf } from '../ground/errors.js';
import { FINDINGS_MAX } from '../ground/limits.js';

/** A path or a name with one character per byte. */
export type ByteText = string;

const ASCII = /^[\0-\x7f]*$/;

/** Whether a byte text is ASCII, and so its own text. */
export function isAscii(text: ByteText): boolean {
  return ASCII.test(text);
}

/** A byte text as the operating system's calls expect it. */
export function osPath(path: ByteText): string | Buffer {
  return isAscii(path) ? path : Buffer.from(path, 'latin1');
}

/** The byte text of a path as users write it. */
export function byteText(path: string | Uint8Array): ByteText {
  const bytes = typeof path === 'string' ? Buffer.from(path) : Buffer.from(path);
  return bytes.toString('latin1');
}

/** For people: bytes that are not UTF-8 are U+FFFD. */
export function shownPath(path: ByteText): string {
  return Buffer.from(path, 'latin1').toString();
}

/** What the operating system threw at a call for one file of the tree; the error is the cause. */
export class FileFault extends Error {
  override readonly name = 'FileFault';
  /** The operating system's name of the error, where it has one. */
  readonly errno: string | undefined;

  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    const errno = errnoOf(cause);
    this.errno = errno !== undefined && /^E[A-Z0-9]+$/.test(errno) ? errno : undefined;
  }
}

/** Does one call for a file of the tree. @throws FileFault. */
export function onFile<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw new FileFault(error);
  }
}

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
