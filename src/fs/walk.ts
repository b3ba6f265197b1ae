/**
 * A walk over a real directory, depth first, names sorted bytewise.
 *
 * Each thing found is one event: `enter` a directory, later `leave` it, a `leaf` for all else, an `error` for what
 * could not be looked at, and a `pause` now and then for callers that must not block. Symbolic links are leaves and
 * never followed, save the walk's own root. Folders named in `exclude` (a store that lies within the tree) are passed
 * over in silence, found by device and inode, so that no spelling of the path hides them.
 *
 * Calls are synchronous: an lstat takes a microsecond, awaiting one twenty. Nothing is kept but the directories on the
 * way down and their sorted names, which have a bound of their own.
 */
import { lstatSync, type Stats, statSync } from 'node:fs';
import { RegaliaError } from '../index.js';
import {
  type ByteText,
  byteText,
  isAscii,
  type ListingOptions,
  osPath,
  sortedNames,
} from './listing.js';

export type WalkEvent =
  | { readonly kind: 'enter' | 'leaf'; readonly name: ByteText; readonly stats: Stats }
  /** `whole` is false where the directory's names could not be read. */
  | { readonly kind: 'leave'; readonly whole: boolean }
  | { readonly kind: 'error'; readonly name: ByteText; readonly cause: NodeJS.ErrnoException }
  | { readonly kind: 'pause' };

export interface WalkOptions extends ListingOptions {
  /** Folders that are not entered and not told of. */
  readonly exclude?: readonly string[];
}

/** A directory on the way down: its names, and how far the walk has come. */
interface Frame {
  readonly path: ByteText;
  readonly isAscii: boolean;
  readonly names: readonly ByteText[];
  readonly more: Iterator<ByteText | undefined, void> | undefined;
  next: number;
}

const PAUSE = { kind: 'pause' } as const;
const LSTAT = { throwIfNoEntry: false } as const;

/** The walk of one directory. Ends by itself; leave it early with `return` or `using`. */
export class Walk implements IterableIterator<WalkEvent, undefined> {
  /** The path of what the latest `enter`, `leaf` or `error` tells of. */
  path: ByteText;
  /** Whether the name of the latest event is ASCII, and so its own text. */
  isAscii = true;
  readonly #stack: Frame[] = [];
  readonly #excluded: ReadonlySet<string>;
  readonly #options: WalkOptions;
  /** What follows the latest event in any case. */
  #then: (() => WalkEvent | undefined) | undefined;

  /** @throws REGALIA_NOT_FOUND or REGALIA_OPTION, with the first event, unless `root` is a directory. */
  constructor(root: string | Uint8Array, options: WalkOptions = {}) {
    this.path = byteText(root);
    this.#options = options;
    this.#excluded = new Set((options.exclude ?? []).flatMap(identity));
    this.#then = () => this.#enter('', this.path, isAscii(this.path), rootStats(this.path));
  }

  [Symbol.iterator](): this {
    return this;
  }

  next(): IteratorResult<WalkEvent, undefined> {
    if (this.#then !== undefined) {
      const then = this.#then;
      this.#then = undefined;
      const event = then();
      if (event !== undefined) return { done: false, value: event };
    }
    for (;;) {
      const frame = this.#stack[this.#stack.length - 1];
      if (frame === undefined) return { done: true, value: undefined };
      const event = this.#step(frame);
      if (event !== undefined) return { done: false, value: event };
    }
  }

  /** Undefined for what is passed over. */
  #step(frame: Frame): WalkEvent | undefined {
    if (frame.next < frame.names.length) return this.#visit(frame, frame.names[frame.next++]);
    if (frame.more === undefined) return this.#leave();
    try {
      const next = frame.more.next();
      if (next.done === true) return this.#leave();
      return next.value === undefined ? PAUSE : this.#visit(frame, next.value);
    } catch (error) {
      this.#stack.pop();
      return this.#unreadable(frame.path, error);
    }
  }

  #leave(): WalkEvent {
    this.#stack.pop();
    return { kind: 'leave', whole: true };
  }

  #visit(frame: Frame, name: ByteText): WalkEvent | undefined {
    const path = `${frame.path}/${name}`;
    const ascii = isAscii(name);
    const plain = frame.isAscii && ascii;
    this.path = path;
    this.isAscii = ascii;
    let stats: Stats | undefined;
    try {
      stats = lstatSync(plain ? path : Buffer.from(path, 'latin1'), LSTAT);
    } catch (cause) {
      return { kind: 'error', name, cause: cause as NodeJS.ErrnoException };
    }
    // What vanished since its name was read is as if it had never been there.
    if (stats === undefined) return undefined;
    if (!stats.isDirectory()) return { kind: 'leaf', name, stats };
    if (this.#excluded.has(`${stats.dev}:${stats.ino}`)) return undefined;
    return this.#enter(name, path, plain, stats);
  }

  #enter(name: ByteText, path: ByteText, plain: boolean, stats: Stats): WalkEvent {
    this.#then = () => this.#list(path, plain);
    return { kind: 'enter', name, stats };
  }

  /** Begins with a directory's names; undefined where there is nothing to tell. */
  #list(path: ByteText, plain: boolean): WalkEvent | undefined {
    try {
      const listed = sortedNames(path, this.#options);
      const [names, more] = Array.isArray(listed) ? [listed, undefined] : [[], listed];
      this.#stack.push({ path, isAscii: plain, names, more, next: 0 });
      return undefined;
    } catch (error) {
      return this.#unreadable(path, error);
    }
  }

  #unreadable(path: ByteText, error: unknown): WalkEvent {
    this.path = path;
    this.#then = () => ({ kind: 'leave', whole: false });
    return { kind: 'error', name: '', cause: error as NodeJS.ErrnoException };
  }

  /** Lets go of the files that long listings keep. */
  return(): IteratorResult<WalkEvent, undefined> {
    this.#then = undefined;
    for (const frame of this.#stack.splice(0)) frame.more?.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.dispose](): void {
    this.return();
  }
}

function identity(path: string): string[] {
  const stats = statSync(path, LSTAT);
  return stats === undefined ? [] : [`${stats.dev}:${stats.ino}`];
}

function rootStats(path: ByteText): Stats {
  const shown = Buffer.from(path, 'latin1').toString();
  const stats = statSync(osPath(path), LSTAT);
  if (stats === undefined) {
    const message = `there is no directory at ${shown}`;
    throw new RegaliaError('REGALIA_NOT_FOUND', message, { what: 'directory', name: shown });
  }
  if (stats.isDirectory()) return stats;
  throw new RegaliaError('REGALIA_OPTION', `${shown} is not a directory`, {
    option: 'dir',
    expected: 'a directory',
    actual: shown,
  });
}
