/**
 * A walk over a real directory, depth first, names sorted bytewise.
 *
 * Each thing found is one event: `enter` a directory, later `leave` it, a `leaf` for all else, an
 * `error` for what could not be looked at, and a `pause` now and then for callers that must not
 * block. Symbolic links are leaves and never followed, but for the walk's own root. Folders named
 * in `exclude` (a store in the tree) are skipped silently. They are found by device
 * and inode, so that no spelling of the path hides them.
 *
 * Calls are synchronous: an lstat takes a microsecond, awaiting one twenty. Nothing is kept but the
 * directories on the way down and their sorted names, which have a bound of their own.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { badOption, notFound } from '../ground/errors.js';
import { type ListingOptions, sortedNames } from './listing.js';
import { type ByteText, byteText, FileFault, isAscii, osPath, shownPath } from './os.js';

type WalkEvent =
  | { readonly kind: 'enter' | 'leaf'; readonly name: ByteText; readonly stats: Stats }
  /** `whole` is false where the directory's names could not be read. */
  | { readonly kind: 'leave'; readonly whole: boolean }
  | { readonly kind: 'error'; readonly name: ByteText; readonly fault: FileFault }
  | { readonly kind: 'pause' };

export interface WalkOptions extends ListingOptions {
  /** Folders that are not entered and not reported. */
  readonly exclude?: readonly string[] | undefined;
}

/** A directory on the way down: the names to come, what the next ones are, how far it has come. */
interface Frame {
  readonly path: ByteText;
  readonly isAscii: boolean;
  readonly names: Iterator<ByteText | undefined, void>;
  seen: Seen[];
  seenMs: number;
  next: number;
}

interface Seen {
  readonly name: ByteText;
  readonly path: ByteText;
  /** Undefined where it has vanished. */
  readonly found: Stats | FileFault | undefined;
}

/** Looked at in one go, since work in between pushes out what the kernel has at hand. */
const LOOKED_AT = 64;
/** No look ahead takes much longer, however slow the disk is. */
const LOOK_MS = 2;
/** After so long a thing may be another: it is looked at again. */
const STALE_MS = 6;
const PAUSE = { kind: 'pause' } as const;
const LSTAT = { throwIfNoEntry: false } as const;

/** The walk of one directory, once. Ends by itself; leave it early with `break` or `using`. */
export class Walk implements Iterable<WalkEvent> {
  /** The path of what the latest `enter`, `leave` or `error` is about. */
  path: ByteText;
  /** Whether the name of the latest event is ASCII, and so its own text. */
  isAscii = true;
  readonly #stack: Frame[] = [];
  readonly #excluded: ReadonlySet<string>;
  readonly #options: WalkOptions;
  readonly #events: Generator<WalkEvent, void>;

  /** @throws REGALIA_NOT_FOUND or REGALIA_OPTION, at the first event, unless it is a directory. */
  constructor(root: string | Uint8Array, options: WalkOptions = {}) {
    this.path = byteText(root);
    this.#options = options;
    this.#excluded = new Set((options.exclude ?? []).flatMap(identity));
    this.#events = this.#walk(this.path);
  }

  [Symbol.iterator](): Generator<WalkEvent, void> {
    return this.#events;
  }

  /** Lets go of the files that long listings keep. */
  [Symbol.dispose](): void {
    this.#events.return();
  }

  *#walk(root: ByteText): Generator<WalkEvent, void> {
    try {
      yield* this.#enter('', root, isAscii(root), rootStats(root));
      while (this.#stack.length > 0) {
        const frame = this.#stack[this.#stack.length - 1];
        if (frame.next === frame.seen.length) {
          yield* this.#more(frame);
          continue;
        }
        const ahead = frame.seen[frame.next++];
        const isStale = performance.now() - frame.seenMs > STALE_MS;
        const { name, path, found } = isStale ? look(frame, ahead.name) : ahead;
        this.path = path;
        this.isAscii = isAscii(name);
        // What vanished since its name was read is as if it had never been there.
        if (found === undefined) continue;
        if (found instanceof FileFault) yield { kind: 'error', name, fault: found };
        else if (!found.isDirectory()) yield { kind: 'leaf', name, stats: found };
        else if (!this.#excluded.has(`${found.dev}:${found.ino}`)) {
          yield* this.#enter(name, path, frame.isAscii && this.isAscii, found);
        }
      }
    } finally {
      for (const frame of this.#stack) frame.names.return?.();
    }
  }

  *#enter(name: ByteText, path: ByteText, plain: boolean, stats: Stats): Generator<WalkEvent> {
    yield { kind: 'enter', name, stats };
    try {
      const names = sortedNames(path, this.#options, stats.size)[Symbol.iterator]();
      this.#stack.push({ path, isAscii: plain, names, seen: [], seenMs: 0, next: 0 });
    } catch (error) {
      yield* this.#unreadable(path, error);
    }
  }

  /** Looks at the next names, and leaves the directory where there are none. */
  *#more(frame: Frame): Generator<WalkEvent> {
    try {
      const paused = lookAhead(frame);
      if (frame.seen.length > 0) return;
      if (!paused) this.#stack.pop();
      yield paused ? PAUSE : { kind: 'leave', whole: true };
    } catch (error) {
      this.#stack.pop();
      yield* this.#unreadable(frame.path, error);
    }
  }

  /** @throws what is no fault of the directory: an error in the scratch folder ends the walk. */
  *#unreadable(path: ByteText, error: unknown): Generator<WalkEvent> {
    if (!(error instanceof FileFault)) throw error;
    this.path = path;
    yield { kind: 'error', name: '', fault: error };
    yield { kind: 'leave', whole: false };
  }
}

function identity(path: string): string[] {
  const stats = statSync(path, LSTAT);
  return stats === undefined ? [] : [`${stats.dev}:${stats.ino}`];
}

function rootStats(path: ByteText): Stats {
  const stats = statSync(osPath(path), LSTAT);
  if (stats === undefined) throw notFound('directory', shownPath(path));
  if (!stats.isDirectory()) throw badOption('dir', 'a directory', shownPath(path));
  return stats;
}

/** Looks at the next names, up to a pause of the listing or its end. Returns whether it paused. */
function lookAhead(frame: Frame): boolean {
  frame.seen = [];
  frame.seenMs = performance.now();
  frame.next = 0;
  do {
    const next = frame.names.next();
    if (next.done === true) return false;
    if (next.value === undefined) return true;
    frame.seen.push(look(frame, next.value));
  } while (frame.seen.length < LOOKED_AT && performance.now() - frame.seenMs < LOOK_MS);
  return false;
}

function look(directory: Frame, name: ByteText): Seen {
  const path = `${directory.path}/${name}`;
  const plain = directory.isAscii && isAscii(name);
  try {
    return { name, path, found: lstatSync(plain ? path : Buffer.from(path, 'latin1'), LSTAT) };
  } catch (error) {
    return { name, path, found: new FileFault(error) };
  }
}
