/**
 * Rival: git plumbing, with processes that stay: fast-import writes, `cat-file --batch` reads,
 * `diff-tree --stdin` compares. So no figure holds the start of a process.
 *
 * A commit is acknowledged when fast-import answered; others see it, and it is in a finished pack,
 * after `settle`. Nothing waits for the disk.
 */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { batches, type Write } from '../harness/workload.js';
import { leaveOut } from './load.js';

type Process = ChildProcessByStdio<Writable, Readable, null>;

/** A process that is asked and answers, with its output read by lines and by counts of bytes. */
class Conversation {
  readonly #process: Process;
  #unread: Buffer = Buffer.alloc(0);
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(folder: string, parameters: readonly string[]) {
    this.#process = spawn('git', ['--git-dir', folder, ...parameters], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#process.stdout.on('data', (bytes: Buffer) => {
      this.#unread = this.#unread.length === 0 ? bytes : Buffer.concat([this.#unread, bytes]);
      this.#wake?.();
    });
    this.#process.on('close', () => {
      this.#ended = true;
      this.#wake?.();
    });
  }

  async write(bytes: string | Uint8Array): Promise<void> {
    if (!this.#process.stdin.write(bytes)) await once(this.#process.stdin, 'drain');
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error('git ended before it answered');
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
  }

  async line(): Promise<string> {
    let from = 0;
    for (;;) {
      const end = this.#unread.indexOf(10, from);
      if (end >= 0) return (await this.take(end + 1)).toString('utf8', 0, end);
      from = this.#unread.length;
      await this.#more();
    }
  }

  async take(count: number): Promise<Buffer> {
    while (this.#unread.length < count) await this.#more();
    const taken = this.#unread.subarray(0, count);
    this.#unread = this.#unread.subarray(count);
    return taken;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#process.stdin.end();
    if (this.#process.exitCode === null) await once(this.#process, 'close');
  }
}

/** Makes a bare repository, or gives undefined where there is no git. */
export function openGit(folder: string): GitStore | undefined {
  const made = spawnSync('git', ['init', '--quiet', '--bare', folder]);
  if (made.status !== 0) {
    leaveOut('git', made.error?.message ?? made.stderr.toString());
    return undefined;
  }
  return new GitStore(folder);
}

export class GitStore {
  readonly name = 'git';
  readonly #import: Conversation;
  readonly #read: Conversation;
  readonly #compare: Conversation;
  #marks = 0;

  constructor(folder: string) {
    this.#import = new Conversation(folder, ['fast-import', '--quiet', '--done', '--force']);
    this.#read = new Conversation(folder, ['cat-file', '--batch']);
    this.#compare = new Conversation(folder, ['diff-tree', '-r', '--stdin']);
  }

  /** All of `writes` in commits of `size` each (one by default); gives the last commit's tree. */
  async load(writes: Iterable<Write>, size = Infinity): Promise<string> {
    let tree = '';
    for (const batch of batches(writes, size)) tree = await this.commit(batch);
    return tree;
  }

  /** One commit; gives the address of its tree. */
  async commit(writes: Iterable<Write>): Promise<string> {
    const mark = ++this.#marks;
    const head = `commit refs/heads/main\nmark :${mark}\ncommitter b <b@b> ${mark} +0000\ndata 0\n`;
    const from = mark === 1 ? '' : `from :${mark - 1}\n`;
    let parts: (string | Uint8Array)[] = [head, from];
    for (const [key, content] of writes) {
      parts.push(`M 100644 inline ${key.slice(1)}\ndata ${content.length}\n`, content, '\n');
      if (parts.length < 3_000) continue;
      await this.#import.write(joined(parts));
      parts = [];
    }
    parts.push(`\nls :${mark} ""\n`);
    await this.#import.write(joined(parts));
    return (await this.#import.line()).split(/\s/)[2] as string;
  }

  /** Finishes the pack, so that reads and diffs see all commits. */
  async settle(): Promise<void> {
    await this.#import.write('checkpoint\nprogress settled\n');
    await this.#import.line();
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    await this.#read.write(`refs/heads/main:${key.slice(1)}\n`);
    const header = await this.#read.line();
    if (header.endsWith(' missing')) return undefined;
    const length = Number(header.split(' ')[2]);
    return (await this.#read.take(length + 1)).subarray(0, length);
  }

  /** The number of files that differ between two trees. */
  async diff(fromTree: string, toTree: string): Promise<number> {
    // A line that is no address is echoed and flushed: it marks the end of the answer.
    await this.#compare.write(`${fromTree} ${toTree}\nend\n`);
    let count = -1;
    for (;;) {
      if ((await this.#compare.line()) === 'end') return count;
      count++;
    }
  }

  async close(): Promise<void> {
    await this.#import.write('done\n');
    await Promise.all([this.#import.close(), this.#read.close(), this.#compare.close()]);
  }
}

function joined(parts: readonly (string | Uint8Array)[]): Buffer {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
}
