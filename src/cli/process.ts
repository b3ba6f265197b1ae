/**
 * The command as a process: its streams, its signals, its exit.
 *
 * The first Ctrl-C aborts the verb, which ends in good order; the second one kills. A process that
 * is asked to stop ends by that very signal, so that a shell's loop stops too. The exit code is
 * set, and nothing calls `exit`, so that what was written to a pipe still arrives.
 */
import { readFileSync } from 'node:fs';
import { runCommand, type VerbTable } from './command.js';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

export async function runProcess(verbs: VerbTable): Promise<void> {
  const stop = new AbortController();
  let caught: NodeJS.Signals | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    caught = signal;
    forget();
    stop.abort(new Error(signal));
  };
  const forget = () => {
    for (const signal of SIGNALS) process.off(signal, onSignal);
  };
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.stderr.on('error', () => undefined);
  const exit = await runCommand(process.argv.slice(2), verbs, {
    input: process.stdin,
    output: process.stdout,
    terminal: process.stderr,
    signal: stop.signal,
    version: packageVersion(),
    clock: () => performance.now(),
  });
  forget();
  process.exitCode = exit;
  // A standard input that was opened and not read to its end would keep the process alive.
  process.stdin.unref?.();
  if (caught !== undefined) process.kill(process.pid, caught);
}

function packageVersion(): string {
  const file = new URL('../../../package.json', import.meta.url);
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return version;
}
