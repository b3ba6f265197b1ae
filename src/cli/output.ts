/**
 * Standard output, for people or for programs.
 *
 * `row` takes both forms of one result: an object for `--json`, one a line, and text for people.
 * Text that comes from the store is passed through `shown`, so that a name can neither forge lines
 * nor steer the terminal. Writes are gathered, every call may be awaited to hold a fast producer
 * back, and a reader that has gone (EPIPE) is no failure: the verb is aborted and the command ends
 * quietly.
 */
import { nameBytes } from '../ground/text.js';

const GATHER_BYTES = 16_384;

export interface OutputStream {
  write(chunk: string | Uint8Array, done: (error?: Error | null) => void): boolean;
  on(event: 'error', listener: (error: Error) => void): unknown;
}

export class Output {
  readonly json: boolean;
  readonly #stream: OutputStream;
  readonly #beforeWrite: () => void;
  readonly #onGone: () => void;
  #gathered = '';
  #error: Error | undefined;

  constructor(
    stream: OutputStream,
    options: { json: boolean; beforeWrite?: () => void; onGone?: () => void },
  ) {
    this.#stream = stream;
    this.json = options.json;
    this.#beforeWrite = options.beforeWrite ?? (() => undefined);
    this.#onGone = options.onGone ?? (() => undefined);
    stream.on('error', (error) => this.#failed(error));
  }

  /** Whether the reader has gone; what is written from then on is dropped. */
  get gone(): boolean {
    return this.#error !== undefined && (this.#error as NodeJS.ErrnoException).code === 'EPIPE';
  }

  #failed(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#onGone();
  }

  /**
   * One result: an object for programs, a line for people. Without a line people see nothing of it.
   */
  async row(data: object, line?: string): Promise<void> {
    if (this.json) await this.#text(`${jsonLine(data)}\n`);
    else if (line !== undefined) await this.#text(`${line}\n`);
  }

  /** A line for people alone. */
  async note(line: string): Promise<void> {
    if (!this.json) await this.#text(`${line}\n`);
  }

  /** Text as it is. */
  async text(text: string): Promise<void> {
    await this.#text(text);
  }

  /** Bytes as they are. */
  async bytes(bytes: Uint8Array): Promise<void> {
    await this.flush();
    await this.#write(bytes);
  }

  async #text(text: string): Promise<void> {
    this.#gathered += text;
    if (this.#gathered.length >= GATHER_BYTES) await this.flush();
  }

  /**
   * Everything so far has been taken over by the operating system. @throws what broke the output,
   * save EPIPE.
   */
  async flush(): Promise<void> {
    const text = this.#gathered;
    this.#gathered = '';
    if (text !== '') await this.#write(text);
    if (this.#error !== undefined && !this.gone) throw this.#error;
  }

  async #write(chunk: string | Uint8Array): Promise<void> {
    if (this.#error !== undefined) return;
    this.#beforeWrite();
    await new Promise<void>((resolve) => {
      this.#stream.write(chunk, (error) => {
        if (error) this.#failed(error);
        resolve();
      });
    });
  }
}

/**
 * One line of JSON: bigints as numbers where those are exact, else as text; bytes as hexadecimal
 * digits.
 */
export function jsonLine(data: object): string {
  return JSON.stringify(data, (_, item: unknown) => {
    if (typeof item === 'bigint') {
      const number = Number(item);
      return Number.isSafeInteger(number) ? number : String(item);
    }
    return item;
  });
}

/**
 * Text from the store for people's eyes: control characters, bidirectional overrides, and bytes
 * that are no UTF-8 as `\xNN` or `\u{N}`. Programs take the lossless form from `--json`.
 */
export function shown(text: string): string {
  return text.replace(/[\p{Cc}\p{Cs}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu, (character) => {
    const byte = nameBytes(character);
    const code = character.codePointAt(0) ?? 0;
    if (byte?.length === 1) return `\\x${byte[0].toString(16).padStart(2, '0')}`;
    return `\\u{${code.toString(16)}}`;
  });
}
