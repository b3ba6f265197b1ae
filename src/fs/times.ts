/**
 * Times of modification: as exact as Node can set them, and exact to the nanosecond.
 *
 * Node hands times on as doubles of seconds, which near the present are 238 ns apart, and libuv
 * below 1.49 cuts them down to whole microseconds. Aiming half a step high makes that cut end on
 * the microsecond meant: measured on Node 20, no time then is off by a microsecond or more, which
 * is what a later comparison allows for. Numbers below zero are the present to Node, so times
 * before 1970 go in as a Date, cut to milliseconds.
 *
 * Another program sets the nanoseconds. On Linux it is perl, calling utimensat(2) by its number:
 * one process for all files, 2 µs each. Elsewhere it is `xargs touch`, a process for each file, 1
 * ms. Both read their paths from standard input, ended by NUL, so that no name is ever read as code
 * or as an option. Where there is no such program the times stay as near as Node got them.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { futimesSync, lutimesSync } from 'node:fs';
import { resolve } from 'node:path';
import type { ByteText } from './os.js';

const HALF_STEP_NS = 120;

function timeOf(mtimeNs: bigint): number | Date {
  if (mtimeNs < 0n) return new Date(Number(mtimeNs / 1_000_000n));
  const seconds = Number(mtimeNs / 1_000_000_000n);
  return seconds + (Number(mtimeNs % 1_000_000_000n) + HALF_STEP_NS) / 1e9;
}

export function setTimesOpen(fd: number, mtimeNs: bigint): void {
  const time = timeOf(mtimeNs);
  futimesSync(fd, time, time);
}

/** Sets the times of what lies at a path, a symbolic link included. */
export function setTimesAt(path: string | Buffer, mtimeNs: bigint): void {
  const time = timeOf(mtimeNs);
  lutimesSync(path, time, time);
}

interface Program {
  readonly command: string;
  readonly args: readonly string[];
  /** What stands before the path. */
  record(mtimeNs: bigint): string;
}

/** utimensat's number by Node's name of the architecture. */
const UTIMENSAT: Readonly<Record<string, number>> = { x64: 280, arm64: 88, riscv64: 88 };

/** struct timespec[2], access time left as it is (UTIME_OMIT); AT_FDCWD, AT_SYMLINK_NOFOLLOW. */
const SCRIPT = (number: number) => `
  $/ = "\\0";
  my $failed = 0;
  while (defined(my $sec = <STDIN>)) {
    my ($nsec, $path) = (scalar <STDIN>, scalar <STDIN>);
    chomp($sec, $nsec, $path);
    my $times = pack("q4", 0, 0x3ffffffe, $sec, $nsec);
    $failed = 1 if syscall(${number}, -100, $path, $times, 0x100) != 0;
  }
  exit $failed;`;

const NS = 1_000_000_000n;

function programFor(platform: string, architecture: string): Program {
  const number = platform === 'linux' ? UTIMENSAT[architecture] : undefined;
  if (number !== undefined) {
    const record = (ns: bigint) => `${(ns - nanos(ns)) / NS}\0${nanos(ns)}\0`;
    return { command: 'perl', args: ['-e', SCRIPT(number)], record };
  }
  const args = ['-0', '-n', '2', 'touch', '-h', '-m', '-c', '-d'];
  return { command: 'xargs', args, record: (ns) => `${isoTime(ns)}\0` };
}

/** Within the second, also before 1970. */
function nanos(ns: bigint): bigint {
  return ((ns % NS) + NS) % NS;
}

function isoTime(ns: bigint): string {
  const whole = new Date(Number((ns - nanos(ns)) / 1_000_000n)).toISOString().slice(0, 19);
  return `${whole}.${String(nanos(ns)).padStart(9, '0')}Z`;
}

/** Sets times in the background; nothing is certain before `close`. */
export class ExactTimes {
  readonly #program: Program;
  readonly #child: ChildProcess;
  readonly #ended: Promise<string | undefined>;
  #ready = true;

  constructor(platform: string = process.platform, architecture: string = process.arch) {
    this.#program = programFor(platform, architecture);
    const { command, args } = this.#program;
    // Without the caller's PERL5OPT and the like, and in no locale that could turn bytes into
    // characters.
    const env = { PATH: process.env['PATH'] ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };
    this.#child = spawn(command, [...args], { stdio: ['pipe', 'ignore', 'ignore'], env });
    this.#child.stdin?.on('error', () => undefined);
    this.#ended = new Promise((finish) => {
      this.#child.once('error', (error) => finish(`${command}: ${error.message}`));
      this.#child.once('close', (code) => finish(code === 0 ? undefined : `${command}: ${code}`));
    });
  }

  /** Whether the program keeps up; if not, wait for `drained`. */
  get ready(): boolean {
    return this.#ready;
  }

  set(path: ByteText, mtimeNs: bigint): void {
    const absolute = path.startsWith('/') ? path : `${cwd()}/${path}`;
    const record = Buffer.from(`${this.#program.record(mtimeNs)}${absolute}\0`, 'latin1');
    this.#ready = this.#child.stdin?.write(record) ?? true;
  }

  async drained(): Promise<void> {
    const { stdin } = this.#child;
    if (stdin !== null && !this.#ready) await Promise.race([once(stdin, 'drain'), this.#ended]);
    this.#ready = true;
  }

  /** Waits for the last one; says what went wrong, if anything did. */
  async close(): Promise<string | undefined> {
    this.#child.stdin?.end();
    return this.#ended;
  }

  kill(): void {
    this.#child.kill();
  }
}

function cwd(): ByteText {
  return Buffer.from(resolve('.')).toString('latin1');
}
