/**
 * Signatures of commits by actors, some of which promise them: they ask an agent or a token
 * elsewhere. Who waits for one keeps the lane of his branch, so nobody waits for ever: the commit's
 * signal ends it, the time that the store's settings give to a signer, and closing, where nothing
 * else goes on for a second. Then nothing of the commit is written.
 */
import { type Address, addressKey } from '../blocks/address.js';
import { onAbort } from '../ground/abort.js';
import { aborted, closed, throwIfAborted } from '../ground/errors.js';
import { type Actor, signCommit, signCommitNow } from '../log/signature.js';
import type { Core } from './core.js';

/** By the commit's address, as `addressKey` has it. */
export type Signatures = ReadonlyMap<string, Uint8Array>;

const NONE: Signatures = new Map();
/** What a timer can count. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The signatures, where the actor makes them at once; undefined where it does not. */
export function signNow(
  actor: Actor | undefined,
  commits: readonly Address[],
): Signatures | undefined {
  if (actor === undefined) return NONE;
  const signatures = new Map<string, Uint8Array>();
  for (const commit of commits) {
    const signature = signCommitNow(actor, commit);
    if (signature === undefined) return undefined;
    signatures.set(addressKey(commit), signature);
  }
  return signatures;
}

/** The signatures, once the actor has made them. REGALIA_ABORTED, REGALIA_CLOSED. */
export async function sign(
  core: Core,
  actor: Actor | undefined,
  commits: readonly Address[],
  signal: AbortSignal | undefined,
): Promise<Signatures> {
  if (actor === undefined) return NONE;
  const signatures = new Map<string, Uint8Array>();
  for (const commit of commits) {
    const answer = signCommit(actor, commit);
    const isHere = answer instanceof Uint8Array;
    const signature = isHere ? answer : await unlessEnded(core, answer, signal);
    signatures.set(addressKey(commit), signature);
  }
  return signatures;
}

/** What an answer comes to, unless something ends the waiting before. */
async function unlessEnded<T>(
  { settings: { signTimeoutMs }, underway }: Core,
  answer: Promise<T>,
  signal: AbortSignal | undefined,
): Promise<T> {
  throwIfAborted(signal, 'sign');
  const leave: (() => void)[] = [];
  const ended = new Promise<never>((_, reject) => {
    const late = (): void => {
      const message = `the actor made no signature within ${signTimeoutMs} ms`;
      reject(aborted('sign', new DOMException(message, 'TimeoutError')));
    };
    const timer = signTimeoutMs <= TIMER_MS_MAX ? setTimeout(late, signTimeoutMs) : undefined;
    leave.push(
      () => clearTimeout(timer),
      onAbort(signal, () => reject(aborted('sign', signal?.reason))),
      underway.when('stuck', () => reject(closed('store'))),
    );
  });
  try {
    return await Promise.race([answer, ended]);
  } finally {
    for (const one of leave) one();
  }
}
