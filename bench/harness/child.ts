/**
 * Runs an exported function of a module in a process of its own, with the garbage collector
 * exposed: for peaks of memory, for cold caches, and so that a crash ends one measurement instead
 * of all.
 *
 * This file is both sides: imported it gives `inChild`, forked it answers one request over the
 * channel.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { peakResidentBytes } from './watch.js';

interface Request {
  readonly module: string;
  readonly name: string;
  readonly argument: unknown;
}

type Reply = { readonly result: unknown; readonly peakBytes: number } | { readonly error: string };

export interface ChildResult<T> {
  readonly result: T;
  readonly peakBytes: number;
}

/**
 * Calls `name` of the module at the URL `module` with `argument`; both ways only what structured
 * cloning carries. `inChild<number>(import.meta.url, 'loadAll', { count: 1000 })`
 */
export function inChild<T>(
  module: string,
  name: string,
  argument: unknown,
): Promise<ChildResult<T>> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(import.meta.url), [], {
      execArgv: ['--expose-gc', '--enable-source-maps'],
      serialization: 'advanced',
    });
    let reply: Reply | undefined;
    child.on('message', (message) => {
      reply = message as Reply;
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (reply === undefined) reject(new Error(`${name} died: ${signal ?? `code ${code}`}`));
      else if ('error' in reply) reject(new Error(reply.error));
      else resolve(reply as ChildResult<T>);
    });
    child.send({ module, name, argument } satisfies Request);
  });
}

async function answer(request: Request): Promise<Reply> {
  try {
    const module = (await import(request.module)) as Record<string, (argument: unknown) => unknown>;
    const named = module[request.name];
    if (typeof named !== 'function')
      throw new Error(`${request.module} exports no ${request.name}`);
    const result = await named(request.argument);
    return { result, peakBytes: peakResidentBytes() };
  } catch (error) {
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.send !== undefined) {
  process.once('message', (request) => {
    // Native rivals keep handles open: the reply, not an idle loop, ends the process.
    void answer(request as Request).then((reply) => process.send?.(reply, () => process.exit(0)));
  });
}
