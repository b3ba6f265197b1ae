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
import { RegaliaError } from '../errors.js';
import { type ByteText, byteText, type ListingOptions, osPath, sortedNames } from './listing.js';

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

interface Frame {
  readonly path: ByteText;
  readonly names: Iterator<ByteText | undefined, void>;
}

const PAUSE = { kind: 'pause' } as const;
const LSTAT = { throwIfNoEntry: false } as const;

/** The walk of one directory. `path` is that of the latest `enter`, `leaf` or `error`. */
export class Walk {
  /** The path of what the latest event tells of. */
  path: ByteText;
  readonly #stack: Frame[] = [];
  readonly #excluded: ReadonlySet<string>;
  readonly #options: WalkOptions;

  /** @throws REGALIA_NOT_FOUND or REGALIA_OPTION unless `root` is a directory. */
  constructor(root: string | Uint8Array, options: WalkOptions = {}) {
    this.path = byteText(root);
    this.#options = options;
    this.#excluded = new Set((options.exclude ?? []).flatMap(identity));
  }

  *[Symbol.iterator](): Generator<WalkEvent, void> {
    const stats = rootStats(this.path);
    yield { kind: 'enter', name: '', stats };
    this.#push(this.path);
    while (this.#stack.length > 0) {
      const frame = this.#stack[this.#stack.length - 1];
      let name: ByteText | undefined;
      try {
        const next = frame.names.next();
        if (next.done === true) {
          this.#stack.pop();
          yield { kind: 'leave', whole: true };
          continue;
        }
        name = next.value ?? undefined;
      } catch (error) {
        this.#stack.pop();
        this.path = frame.path;
        yield { kind: 'error', name: '', cause: error as NodeJS.ErrnoException };
        yield { kind: 'leave', whole: false };
        continue;
      }
      if (name === undefined) yield PAUSE;
      else yield* this.#visit(frame.path, name);
    }
  }

  *#visit(parent: ByteText, name: ByteText): Generator<WalkEvent, void> {
    const path = `${parent}/${name}`;
    this.path = path;
    let stats: Stats | undefined;
    try {
      stats = lstatSync(osPath(path), LSTAT);
    } catch (cause) {
      yield { kind: 'error', name, cause: cause as NodeJS.ErrnoException };
      return;
    }
    // What vanished since its name was read is as if it had never been there.
    if (stats === undefined) return;
    if (!stats.isDirectory()) {
      yield { kind: 'leaf', name, stats };
    } else if (!this.#excluded.has(`${stats.dev}:${stats.ino}`)) {
      yield { kind: 'enter', name, stats };
      this.#push(path);
    }
  }

  #push(path: ByteText): void {
    this.#stack.push({ path, names: sortedNames(path, this.#options) });
  }

  /** Lets go of files that long listings keep. A walk that ends by itself needs none of this. */
  [Symbol.dispose](): void {
    for (const frame of this.#stack.splice(0)) frame.names.return?.();
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
