/**
 * Hearing of an abort. However many hear of one signal, it has one listener of ours: to the runtime
 * more than a few on one signal look like a leak, and it warns. Nothing stays on a signal that
 * nobody hears of any more.
 */

interface Hearers {
  readonly hearers: Set<() => void>;
  readonly listener: () => void;
}

const heard = new WeakMap<AbortSignal, Hearers>();

/** Calls `hear` once the signal is aborted, from now on, and until what it returns is called. */
export function onAbort(signal: AbortSignal | undefined, hear: () => void): () => void {
  if (signal === undefined) return () => undefined;
  const { hearers } = heard.get(signal) ?? listen(signal);
  // Of one that hears twice, each is its own.
  const own = (): void => hear();
  hearers.add(own);
  return () => {
    if (hearers.delete(own) && hearers.size === 0) deafen(signal, hearers);
  };
}

function listen(signal: AbortSignal): Hearers {
  const hearers = new Set<() => void>();
  const listener = (): void => {
    for (const hear of [...hearers]) hear();
  };
  const made = { hearers, listener };
  heard.set(signal, made);
  signal.addEventListener('abort', listener, { once: true });
  return made;
}

function deafen(signal: AbortSignal, hearers: Set<() => void>): void {
  const there = heard.get(signal);
  if (there?.hearers !== hearers) return;
  heard.delete(signal);
  signal.removeEventListener('abort', there.listener);
}

/** A signal that is aborted where one of both is; the reason is that of the first. */
export function eitherSignal(first: AbortSignal | undefined, second: AbortSignal): AbortSignal {
  if (first === undefined) return second;
  const deaf = new Map<unknown, readonly (() => void)[]>();
  const either = {
    get aborted(): boolean {
      return first.aborted || second.aborted;
    },
    get reason(): unknown {
      return first.aborted ? first.reason : second.reason;
    },
    addEventListener(_: 'abort', listener: () => void): void {
      deaf.set(listener, [onAbort(first, listener), onAbort(second, listener)]);
    },
    removeEventListener(_: 'abort', listener: () => void): void {
      for (const leave of deaf.get(listener) ?? []) leave();
      deaf.delete(listener);
    },
  };
  return either as unknown as AbortSignal;
}
