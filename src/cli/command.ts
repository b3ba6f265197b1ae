/**
 * The command: finds the verb, reads its arguments, runs it, and turns what it throws into a text
 * or a line of JSON, and an exit code. All it needs of the process is passed in.
 *
 * An error has a code: the library's, the operating system's (ENOENT), USAGE, or BUG for what only
 * a mistake of ours can cause.
 *
 *     regalia: CODE: message                                      for people, often with a hint
 *     {"error":{"code","message","data","retryable","outcome"}}   with --json, on standard error
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { type ErrorCode, errnoOf, isRegaliaError, type Outcome } from '../ground/errors.js';
import { nearest } from '../ground/options.js';
import { openingOf } from './open.js';
import {
  jsonLine,
  Output,
  type OutputStream,
  ProgressLine,
  shown,
  type Terminal,
} from './output.js';
import {
  COMMON_OPTIONS,
  type Context,
  checkArguments,
  type ExitCode,
  type OptionSpec,
  overview,
  UsageError,
  type Verb,
  verbHelp,
} from './verb.js';

/** Verbs by name, each loaded when it is needed. */
export type VerbTable = Readonly<Record<string, () => Promise<Verb>>>;

interface World {
  readonly input: NodeJS.ReadableStream;
  readonly output: OutputStream;
  readonly terminal: Terminal;
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
  readonly version: string;
  /** Counts milliseconds. */
  readonly clock: () => number;
}

/** Runs one command line, without the program's own name. Never throws. */
export async function runCommand(
  argv: readonly string[],
  verbs: VerbTable,
  world: World,
): Promise<ExitCode> {
  const gone = new AbortController();
  const line = new ProgressLine(world.terminal, world.clock);
  const end = argv.indexOf('--');
  const json = (end < 0 ? argv : argv.slice(0, end)).includes('--json');
  const out = new Output(world.output, json, {
    beforeWrite: () => line.clear(),
    gone: () => gone.abort(new Error('nobody reads the output')),
  });
  const signal = AbortSignal.any([world.signal, gone.signal]);
  let help = 'regalia --help';
  try {
    const general = await generalText(argv, verbs, world.version);
    if (general !== undefined) return await printed(out, general);
    const verb = await loadVerb(argv[0], verbs);
    help = `regalia ${verb.name} --help`;
    const { args, options } = parseVerb(verb, argv.slice(1));
    if (options['help'] === true) return await printed(out, verbHelp(verb));
    checkArguments(verb, args);
    const progress: Context['progress'] = (...far) => line.show(...far);
    const { input } = world;
    const store = openingOf(args, options);
    const exit = await verb.run({ args, options, out, input, signal, progress, ...store });
    await out.flush();
    return typeof exit === 'number' ? exit : 0;
  } catch (error) {
    await out.flush().catch(() => undefined);
    line.clear();
    // A reader that left, as `head` does, has what it wanted.
    if (out.gone && !world.signal.aborted) return 0;
    const failure = failureOf(error, help);
    world.terminal.write(out.json ? failureLine(failure) : failureText(failure));
    return failure.exit;
  } finally {
    line.clear();
  }
}

async function printed(out: Output, text: string): Promise<ExitCode> {
  await out.text(text);
  await out.flush();
  return 0;
}

/** The answer to what is asked of the command itself: help, version, or nothing. */
async function generalText(
  [first, second]: readonly string[],
  verbs: VerbTable,
  version: string,
): Promise<string | undefined> {
  if (first === undefined) throw new UsageError('a verb is missing');
  if (first === '--version') return `${version}\n`;
  if (first === 'help' && second !== undefined && !second.startsWith('-')) {
    return verbHelp(await loadVerb(second, verbs));
  }
  if (first === 'help' || first === '--help' || first === '-h') {
    return overview(await Promise.all(Object.values(verbs).map((load) => load())), version);
  }
  if (first.startsWith('-')) throw new UsageError(`${first} must come after a verb`);
  return undefined;
}

async function loadVerb(name: string, verbs: VerbTable): Promise<Verb> {
  if (Object.hasOwn(verbs, name)) return verbs[name]();
  const near = nearest(name, Object.keys(verbs));
  const guess = near === undefined ? '' : `; did you mean ${near}?`;
  throw new UsageError(`there is no verb ${JSON.stringify(name)}${guess}`);
}

function parseVerb(verb: Verb, args: readonly string[]): Pick<Context, 'args' | 'options'> {
  const specs = Object.entries<OptionSpec>({ ...verb.options, ...COMMON_OPTIONS });
  const options: ParseArgsConfig['options'] = Object.fromEntries(
    specs.map(([name, { argument, short }]) => {
      const type = argument === undefined ? 'boolean' : 'string';
      return [name, short === undefined ? { type } : { type, short }];
    }),
  );
  try {
    const parsed = parseArgs({ args: [...args], options, allowPositionals: true });
    return { args: parsed.positionals, options: parsed.values as Context['options'] };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    // Node's message goes on with advice that is longer than the fault.
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}

// What went wrong.

/** What to do about it, by code. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  REGALIA_KEY: 'a key looks like /a/b; a name is 1 to 255 bytes, without NUL and /',
  REGALIA_RULE:
    'what a rule hashes is fixed at first use; `regalia rules` changes how contents are stored',
  REGALIA_MISSING: 'bring back the volume that has it, or run `regalia repair`',
  REGALIA_CORRUPT: 'run `regalia verify` to see all faults, then `regalia repair`',
  REGALIA_FORMAT: 'run `regalia verify` to see all faults, then `regalia repair`',
  REGALIA_VERSION: 'a later release wrote it: install that one',
  REGALIA_CONFLICT: 'run it again, or choose with --policy whose change stays',
  REGALIA_HORIZON: 'history ends there: unpack a pack of a replica that has all of it',
  REGALIA_CLONED: 'a copied folder can only be read; for a second store use `regalia clone`',
  REGALIA_UNRELATED: 'only stores that were cloned or forked from one another can be merged',
  REGALIA_VOLUME: '`regalia volume STORE` shows the state of each volume',
  REGALIA_FULL: 'make room on the device; nothing that was committed is lost',
  REGALIA_LOCKED: 'another process uses it; try again when that one has ended',
  REGALIA_READ_ONLY: 'the store was opened for reading only',
};

/** Exit codes of what is no failure: a finding, and what blames the command line. */
const EXITS: Partial<Record<ErrorCode, ExitCode>> = {
  REGALIA_CONFLICT: 1,
  REGALIA_KEY: 2,
  REGALIA_OPTION: 2,
  REGALIA_RANGE: 2,
  REGALIA_STREAM: 2,
};

interface Failure {
  readonly code: string;
  readonly message: string;
  /** For people: the message and a hint, or the stack of a bug. */
  readonly text: string;
  /** The evidence, for programs. */
  readonly data: object;
  readonly retryable: boolean;
  readonly outcome: Outcome;
  readonly exit: ExitCode;
}

/** `help` is the command that explains the right usage. */
function failureOf(error: unknown, help: string): Failure {
  if (error instanceof UsageError) {
    const { message } = error;
    const text = `${shown(message)}\n  see \`${help}\``;
    return { code: 'USAGE', message, text, data: { help }, ...UNTOUCHED, exit: 2 };
  }
  if (isRegaliaError(error)) {
    const { code, message, data, retryable, outcome } = error;
    const hint = HINTS[code];
    const text = hint === undefined ? shown(message) : `${shown(message)}\n  ${hint}`;
    return { code, message, text, data, retryable, outcome, exit: EXITS[code] ?? 3 };
  }
  return systemFailure(error) ?? bug(error);
}

const UNTOUCHED = { retryable: false, outcome: 'none' } as const;
/** An error that no code of ours explains may have come at any time. */
const UNSURE = { retryable: false, outcome: 'unknown' } as const;

/** An error of the operating system, such as a file that is not there. */
function systemFailure(error: unknown): Failure | undefined {
  const errno = errnoOf(error);
  if (!(error instanceof Error) || errno === undefined || !('syscall' in error)) return undefined;
  const { path, syscall: operation } = error as NodeJS.ErrnoException;
  const data = { errno, operation, ...(path !== undefined && { path }) };
  // Node's messages begin with the name that is the code here.
  const message = error.message.replace(`${errno}: `, '');
  return { code: errno, message, text: shown(message), data, ...UNSURE, exit: 3 };
}

function bug(error: unknown): Failure {
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const stack = error instanceof Error ? (error.stack ?? message) : message;
  return { code: 'BUG', message, text: stack, data: { stack }, ...UNSURE, exit: 3 };
}

function failureText({ code, text }: Failure): string {
  return `regalia: ${code}: ${text}\n`;
}

function failureLine({ code, message, data, retryable, outcome }: Failure): string {
  return `${jsonLine({ error: { code, message, data, retryable, outcome } })}\n`;
}
