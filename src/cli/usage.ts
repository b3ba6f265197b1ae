/** Usage lines read as data, and the help that is made of them. */
import {
  COMMON_OPTIONS,
  type OptionSpec,
  type OptionSpecs,
  UsageError,
  type Verb,
} from './verb.js';

interface Arity {
  readonly least: number;
  readonly most: number;
  /** The first that may be missing. */
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

/** @throws UsageError unless the usage line takes so many arguments. */
export function checkArguments(verb: Verb, args: readonly string[]): void {
  const { least, most, names } = arityOf(verb.usage);
  if (args.length < least) throw new UsageError(`${names[args.length]} is missing`);
  if (args.length > most) throw new UsageError(`${JSON.stringify(args[most])} is one too many`);
}

export function usageLine(verb: Verb): string {
  return ['regalia', verb.name, verb.usage, '[OPTIONS]'].filter((word) => word !== '').join(' ');
}

/** The help of one verb. */
export function verbHelp(verb: Verb): string {
  const options = { ...verb.options, ...COMMON_OPTIONS };
  const parts = [`${usageLine(verb)}\n\n${sentence(verb.summary)}\n`];
  if (verb.details !== undefined) parts.push(`\n${verb.details.trim()}\n`);
  parts.push(`\nOptions:\n${table(optionRows(options))}`);
  return parts.join('');
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
    '\n`regalia VERB --help` tells more of each, `--json` prints for programs.\n',
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

/** The name nearest to what was typed, if one is near. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const ranked = names.map((name) => ({ name, distance: editDistance(typed, name) }));
  ranked.sort((a, b) => a.distance - b.distance);
  const best = ranked[0];
  return best !== undefined && best.distance <= Math.max(1, typed.length / 3)
    ? best.name
    : undefined;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + same));
    }
    row = next;
  }
  return row[b.length];
}
