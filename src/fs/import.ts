/**
 * Import: a directory's tree into a store, under a key.
 *
 * Both sides are sorted bytewise, so one pass merges them: what only the disk has is added, what
 * only the store has is removed, what both have is compared by its stat, and a file's bytes are
 * read only where that differs. What cannot be read is a finding, and what the store has of it
 * stays; an error of the store ends the import. Streams other than `stat` and `content` are left
 * alone, unless their entry goes or becomes another kind of file. Hard links become files of their
 * own.
 *
 * Nothing is visible until the caller commits. The tree may change meanwhile: a file that changes
 * while it is read is read once more. Then it is stored as it is, under the older stat, so that the
 * next import looks again.
 */
import { lstatSync, readlinkSync, type Stats, statSync } from 'node:fs';
import { asAborted, isRegaliaError } from '../ground/errors.js';
import { flag, folder, listener, listOf, Options, signal } from '../ground/options.js';
import { Pace } from '../ground/pause.js';
import { nameBytes, nameText } from '../ground/text.js';
import type { Key } from '../index.js';
import {
  CONTENT,
  keyNames,
  PATH,
  STAT,
  type StoredEntry,
  type TreeReader,
  type TreeWriter,
  WRITER,
} from './face.js';
import { type ByteText, type Finding, Findings, isAscii, onFile, osPath, STEPS } from './os.js';
import { readContent } from './source.js';
import { decodeStat, encodeStat, type FileStat, fileStat, kindOf, matchesStat } from './stat.js';
import { Walk, type WalkOptions } from './walk.js';

/** Bytes of files between drains of the transaction. */
const DRAIN_BYTES = 1_048_576;

/** How a directory is imported. */
export interface ImportTreeOptions {
  /** Ends the import with REGALIA_ABORTED. */
  readonly signal?: AbortSignal | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: ImportTreeProgress) => void) | undefined;
  /** Called with each finding, also those that the result has no room for. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Read every file, whether its stat differs or not. */
  readonly reread?: boolean | undefined;
  /** Folders that are passed over, such as one that a store is in. */
  readonly exclude?: readonly string[] | undefined;
  /** Where names of very large directories are sorted; default the system's temporary folder. */
  readonly scratch?: string | undefined;
}

/** How far an import has come. */
export interface ImportTreeProgress {
  /** Files and directories seen. */
  readonly entries: number;
  /** Of these, added or with another stat. */
  readonly changed: number;
  /** Subtrees that the store had and the directory has no more. */
  readonly removed: number;
  /** Read from files. */
  readonly bytes: number;
}

/** What an import did. */
export interface ImportTreeResult extends ImportTreeProgress {
  /** The first thousand; `findingCount` counts all. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

const IMPORT = new Options<ImportTreeOptions>('importTree', {
  signal,
  onProgress: listener(),
  onFinding: listener(),
  reread: flag,
  exclude: listOf(folder),
  scratch: folder,
});

/**
 * Makes the subtree at `key` equal to the directory `dir`.
 *
 * @throws REGALIA_NOT_FOUND or REGALIA_OPTION unless `dir` is a directory, REGALIA_ABORTED by the
 *   signal, and what the transaction throws.
 */
export async function importTree(
  tx: TreeWriter,
  dir: string | Uint8Array,
  key: Key,
  options?: ImportTreeOptions,
): Promise<ImportTreeResult> {
  WRITER.check('tx', tx);
  PATH.check('dir', dir);
  return runImport(tx, dir, key, IMPORT.check(options));
}

/** How an import works, which its results do not depend on: for tests. */
interface ImportWork extends ImportTreeOptions, WalkOptions {
  /** Milliseconds from any fixed moment; default `performance.now`. */
  readonly clock?: () => number;
}

/** An import with what has been checked. */
export async function runImport(
  tx: TreeWriter,
  dir: string | Uint8Array,
  key: Key,
  options: ImportWork,
): Promise<ImportTreeResult> {
  // The store knows what a key is, and refuses anything else.
  tx.entry(key);
  const run = new ImportRun(tx, key, options);
  using walk = new Walk(dir, options);
  try {
    await run.all(walk);
  } catch (error) {
    throw asAborted(error, 'import');
  }
  options.onProgress?.(run.progress());
  return { ...run.progress(), findings: run.findings.list, findingCount: run.findings.count };
}

class ImportRun {
  readonly findings: Findings;
  readonly #tx: TreeWriter;
  readonly #options: ImportWork;
  readonly #pace: Pace;
  /** The directory that the walk is in, and what the store has in each on the way there. */
  readonly #names: (string | Uint8Array)[];
  readonly #stored: StoredChildren[] = [];
  #entries = 0;
  #changed = 0;
  #removed = 0;
  #bytes = 0;
  /** Read since the transaction was last drained. */
  #undrained = 0;

  constructor(tx: TreeWriter, key: Key, options: ImportWork) {
    this.#tx = tx;
    this.#options = options;
    this.#names = [...keyNames(key)];
    this.findings = new Findings(options.onFinding);
    this.#pace = new Pace('import', { signal: options.signal, clock: options.clock, steps: STEPS });
  }

  progress(): ImportTreeProgress {
    const [entries, changed, removed] = [this.#entries, this.#changed, this.#removed];
    return { entries, changed, removed, bytes: this.#bytes };
  }

  async all(walk: Walk): Promise<void> {
    for (const event of walk) {
      if (event.kind === 'leaf') {
        const stored = this.#match(event.name, walk.isAscii);
        if (!this.#unchanged(stored, event.stats, walk.path)) {
          await this.#update(event.name, walk.path, event.stats, stored);
        }
      } else if (event.kind === 'enter') {
        await this.#enter(event.name, walk, event.stats);
      } else if (event.kind === 'leave') {
        this.#leave(event.whole);
      } else if (event.kind === 'error') {
        // An error without a name is of the directory itself, whose `leave` follows and knows.
        if (event.name !== '') this.#match(event.name, walk.isAscii);
        this.findings.addFault(walk.path, event.fault);
      }
      // A pause comes after a few thousand names.
      if (this.#pace.due(event.kind === 'pause' ? 64 : 1)) await this.#rest();
    }
  }

  async #rest(): Promise<void> {
    this.#options.onProgress?.(this.progress());
    await this.#pace.rest();
  }

  async #enter(name: ByteText, { path, isAscii }: Walk, stats: Stats): Promise<void> {
    const root = this.#stored.length === 0;
    const stored = root ? this.#tx.entry([...this.#names]) : this.#match(name, isAscii);
    if (!this.#unchanged(stored, stats, path)) await this.#update(name, path, stats, stored);
    if (!root) this.#names.push(textOf(name));
    const known = root || stored !== undefined;
    this.#stored.push(new StoredChildren(this.#tx, [...this.#names], known));
  }

  #leave(whole: boolean): void {
    const children = this.#stored.pop();
    for (let rest = children?.peek(); whole && rest !== undefined; rest = children?.peek()) {
      this.#remove(rest);
      children?.skip();
    }
    if (this.#stored.length > 0) this.#names.pop();
  }

  /** The stored entry of that name; those before it vanished from the disk. */
  #match(name: ByteText, ascii: boolean): StoredEntry | undefined {
    const children = this.#stored[this.#stored.length - 1];
    for (let entry = children.peek(); entry !== undefined; entry = children.peek()) {
      const order = compareNames(entry.name, name, ascii);
      if (order > 0) return undefined;
      children.skip();
      if (order === 0) return entry;
      this.#remove(entry);
    }
    return undefined;
  }

  #remove(entry: StoredEntry): void {
    this.#tx.del([...this.#names, entry.name]);
    this.#removed++;
  }

  #unchanged(stored: StoredEntry | undefined, stats: Stats, path: ByteText): boolean {
    this.#entries++;
    if (stored === undefined || this.#options.reread === true) return false;
    const bytes = stored.get(STAT)?.inline;
    if (bytes === undefined) return false;
    if (!stats.isSymbolicLink()) return matchesStat(bytes, stats);
    try {
      return matchesStat(bytes, stats, linkTarget(path));
    } catch {
      // Nothing is known of it: the update reads it again, and reports what is wrong.
      return false;
    }
  }

  async #update(name: ByteText, path: ByteText, seen: Stats, stored?: StoredEntry): Promise<void> {
    const key = this.#stored.length === 0 ? [...this.#names] : [...this.#names, textOf(name)];
    try {
      const before = stored === undefined ? undefined : storedStat(stored);
      const kind = kindOf(seen.mode);
      const replaced = before !== undefined && before.kind !== kind;
      // Where a directory gave way to a file, its children go too.
      if (replaced && before.kind === 'directory') this.#tx.del(key);
      else if (replaced && before.kind === 'file') this.#tx.del(key, CONTENT);
      if (kind === 'file') await this.#file(key, path);
      else this.#special(key, path);
      this.#changed++;
    } catch (error) {
      // A key that no store can have is a fault of the file's path.
      if (isRegaliaError(error, 'REGALIA_KEY')) this.findings.add(path, error.code, error.message);
      else this.findings.addFault(path, error);
    }
  }

  async #file(key: Key, path: ByteText): Promise<void> {
    const { signal } = this.#options;
    const read = await readContent(osPath(path), signal, {
      small: (bytes) => this.#tx.put(key, CONTENT, bytes),
      large: (source) => this.#tx.write(key, CONTENT, source, signal ? { signal } : {}),
    });
    this.#bytes += read.bytes;
    this.#undrained += read.bytes;
    if (this.#undrained >= DRAIN_BYTES) {
      this.#undrained = 0;
      await this.#tx.drain?.();
    }
    if (read.changing) this.findings.add(path, 'CHANGING', 'the file changed while it was read');
    const stat = fileStat(read.stats);
    if (stat !== undefined) this.#tx.put(key, STAT, encodeStat(stat));
    // Reading took long compared with a look at a stat.
    if (this.#pace.due(8 + read.bytes / 16_384)) await this.#rest();
  }

  #special(key: Key, path: ByteText): void {
    // The walk's own root may be a symbolic link to the directory; nothing else that is one is
    // followed.
    const look = this.#stored.length === 0 ? statSync : lstatSync;
    const stats = onFile(() => look(osPath(path), { bigint: true }));
    const target = stats.isSymbolicLink() ? onFile(() => linkTarget(path)) : undefined;
    const stat = fileStat(stats, target);
    if (stat === undefined) this.findings.add(path, 'SPECIAL', 'this kind of file is not known');
    else this.#tx.put(key, STAT, encodeStat(stat));
  }
}

/** Lossless text of a name; nearly all names are ASCII and their own text. */
function textOf(name: ByteText): string {
  return isAscii(name) ? name : nameText(Buffer.from(name, 'latin1'));
}

function compareNames(stored: string, name: ByteText, ascii: boolean): number {
  if (ascii && stored === name) return 0;
  const bytes = nameBytes(stored);
  const text = bytes === undefined ? stored : Buffer.from(bytes).toString('latin1');
  return text === name ? 0 : text < name ? -1 : 1;
}

function linkTarget(path: ByteText): Uint8Array {
  return readlinkSync(osPath(path), { encoding: 'buffer' });
}

function storedStat(entry: StoredEntry): FileStat | undefined {
  const bytes = entry.get(STAT)?.inline;
  try {
    return bytes && decodeStat(bytes);
  } catch {
    return undefined;
  }
}

/** Children that are read from the store at once. */
const BATCH = 512;

/** The store's children, read in batches, since the transaction is written to in between. */
class StoredChildren {
  readonly #tx: TreeReader;
  readonly #key: Key;
  #batch: StoredEntry[] = [];
  #next = 0;
  #more: boolean;

  constructor(tx: TreeReader, key: Key, known: boolean) {
    this.#tx = tx;
    this.#key = key;
    this.#more = known;
  }

  peek(): StoredEntry | undefined {
    if (this.#next === this.#batch.length && this.#more) this.#read();
    return this.#batch[this.#next];
  }

  skip(): void {
    this.#next++;
  }

  #read(): void {
    const last = this.#batch[this.#batch.length - 1];
    const range = last === undefined ? { limit: BATCH } : { gt: last.name, limit: BATCH };
    this.#batch = [...this.#tx.children(this.#key, range)];
    this.#next = 0;
    this.#more = this.#batch.length === BATCH;
  }
}
