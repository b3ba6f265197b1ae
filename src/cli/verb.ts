/**
 * A verb of the command: its name, its arguments and options, what it does, and the help that is
 * made of these. Each verb has a file of its own, is named in verbs.ts, and sees the world only
 * through its context, so that tests run it without a process.
 *
 * The usage line is data: capital words are arguments, `[KEY]` may be left out, `KEY...` may
 * repeat. The number of arguments is checked against it.
 */
import type { Output, Progress } from './output.js';

/** 0 done, 1 a finding (conflicts, faults, differences), 2 wrong usage, 3 failure. */
export type ExitCode = 0 | 1 | 2 | 3;

export interface OptionSpec {
  readonly type: 'boolean' | 'string';
  readonly short?: string;
  readonly multiple?: boolean;
  /** The name of a string option's argument in the help. */
  readonly placeholder?: string;
  readonly help: string;
}

export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** The options given, by name. */
type OptionValues<O extends OptionSpecs> = {
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
  /** A line on the terminal that shows how far long work has come. */
  progress(label: string): Progress;
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
  run(context: Context<O>): Promise<ExitCode>;
}

/** Gives a verb's options their types; the table forgets them again. */
export function defineVerb<const O extends OptionSpecs>(verb: Verb<O>): Verb {
  return verb as unknown as Verb;
}

/** Where to read or write. */
export const BRANCH = {
  branch: { type: 'string', placeholder: 'BRANCH', help: 'use this branch; default main' },
} as const satisfies OptionSpecs;

/** Verbs on histories work on the store's own, or on that of a bucket in it. */
export const BUCKET = {
  ...BRANCH,
  bucket: { type: 'string', placeholder: 'KEY', help: 'use the bucket at this key' },
} as const satisfies OptionSpecs;

/** Options of every verb that reads. */
export const READ_OPTIONS = {
  at: { type: 'string', placeholder: 'COMMIT', help: 'read at a commit, tag, branch or date' },
  ...BRANCH,
} as const satisfies OptionSpecs;

/** Options of every verb that commits. */
export const COMMIT_OPTIONS = {
  ...BRANCH,
  message: { type: 'string', short: 'm', placeholder: 'TEXT', help: "the commit's message" },
} as const satisfies OptionSpecs;

/** Options of every verb. */
export const COMMON_OPTIONS = {
  json: { type: 'boolean', help: 'print one JSON object a line, for programs; errors too' },
  help: { type: 'boolean', short: 'h', help: 'show this help' },
} as const satisfies OptionSpecs;

/** The command line makes no sense. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

// Usage lines, and the help.

interface Arity {
  readonly least: number;
  readonly most: number;
  /** Those that may not be missing. */
  readonly names: readonly string[];
}

function arityOf(usage: string): Arity {
  const words = usage.split(' ').filter((word) => word !== '');
  const required = words.filter((word) => !word.startsWith('['));
  const repeats = words.some((word) => word.replace(']', '').endsWith('...'));
  return {
    least: required.length,
    most: repeats ? Number.POSITIVE_INFINITY : words.length,
    names: required,
  };
}

/** @throws UsageError unless the usage line has so many arguments. */
export function checkArguments(verb: Verb, args: readonly string[]): void {
  const { least, most, names } = arityOf(verb.usage);
  if (args.length < least) throw new UsageError(`${names[args.length]} is missing`);
  if (args.length > most) throw new UsageError(`${JSON.stringify(args[most])} is one too many`);
}

function usageLine(verb: Verb): string {
  return ['regalia', verb.name, verb.usage, '[OPTIONS]'].filter((word) => word !== '').join(' ');
}

/** The help of one verb. */
export function verbHelp(verb: Verb): string {
  const options = { ...verb.options, ...COMMON_OPTIONS };
  const sections = [`${usageLine(verb)}\n\n${sentence(verb.summary)}\n`];
  if (verb.details !== undefined) sections.push(`\n${verb.details.trim()}\n`);
  sections.push(`\nOptions:\n${table(optionRows(options))}`);
  return sections.join('');
}

/** The help of the whole command. */
export function overview(verbs: readonly Verb[], version: string): string {
  const rows = verbs.map((verb): [string, string] => [
    [verb.name, verb.usage].join(' ').trim(),
    verb.summary,
  ]);
  return [
    `regalia ${version}: a hierarchical, versioned metadata store in one folder\n\n`,
    'regalia VERB STORE [ARGUMENTS] [OPTIONS]\n',
    rows.length > 0 ? `\nVerbs:\n${table(rows)}` : '',
    '\n`regalia VERB --help` explains a verb; `--json` prints for programs, errors too.\n',
    'Exit codes: 0 done, 1 a finding (conflicts, faults, differences), 2 usage, 3 failure.\n',
  ].join('');
}

function optionRows(options: OptionSpecs): [string, string][] {
  return Object.entries(options).map(([name, option]) => [optionText(name, option), option.help]);
}

function optionText(name: string, option: OptionSpec): string {
  const short = option.short === undefined ? '    ' : `-${option.short}, `;
  const argument = option.type === 'string' ? ` ${option.placeholder ?? 'TEXT'}` : '';
  return `${short}--${name}${argument}`;
}

function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.min(34, Math.max(...rows.map(([left]) => left.length)));
  const line = ([left, right]: readonly [string, string]) =>
    left.length > width
      ? `  ${left}\n  ${' '.repeat(width)}  ${right}\n`
      : `  ${left.padEnd(width)}  ${right}\n`;
  return rows.map(line).join('');
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
