/**
 * Standard output, for people or for programs, and the line that shows progress to people.
 *
 * `row` gets both forms of one result: an object for `--json`, one a line, and text for people.
 * Text that comes from the store is passed through `shown`, so that a name can neither forge lines
 * nor steer the terminal. Writes are gathered, and every call may be awaited, which slows down a
 * fast producer. A reader that has gone (EPIPE) is no failure: the verb is aborted and the command
 * ends quietly.
 *
 * Progress is one line on the terminal, rewritten in place at most ten times a second, and removed
 * before anything else is printed. Where standard error is no terminal it costs nothing and prints
 * nothing. It is forty lines of our own, since a library for it would be installed with every
 * program that embeds the store.
 */
import { nameBytes } from '../ground/text.js';

const GATHER_BYTES = 16_384;

export interface OutputStream {
  readonly isTTY?: boolean;
  write(chunk: string | Uint8Array, done: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

interface OutputEvents {
  beforeWrite(): void;
  /** Nothing more can be written. */
  gone(): void;
}

export class Output {
  readonly json: boolean;
  readonly #stream: OutputStream;
  readonly #events: OutputEvents;
  #gathered = '';
  #error: Error | undefined;

  constructor(stream: OutputStream, json: boolean, events: OutputEvents) {
    this.#stream = stream;
    this.json = json;
    this.#events = events;
    stream.on('error', (error) => this.#failed(error));
  }

  /** Whether people see what is written as it is: binary output belongs elsewhere. */
  get isTerminal(): boolean {
    return this.#stream.isTTY === true;
  }

  /** Whether the reader has gone; what is written from then on is dropped. */
  get gone(): boolean {
    return this.#error !== undefined && (this.#error as NodeJS.ErrnoException).code === 'EPIPE';
  }

  #failed(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#events.gone();
  }

  /** One result: an object for programs, a line for people, who see nothing without one. */
  async row(data: object, line?: string): Promise<void> {
    if (this.json) await this.text(`${jsonLine(data)}\n`);
    else if (line !== undefined) await this.text(`${line}\n`);
  }

  /** A line for people alone. */
  async note(line: string): Promise<void> {
    if (!this.json) await this.text(`${line}\n`);
  }

  async text(text: string): Promise<void> {
    this.#gathered += text;
    if (this.#gathered.length >= GATHER_BYTES) await this.flush();
  }

  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(bytes);
  }

  /** Resolves once the system has everything so far. @throws what broke it, but for EPIPE. */
  async flush(): Promise<void> {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') await this.#write(text);
    if (this.#error !== undefined && !this.gone) throw this.#error;
  }

  async #write(chunk: string | Uint8Array): Promise<void> {
    if (this.#error !== undefined) return;
    this.#events.beforeWrite();
    await new Promise<void>((resolve) => {
      this.#stream.write(chunk, (error) => {
        if (error) this.#failed(error);
        resolve();
      });
    });
  }
}

/** One line of JSON: bigints as numbers where those are exact, else as text; bytes as base64. */
export function jsonLine(data: object): string {
  return JSON.stringify(data, (_, item: unknown) => {
    if (item instanceof Uint8Array) return Buffer.from(item).toString('base64');
    if (typeof item === 'bigint') {
      const number = Number(item);
      return Number.isSafeInteger(number) ? number : String(item);
    }
    return item;
  });
}

/**
 * Text from the store for people's eyes: control characters, bidirectional overrides, and bytes
 * that are no UTF-8 as `\xNN` or `\u{N}`. Programs get the lossless form by `--json`.
 */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const byte = nameBytes(character);
    const code = character.codePointAt(0) ?? 0;
    if (byte?.length === 1) return `\\x${byte[0].toString(16).padStart(2, '0')}`;
    return `\\u{${code.toString(16)}}`;
  });
}

export interface Terminal {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const INTERVAL_MS = 100;
const CLEAR = '\r\x1b[K';

export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #clock: () => number;
  #visible = false;
  #last = Number.NEGATIVE_INFINITY;

  /** `clock` counts milliseconds. */
  constructor(terminal: Terminal, clock: () => number) {
    this.#terminal = terminal;
    this.#clock = clock;
  }

  show(label: string, done: number, total?: number, unit?: 'bytes'): void {
    if (this.#terminal.isTTY !== true) return;
    const now = this.#clock();
    if (now - this.#last < INTERVAL_MS) return;
    this.#last = now;
    this.#visible = true;
    const line = `${label}: ${progressText(done, total, unit)}`;
    this.#terminal.write(`${CLEAR}${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (!this.#visible) return;
    this.#visible = false;
    this.#terminal.write(CLEAR);
  }
}

function progressText(done: number, total?: number, unit?: 'bytes'): string {
  const shown = unit === 'bytes' ? byteCount : count;
  if (total === undefined || total <= 0) return shown(done);
  const percent = Math.min(100, Math.floor((100 * done) / total));
  return `${percent} %, ${shown(done)} of ${shown(total)}`;
}

/** How many, for people: '1,234', at the right end of `width`. */
export function count(number: number, width = 0): string {
  return number.toLocaleString('en-US').padStart(width);
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 is '1.5 KiB'. */
export function byteCount(bytes: number): string {
  let rest = bytes;
  let unit = 0;
  for (; rest >= 1024 && unit < UNITS.length - 1; unit++) rest /= 1024;
  return unit === 0 ? `${bytes} bytes` : `${rest.toFixed(1)} ${UNITS[unit]}`;
}
