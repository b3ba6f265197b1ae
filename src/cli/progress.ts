/**
 * One line on a terminal that tells how far long work has come, rewritten in place at most ten
 * times a second, and gone before anything else is printed. Where standard error is no terminal it
 * costs nothing and prints nothing.
 *
 * It is forty lines of our own, since a library for it would be installed with every program that
 * embeds the store.
 */
export interface Progress {
  /** `total` may be unknown. */
  update(done: number, total?: number, unit?: 'bytes'): void;
  /** Removes the line. */
  end(): void;
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

  start(label: string): Progress {
    if (this.#terminal.isTTY !== true) return { update: () => undefined, end: () => undefined };
    return {
      update: (done, total, unit) => this.#draw(`${label}: ${progressText(done, total, unit)}`),
      end: () => this.clear(),
    };
  }

  #draw(line: string): void {
    const now = this.#clock();
    if (now - this.#last < INTERVAL_MS) return;
    this.#last = now;
    this.#visible = true;
    this.#terminal.write(`${CLEAR}${line.slice(0, (this.#terminal.columns ?? 80) - 1)}`);
  }

  clear(): void {
    if (!this.#visible) return;
    this.#visible = false;
    this.#terminal.write(CLEAR);
  }
}

export function progressText(done: number, total?: number, unit?: 'bytes'): string {
  const shown = unit === 'bytes' ? byteCount : count;
  if (total === undefined || total <= 0) return shown(done);
  const percent = Math.min(100, Math.floor((100 * done) / total));
  return `${percent} %, ${shown(done)} of ${shown(total)}`;
}

function count(number: number): string {
  return Math.floor(number).toLocaleString('en-US');
}

const UNITS = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** 1536 is '1.5 KiB'. */
export function byteCount(bytes: number): string {
  let rest = bytes;
  let unit = 0;
  for (; rest >= 1024 && unit < UNITS.length - 1; unit++) rest /= 1024;
  return unit === 0 ? `${bytes} bytes` : `${rest.toFixed(1)} ${UNITS[unit]}`;
}
