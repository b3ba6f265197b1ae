/**
 * The command: finds the verb, reads its arguments, runs it, and turns what it throws into text and
 * an exit code. All it needs of the process is passed in.
 */
import { type ParseArgsConfig, parseArgs } from 'node:util';
import { failureOf } from './failure.js';
import { Output, type OutputStream } from './output.js';
import { ProgressLine, type Terminal } from './progress.js';
import { checkArguments, nearest, overview, verbHelp } from './usage.js';
import {
  COMMON_OPTIONS,
  type Context,
  type ExitCode,
  type OptionSpec,
  UsageError,
  type Verb,
} from './verb.js';

/** Verbs by name, each loaded when it is needed. */
export type VerbTable = Readonly<Record<string, () => Promise<Verb>>>;

export interface World {
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
  const out = new Output(world.output, {
    json: argv.slice(0, endOfOptions(argv)).includes('--json'),
    beforeWrite: () => line.clear(),
    onGone: () => gone.abort(new Error('nobody reads the output')),
  });
  const signal = AbortSignal.any([world.signal, gone.signal]);
  let help = 'regalia --help';
  try {
    const name = verbName(argv);
    if (name === undefined) return await general(argv, verbs, world, out);
    const verb = await loadVerb(name, verbs);
    help = `regalia ${verb.name} --help`;
    const { args, options, help: asked } = parseVerb(verb, argv.slice(1));
    if (asked) {
      await out.text(verbHelp(verb));
      await out.flush();
      return 0;
    }
    checkArguments(verb, args);
    const progress = (label: string) => line.start(label);
    const context: Context = { args, options, out, input: world.input, signal, progress };
    const exit = await verb.run(context);
    await out.flush();
    return exit;
  } catch (error) {
    await out.flush().catch(() => undefined);
    line.clear();
    // A reader that left, as `head` does, has what it wanted.
    if (out.gone && !world.signal.aborted) return 0;
    const failure = failureOf(error, help);
    world.terminal.write(failure.text);
    return failure.exit;
  } finally {
    line.clear();
  }
}

function endOfOptions(argv: readonly string[]): number {
  const at = argv.indexOf('--');
  return at < 0 ? argv.length : at;
}

function verbName(argv: readonly string[]): string | undefined {
  const first = argv[0];
  return first === undefined || first.startsWith('-') || first === 'help' ? undefined : first;
}

/** What is asked of the command itself: help, version, or nothing. */
async function general(
  argv: readonly string[],
  verbs: VerbTable,
  world: World,
  out: Output,
): Promise<ExitCode> {
  const [first, second] = argv;
  if (first === '--version') {
    await out.text(`${world.version}\n`);
  } else if (first === 'help' && second !== undefined && !second.startsWith('-')) {
    await out.text(verbHelp(await loadVerb(second, verbs)));
  } else if (first === 'help' || first === '--help' || first === '-h') {
    const all = await Promise.all(Object.values(verbs).map((load) => load()));
    await out.text(overview(all, world.version));
  } else {
    const said = first === undefined ? 'a verb is missing' : `${first} is not an option here`;
    throw new UsageError(said);
  }
  await out.flush();
  return 0;
}

async function loadVerb(name: string, verbs: VerbTable): Promise<Verb> {
  if (Object.hasOwn(verbs, name)) return verbs[name]();
  const near = nearest(name, Object.keys(verbs));
  const guess = near === undefined ? '' : `; did you mean ${near}?`;
  throw new UsageError(`there is no verb ${JSON.stringify(name)}${guess}`);
}

interface Parsed {
  readonly args: readonly string[];
  readonly options: Context['options'];
  readonly help: boolean;
}

function parseVerb(verb: Verb, args: readonly string[]): Parsed {
  const specs = Object.entries<OptionSpec>({ ...verb.options, ...COMMON_OPTIONS });
  const options = Object.fromEntries(
    specs.map(([name, { type, short, multiple }]) => [
      name,
      { type, ...(short !== undefined && { short }), multiple: multiple === true },
    ]),
  );
  const config: ParseArgsConfig = { args: [...args], options, allowPositionals: true };
  try {
    const { positionals, values } = parseArgs(config);
    const given = values as Context['options'];
    return { args: positionals, options: given, help: values['help'] === true };
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? '';
    if (!code.startsWith('ERR_PARSE_ARGS')) throw error;
    // Node's message goes on with advice that is longer than the fault.
    throw new UsageError((error as Error).message.split('. ')[0] as string);
  }
}
