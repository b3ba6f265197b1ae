/**
 * What went wrong, for people: `regalia: CODE: message`, a hint where one helps, and the exit code.
 * Codes are the library's, the operating system's (ENOENT), USAGE, or BUG for what only a mistake
 * of ours can cause, which alone comes with its stack.
 */
import { type ErrorCode, isRegaliaError } from '../ground/errors.js';
import { shown } from './output.js';
import { type ExitCode, UsageError } from './verb.js';

/** What to do about it, by code. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  REGALIA_KEY: 'a key is written /a/b; a name is 1 to 255 bytes without NUL and /',
  REGALIA_RULE:
    'what a rule hashes is fixed at first use; `regalia rules` changes how contents are kept',
  REGALIA_MISSING: 'attach the archive or volume that holds it, or run `regalia repair`',
  REGALIA_CORRUPT: 'run `regalia verify` to see all faults, then `regalia repair`',
  REGALIA_FORMAT: 'run `regalia verify` to see all faults, then `regalia repair`',
  REGALIA_VERSION: 'it was written by a later release: install that',
  REGALIA_CONFLICT: 'run it again, or say with --policy whose change stands',
  REGALIA_HORIZON: 'that history was truncated: clone again, or attach the archive',
  REGALIA_CLONED: 'a copied folder may be read; to write beside its original, `regalia clone` that',
  REGALIA_UNRELATED: 'only stores that were cloned or forked from one another can be merged',
  REGALIA_VOLUME: '`regalia volume STORE` tells how each volume was found',
  REGALIA_FULL: 'make room on the device; nothing that was committed is lost',
  REGALIA_LOCKED: 'another process holds it; try again when that has ended',
  REGALIA_READ_ONLY: 'the store was opened for reading alone',
};

/** Codes that are findings rather than failures. */
const FINDINGS: ReadonlySet<string> = new Set(['REGALIA_CONFLICT']);
/** Codes that blame the command line. */
const USAGE: ReadonlySet<string> = new Set([
  'REGALIA_KEY',
  'REGALIA_OPTION',
  'REGALIA_RANGE',
  'REGALIA_STREAM',
]);

export interface Failure {
  readonly text: string;
  readonly exit: ExitCode;
}

/** `help` is the command that tells more, for wrong usage. */
export function failureOf(error: unknown, help: string): Failure {
  if (error instanceof UsageError) {
    return { text: `regalia: USAGE: ${shown(error.message)}\n  see \`${help}\`\n`, exit: 2 };
  }
  if (isRegaliaError(error)) {
    const hint = HINTS[error.code];
    const text = `regalia: ${error.code}: ${shown(error.message)}\n${hint ? `  ${hint}\n` : ''}`;
    return { text, exit: FINDINGS.has(error.code) ? 1 : USAGE.has(error.code) ? 2 : 3 };
  }
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (error instanceof Error && typeof code === 'string' && 'syscall' in error) {
    return { text: `regalia: ${code}: ${shown(error.message)}\n`, exit: 3 };
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `regalia: BUG: ${stack}\n`, exit: 3 };
}
