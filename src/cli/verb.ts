/**
 * A verb of the command: its name, its arguments and options, what it does, and the help that is
 * made of these. Verbs are named in verbs.ts, and see the world only through their context, so that
 * tests run them without a process.
 *
 * The usage line is data: capital words are arguments, `[KEY]` may be left out, `KEY...` may
 * repeat. The number of arguments is checked against it.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Bucket, Regalia, RegaliaOptions } from '../index.js';
import type { Output } from './output.js';

/** 0 done, 1 a finding (conflicts, faults, differences), 2 wrong usage, 3 failure. */
export type ExitCode = 0 | 1 | 2 | 3;

/** A verb's exit code; nothing is 0. */
// biome-ignore lint/suspicious/noConfusingVoidType: a function without a result gives void
export type Ended = Promise<ExitCode | void>;

export interface OptionSpec {
  /** What the help calls the text that the option needs; an option without one is a flag. */
  readonly argument?: string;
  readonly short?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** The options given, by name. */
type OptionValues<O extends OptionSpecs> = {
  readonly [K in keyof O]?: O[K] extends { argument: string } ? string : boolean;
};

/** What a verb does with a bucket, which is the store itself unless an option names another. */
type Use = (bucket: Bucket, store: Regalia) => Ended;

export interface Context<O extends OptionSpecs = OptionSpecs> {
  /** In the order of the usage line; those left out are missing at the end. */
  readonly args: readonly string[];
  readonly options: OptionValues<O>;
  readonly out: Output;
  /** Standard input. */
  readonly input: NodeJS.ReadableStream;
  /** Aborted by Ctrl-C, and when nobody reads the output any more. */
  readonly signal: AbortSignal;
  /** Lends the bucket that the options name; its store is read-only meanwhile, and then closed. */
  reading(use: Use): Ended;
  /** The same, to write to as well. */
  writing(use: Use): Ended;
  /** The same, of a store that is opened so; its branch comes before that of the options. */
  opening(how: RegaliaOptions, use: Use): Ended;
  /** Shows on the terminal how far long work has come; `total` may be unknown. */
  progress(label: string, done: number, total?: number, unit?: 'bytes'): void;
}

export interface Verb<O extends OptionSpecs = OptionSpecs> {
  readonly name: string;
  /** One line, without a full stop. */
  readonly summary: string;
  /** The arguments: 'STORE DIR [KEY]'. */
  readonly usage: string;
  readonly options: O;
  /** More for `--help`, where one line is not enough. */
  readonly details?: string;
  run(context: Context<O>): Ended;
}

/** Gives a verb's options their types; the table forgets them again. */
export function defineVerb<const O extends OptionSpecs>(verb: Verb<O>): Verb {
  return verb as unknown as Verb;
}

/** A file's text; `-` is standard input. */
export function textOf(file: string, { input }: Pick<Context, 'input'>): Promise<string> {
  return file === '-' ? text(input) : readFile(file, 'utf8');
}

/** Where to read or write. */
export const BRANCH = {
  branch: { argument: 'BRANCH', help: 'use this branch; default main' },
} as const satisfies OptionSpecs;

/** Verbs on histories work on the store's own, or on that of a bucket in it. */
export const BUCKET = {
  ...BRANCH,
  bucket: { argument: 'KEY', help: 'use the bucket at this key' },
} as const satisfies OptionSpecs;

/** Options of every verb that reads. */
export const READ_OPTIONS = {
  at: { argument: 'COMMIT', help: 'read at a commit, tag, branch or date' },
  ...BRANCH,
} as const satisfies OptionSpecs;

/** Options of every verb that commits. */
export const COMMIT_OPTIONS = {
  ...BRANCH,
  message: { argument: 'TEXT', short: 'm', help: "the commit's message" },
} as const satisfies OptionSpecs;

export const COMMON_OPTIONS = {
  json: { help: 'print one JSON object a line, for programs; errors too' },
  help: { short: 'h', help: 'show this help' },
} as const satisfies OptionSpecs;

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

// Usage lines, and the help.

/** @throws UsageError unless the usage line has so many arguments. */
export function checkArguments({ usage }: Verb, args: readonly string[]): void {
  const words = usage.split(' ').filter((word) => word !== '');
  const required = words.filter((word) => !word.startsWith('['));
  if (args.length < required.length) throw new UsageError(`${required[args.length]} is missing`);
  if (args.length <= words.length || /\.\.\.\]?$/.test(usage)) return;
  throw new UsageError(`${JSON.stringify(args[words.length])} is one too many`);
}

export function verbHelp({ name, usage, summary, details, options }: Verb): string {
  const line = ['regalia', name, usage, '[OPTIONS]'].filter((word) => word !== '').join(' ');
  const about = `${summary.charAt(0).toUpperCase()}${summary.slice(1)}.`;
  const more = details === undefined ? '' : `\n${details.trim()}\n`;
  const all = Object.entries<OptionSpec>({ ...options, ...COMMON_OPTIONS });
  const rows = all.map(([option, spec]) => [optionText(option, spec), spec.help] as const);
  return `${line}\n\n${about}\n${more}\nOptions:\n${table(rows)}`;
}

/** The help of the whole command. */
export function overview(verbs: readonly Verb[], version: string): string {
  const rows = verbs.map(({ name, usage, summary }) => [`${name} ${usage}`, summary] as const);
  return `regalia ${version}: a hierarchical, versioned metadata store in one folder

regalia VERB STORE [ARGUMENTS] [OPTIONS]

Verbs:
${table(rows)}
\`regalia VERB --help\` explains a verb; \`--json\` prints for programs, errors too.
Exit codes: 0 done, 1 a finding (conflicts, faults, differences), 2 usage, 3 failure.
`;
}

function optionText(name: string, { short, argument }: OptionSpec): string {
  const letter = short === undefined ? '    ' : `-${short}, `;
  return `${letter}--${name}${argument === undefined ? '' : ` ${argument}`}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  const line = ([left, right]: readonly [string, string]) =>
    left.length > width
      ? `  ${left}\n  ${' '.repeat(width)}  ${right}\n`
      : `  ${left.padEnd(width)}  ${right}\n`;
  return rows.map(line).join('');
}
