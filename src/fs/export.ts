/**
 * Export: the subtree at a key as a real directory, file or link.
 *
 * It writes into a fresh place and never outside it: the target must be absent or an empty
 * directory, stays readable by its owner alone until all is written, and every file, link and
 * directory is created exclusively, so nothing that was there, and no link just made, is ever
 * followed or overwritten. Modes, owners (as root) and times are set once the contents are written,
 * those of directories last, from the leaves up.
 *
 * What cannot be restored is a finding: what the target's filesystem refuses for one file,
 * contents that the store has lost, fifos, sockets and devices, a content beside children. A full
 * disk and any other error of the store end the export. Without a `stat` an entry with children, or
 * without content, becomes a directory and any other a file.
 */
import {
  chmodSync,
  closeSync,
  fchmodSync,
  fchownSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import {
  alreadyExists,
  asAborted,
  full,
  isRegaliaError,
  notFound,
  permission,
  type RegaliaError,
} from '../ground/errors.js';
import { flag, listener, Options, oneOf, signal } from '../ground/options.js';
import { Pace } from '../ground/pause.js';
import { nameBytes } from '../ground/text.js';
import type { Key } from '../index.js';
import {
  CONTENT,
  keyNames,
  PATH,
  READER,
  STAT,
  type StoredEntry,
  type StoredStream,
  type TreeReader,
} from './face.js';
import {
  type ByteText,
  byteText,
  FileFault,
  type Finding,
  Findings,
  onFile,
  osPath,
  STEPS,
  shownPath,
} from './os.js';
import { decodeStat, type FileStat } from './stat.js';
import { ExactTimes, setTimesAt, setTimesOpen } from './times.js';

/** How a subtree is exported. */
export interface ExportTreeOptions {
  /** Ends the export with REGALIA_ABORTED; what was written until then stays. */
  readonly signal?: AbortSignal | undefined;
  /** Called every few milliseconds, and at the end. */
  readonly onProgress?: ((progress: ExportTreeProgress) => void) | undefined;
  /** Called with each finding, also those that the result has no room for. */
  readonly onFinding?: ((finding: Finding) => void) | undefined;
  /** Whether to restore owners and groups; default: only for root, since nobody else may. */
  readonly owners?: boolean | undefined;
  /**
   * How close times must come: 'near', within the microsecond that Node can set (the default), or
   * 'exact', by another program (perl, or xargs and touch), where there is one.
   */
  readonly times?: 'near' | 'exact' | undefined;
}

/** How far an export has come. */
export interface ExportTreeProgress {
  /** Files, links and directories written. */
  readonly entries: number;
  /** Written to files. */
  readonly bytes: number;
}

/** What an export did. */
export interface ExportTreeResult extends ExportTreeProgress {
  /** The first thousand; `findingCount` counts all. */
  readonly findings: readonly Finding[];
  readonly findingCount: number;
}

const EXPORT = new Options<ExportTreeOptions>('exportTree', {
  signal,
  onProgress: listener(),
  onFinding: listener(),
  owners: flag,
  times: oneOf('near', 'exact'),
});

/**
 * Writes the subtree at `key` to `target`.
 *
 * @throws REGALIA_NOT_FOUND where there is nothing at `key`, REGALIA_EXISTS where something is at
 *   `target`, REGALIA_FULL, REGALIA_OPTION, REGALIA_ABORTED by the signal; what was written until
 *   then stays.
 */
export async function exportTree(
  snapshot: TreeReader,
  key: Key,
  target: string | Uint8Array,
  options?: ExportTreeOptions,
): Promise<ExportTreeResult> {
  READER.check('snapshot', snapshot);
  PATH.check('target', target);
  const given = EXPORT.check(options);
  // The store knows what a key is, and refuses anything else.
  snapshot.entry(key);
  const run = new ExportRun(snapshot, given);
  try {
    await run.all(keyNames(key), byteText(target));
    await run.finish();
  } catch (error) {
    run.stop();
    // A fault of the target itself, which is all that there is to write.
    throw asAborted(error instanceof FileFault ? error.cause : error, 'export');
  }
  given.onProgress?.(run.progress());
  return { ...run.progress(), findings: run.findings.list, findingCount: run.findings.count };
}

type Names = readonly (string | Uint8Array)[];

interface Directory {
  readonly path: ByteText;
  readonly key: Names;
  readonly stat: FileStat | undefined;
  readonly children: Iterator<StoredEntry>;
}

/** Once the disk is full no other file fares better, so the export ends. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT']);

class ExportRun {
  readonly findings: Findings;
  readonly #snapshot: TreeReader;
  readonly #options: ExportTreeOptions;
  readonly #owners: boolean;
  readonly #pace: Pace;
  readonly #stack: Directory[] = [];
  #exact: ExactTimes | undefined;
  #target: ByteText = '';
  #entries = 0;
  #bytes = 0;

  constructor(snapshot: TreeReader, options: ExportTreeOptions) {
    this.#snapshot = snapshot;
    this.#options = options;
    this.#owners = options.owners ?? process.getuid?.() === 0;
    this.findings = new Findings(options.onFinding);
    this.#pace = new Pace('export', { signal: options.signal, steps: STEPS });
  }

  progress(): ExportTreeProgress {
    return { entries: this.#entries, bytes: this.#bytes };
  }

  async all(key: Names, target: ByteText): Promise<void> {
    this.#target = target;
    await this.#root(key, target);
    while (this.#stack.length > 0) {
      const directory = this.#stack[this.#stack.length - 1];
      const next = directory.children.next();
      if (next.done === true) {
        this.#stack.pop();
        this.#close(directory);
      } else {
        await this.#child(directory, next.value);
      }
      if (this.#pace.due(4) || this.#exact?.ready === false) await this.#rest();
    }
  }

  /** Waits for the times that are set elsewhere. */
  async finish(): Promise<void> {
    const failure = await this.#exact?.close();
    if (failure !== undefined) this.findings.add(this.#target, 'TIMES', `not exact: ${failure}`);
  }

  stop(): void {
    this.#exact?.kill();
  }

  /** Node sets whole microseconds since 1970 exactly; another program sets the rest, if wanted. */
  #exactly(path: ByteText, mtimeNs: bigint): void {
    if (this.#options.times !== 'exact') return;
    if (lstatSync(osPath(path), { bigint: true }).mtimeNs === mtimeNs) return;
    this.#exact ??= new ExactTimes();
    this.#exact.set(path, mtimeNs);
  }

  async #rest(): Promise<void> {
    if (this.#exact?.ready === false) await this.#exact.drained();
    this.#options.onProgress?.(this.progress());
    await this.#pace.rest();
  }

  async #root(key: Names, target: ByteText): Promise<void> {
    const entry = this.#snapshot.entry(key);
    if (entry === undefined && !this.#hasChildren(key)) {
      const names = key.map((name) => (typeof name === 'string' ? name : byteText(name)));
      const name = `/${names.join('/')}`;
      throw notFound('entry', name, 'there is nothing to export');
    }
    const stat = entry && this.#stat(entry, target);
    if (this.#kind(entry, key, stat) === 'directory') {
      makeEmpty(target);
      this.#open(target, key, stat);
    } else if (entry !== undefined) {
      if (lstatSync(osPath(target), { throwIfNoEntry: false }) !== undefined) throw exists(target);
      await this.#write(entry, key, target, stat);
    }
  }

  async #child(directory: Directory, entry: StoredEntry): Promise<void> {
    const bytes = nameBytes(entry.name);
    const name = bytes && Buffer.from(bytes).toString('latin1');
    if (name === undefined || !/^[^/\0]+$/.test(name) || name === '.' || name === '..') {
      this.findings.add(directory.path, 'NAME', `a name that no file may have: ${entry.name}`);
      return;
    }
    const path = `${directory.path}/${name}`;
    try {
      const key = [...directory.key, entry.name];
      await this.#write(entry, key, path, this.#stat(entry, path));
    } catch (error) {
      this.#fault(path, error);
    }
  }

  /** What is wrong with one entry or file is a finding, anything else ends the export. */
  #fault(path: ByteText, error: unknown): void {
    if (error instanceof FileFault && NO_ROOM.has(error.errno ?? '')) {
      throw full(shownPath(path), { cause: error.cause });
    }
    const isLost =
      isRegaliaError(error, 'REGALIA_MISSING') || isRegaliaError(error, 'REGALIA_CORRUPT');
    if (isLost) this.findings.add(path, error.code, error.message);
    else this.findings.addFault(path, error);
  }

  async #write(entry: StoredEntry, key: Names, path: ByteText, stat?: FileStat): Promise<void> {
    const kind = this.#kind(entry, key, stat);
    const content = entry.get(CONTENT);
    if (kind === 'directory') {
      onFile(() => mkdirSync(osPath(path), 0o700));
      if (content !== undefined) this.findings.add(path, 'MIXED', 'content beside children');
      this.#open(path, key, stat);
      return;
    }
    if (kind === 'file') await this.#file(path, content, stat);
    else if (kind === 'symlink' && stat !== undefined) this.#link(path, stat);
    else this.findings.add(path, 'SPECIAL', `a ${kind} is not restored`);
    if (kind === 'file' || kind === 'symlink') this.#entries++;
    if (this.#hasChildren(key)) this.findings.add(path, 'MIXED', `children below a ${kind}`);
  }

  #open(path: ByteText, key: Names, stat: FileStat | undefined): void {
    const children = this.#snapshot.children(key)[Symbol.iterator]();
    this.#stack.push({ path, key, stat, children });
    this.#entries++;
  }

  /** Times last: a change in a directory changes its own. */
  #close({ path, stat }: Directory): void {
    if (stat === undefined) return;
    try {
      onFile(() => this.#attributesAt(path, stat));
    } catch (error) {
      this.#fault(path, error);
    }
  }

  async #file(path: ByteText, content?: StoredStream, stat?: FileStat): Promise<void> {
    const fd = onFile(() => openSync(osPath(path), 'wx', 0o600));
    try {
      if (content?.inline !== undefined) this.#pour(fd, content.inline);
      else if (content !== undefined) await this.#stream(fd, content);
      onFile(() => this.#attributes(fd, stat));
    } finally {
      onFile(() => closeSync(fd));
    }
    if (stat !== undefined) onFile(() => this.#exactly(path, stat.mtimeNs));
  }

  #attributes(fd: number, stat: FileStat | undefined): void {
    if (stat === undefined) {
      fchmodSync(fd, 0o666 & ~process.umask());
      return;
    }
    if (this.#owners) fchownSync(fd, stat.uid, stat.gid);
    fchmodSync(fd, this.#mode(stat));
    setTimesOpen(fd, stat.mtimeNs);
  }

  async #stream(fd: number, content: StoredStream): Promise<void> {
    const { signal } = this.#options;
    const chunks = content.readable(signal ? { signal } : {}) as AsyncIterable<Uint8Array>;
    for await (const chunk of chunks) {
      this.#pour(fd, chunk);
      if (this.#pace.due(1 + chunk.length / 16_384)) await this.#rest();
    }
  }

  #pour(fd: number, bytes: Uint8Array): void {
    onFile(() => {
      for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
    });
    this.#bytes += bytes.length;
  }

  #link(path: ByteText, stat: FileStat): void {
    onFile(() => {
      symlinkSync(Buffer.from(stat.target ?? []), osPath(path));
      this.#attributesAt(path, stat);
    });
  }

  #attributesAt(path: ByteText, stat: FileStat): void {
    const real = osPath(path);
    if (this.#owners) lchownSync(real, stat.uid, stat.gid);
    if (stat.kind !== 'symlink') chmodSync(real, this.#mode(stat));
    setTimesAt(real, stat.mtimeNs);
    this.#exactly(path, stat.mtimeNs);
  }

  /** Setuid and setgid mean something with the owner that they were given for alone. */
  #mode(stat: FileStat): number {
    return this.#owners ? stat.mode : stat.mode & 0o1777;
  }

  #stat(entry: StoredEntry, path: ByteText): FileStat | undefined {
    const stream = entry.get(STAT);
    if (stream === undefined) return undefined;
    try {
      // A stat is metadata; one so long that it lies elsewhere is none that an import wrote.
      return decodeStat(stream.inline ?? new Uint8Array(0));
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_FORMAT')) throw error;
      this.findings.add(path, 'STAT', error.message);
      return undefined;
    }
  }

  #kind(entry: StoredEntry | undefined, key: Key, stat: FileStat | undefined): FileStat['kind'] {
    if (stat !== undefined) return stat.kind;
    return entry?.get(CONTENT) === undefined || this.#hasChildren(key) ? 'directory' : 'file';
  }

  #hasChildren(key: Key): boolean {
    for (const _ of this.#snapshot.children(key, { limit: 1 })) return true;
    return false;
  }
}

/** A directory for its owner alone, created or found empty. */
function makeEmpty(target: ByteText): void {
  const real = osPath(target);
  try {
    mkdirSync(real, 0o700);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    const stats = lstatSync(real);
    if (!stats.isDirectory() || readdirSync(real).length > 0) throw exists(target);
    // Its owner could change its mode back while root writes there.
    if (stats.uid !== (process.geteuid?.() ?? stats.uid)) {
      const why = 'it belongs to another user: export into a directory of your own';
      throw permission(shownPath(target), why);
    }
    chmodSync(real, 0o700);
  }
}

function exists(target: ByteText): RegaliaError {
  const why = 'an export needs an empty directory or none';
  return alreadyExists('file or folder', shownPath(target), why);
}
