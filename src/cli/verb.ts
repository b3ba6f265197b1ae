/**
 * A verb of the command: what it is called, what it takes, what it does. Each lies in a file of its
 * own, is named in verbs.ts, and sees the world only through its context, so that tests run it
 * without a process.
 *
 * The usage line is data: capital words are arguments, `[KEY]` may be left out, `KEY...` may
 * repeat, and the number of arguments given is checked against it.
 */
import type { Output } from './output.js';
import type { Progress } from './progress.js';

/** 0 done, 1 a finding (conflicts, faults, differences), 2 wrong usage, 3 failure. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  /** What the help calls a string option's argument. */
  readonly placeholder?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** The options given, by name. */
export type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]?: O[K]['type'] extends 'boolean'
    ? boolean
    : O[K] extends { multiple: true }
      ? readonly string[]
      : string;
};

export interface Context<O extends OptionSpecs = OptionSpecs> {
  /** In the order of the usage line; those left out are missing at the end. */
  readonly args: readonly string[];
  readonly options: OptionValues<O>;
  readonly out: Output;
  /** Standard input. */
  readonly input: NodeJS.ReadableStream;
  /** Aborted by Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** A line on the terminal that tells how far long work has come. */
  progress(label: string): Progress;
}

export interface Verb<O extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** The arguments: 'STORE DIR [KEY]'. */
  readonly usage: string;
  readonly options: O;
  /** More for `--help`, if one line does not tell it. */
  readonly details?: string;
  run(context: Context<O>): Promise<ExitCode>;
}

/** Gives a verb's options their types; the table forgets them again. */
export function defineVerb<const O extends OptionSpecs>(verb: Verb<O>): Verb {
  return verb as unknown as Verb;
}

/** Where to read or write. */
export const BRANCH = {
  branch: { type: 'string', placeholder: 'BRANCH', help: 'another branch than main' },
} as const satisfies OptionSpecs;

/** Verbs on histories work on the store's own, or on that of a bucket within. */
export const BUCKET = {
  ...BRANCH,
  bucket: { type: 'string', placeholder: 'KEY', help: 'work on the bucket at this key' },
} as const satisfies OptionSpecs;

/** Options of every verb that reads. */
export const READ_OPTIONS = {
  at: { type: 'string', placeholder: 'COMMIT', help: 'read at a commit, tag, branch or date' },
  ...BRANCH,
} as const satisfies OptionSpecs;

/** Options of every verb that commits. */
export const COMMIT_OPTIONS = {
  ...BRANCH,
  message: { type: 'string', short: 'm', placeholder: 'TEXT', help: 'what the commit says' },
} as const satisfies OptionSpecs;

/** Options of every verb. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', help: 'print one JSON object a line, for programs' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies OptionSpecs;

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}
