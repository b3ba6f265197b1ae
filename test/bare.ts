/**
 * Children free of the test runner's hooks. The runner puts these into the environment of every
 * process that a test starts, whatever the test sets there; they take longer to load than most
 * children take to run, and would catch signals before the child does.
 */

/** The program and arguments to start, `spawn(...bare(program, …))`. Its process id stays. */
export function bare(program: string, ...args: readonly string[]): [string, string[]] {
  return ['env', ['-u', 'NODE_OPTIONS', program, ...args]];
}
