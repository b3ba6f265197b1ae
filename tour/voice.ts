/**
 * How the tour prints: chapters, their lines, a bar for long work, and numbers as people read them.
 */
import { byteCount, shown } from '../src/cli/output.js';

const BAR_WIDTH = 32;
const INTERVAL_MS = 80;
const CLEAR = '\r\x1b[K';

export class Voice {
  readonly #terminal = process.stdout.isTTY === true;
  #chapters = 0;
  #drawnMs = 0;

  chapter(title: string): void {
    console.log(`\n${++this.#chapters}. ${title}\n`);
  }

  line(text: string): void {
    console.log(`   ${shown(text)}`);
  }

  /** Rewrites one line in place; prints nothing where the output is no terminal. */
  bar(done: number, total: number, unit: string): void {
    const now = performance.now();
    if (!this.#terminal || now - this.#drawnMs < INTERVAL_MS) return;
    this.#drawnMs = now;
    const share = total > 0 ? Math.min(1, done / total) : 0;
    const full = Math.round(share * BAR_WIDTH);
    const bar = `${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}`;
    process.stdout.write(`${CLEAR}   ${bar} ${Math.floor(share * 100)} %  ${count(done)} ${unit}`);
  }

  endBar(): void {
    if (this.#terminal) process.stdout.write(CLEAR);
  }
}

export function count(number: number): string {
  return Math.round(number).toLocaleString('en-US');
}

/** '12,345 files/s', of work that took so many milliseconds. */
export function rate(number: number, ms: number, unit: string): string {
  return `${count((number * 1_000) / Math.max(1, ms))} ${unit}/s`;
}

export function size(bytes: number): string {
  return byteCount(Math.round(bytes));
}

export function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 9_950 ? 2 : 1)} s`;
}
