/**
 * The files that a power cut may leave: what was durable, and of the rest any part, page by page.
 *
 * A page that was written several times since it was last durable may hold any of its versions.
 * What is not durable may have reached the medium or not, in any order: that is how file systems
 * and disks behave that keep their promises.
 */
import type { Dice } from '../model/dice.js';
import type { Happening, Write } from './trace.js';

export const PAGE_BYTES = 4_096;

const LATE = -1;

export interface Cut {
  /** The last commit that was acknowledged before the power went. */
  readonly acknowledged: number;
  /** Whether anything was left to chance. */
  readonly pending: number;
  readonly file: Uint8Array;
}

interface Part {
  readonly page: number;
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** A write, page by page. */
function* partsOf({ offset, bytes }: Write): Generator<Part> {
  for (let at = 0; at < bytes.length; ) {
    const place = offset + at;
    const page = Math.floor(place / PAGE_BYTES);
    const end = Math.min(bytes.length, at + (page + 1) * PAGE_BYTES - place);
    yield { page, start: place, bytes: bytes.subarray(at, end) };
    at = end;
  }
}

class Medium {
  #bytes: Uint8Array;
  #length: number;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.slice();
    this.#length = bytes.length;
  }

  write({ start, bytes }: Part): void {
    const end = start + bytes.length;
    if (end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, this.#length));
      this.#bytes = larger;
    }
    this.#bytes.set(bytes, start);
    this.#length = Math.max(this.#length, end);
  }

  file(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}

/**
 * One state of the file, had the power gone at `moment`. `flushes: false` is a planted bug: no
 * flush counts.
 */
export function cutAt(
  base: Uint8Array,
  happenings: readonly Happening[],
  moment: number,
  dice: Dice,
  flushes = true,
): Cut {
  const past = happenings.filter(({ began }) => began < moment);
  const ended = past.filter((one) => one.ended < moment);
  const begins = ended.flatMap((one) => (one.kind === 'flush' && flushes ? one.began : []));
  const flushed = Math.max(-1, ...begins);
  const medium = new Medium(base);
  const pages = new Map<number, Part[]>();
  for (const write of past.filter((one): one is Write => one.kind === 'write')) {
    const complete = write.ended < moment;
    const durable = complete && (write.ended < flushed || (write.through && flushes));
    for (const part of partsOf(write)) {
      if (durable) {
        // Nothing older than what is durable comes back.
        for (const older of pages.get(part.page) ?? []) medium.write(older);
        pages.delete(part.page);
        medium.write(part);
      } else pages.set(part.page, [...(pages.get(part.page) ?? []), part]);
    }
  }
  // Now and then all but the first two pages, which the engine changes last.
  const chance = dice.pick([0, 0.1, 0.5, 0.9, 1, LATE]);
  for (const [page, parts] of pages) {
    const whole = chance === 1 || (chance === LATE && page > 1);
    const some = dice.chance(chance) ? 1 + dice.below(parts.length) : 0;
    for (const part of parts.slice(0, whole ? parts.length : some)) medium.write(part);
  }
  const told = ended.flatMap((one) => (one.kind === 'acknowledged' ? one.number : []));
  const acknowledged = Math.max(0, ...told);
  return { acknowledged, pending: pages.size, file: medium.file() };
}

/** The moments at which a cut makes a difference: before and after each call on the file. */
export function momentsOf(happenings: readonly Happening[]): number[] {
  const moments = new Set<number>();
  for (const { began, ended } of happenings) {
    moments.add(began + 0.5);
    moments.add(ended + 0.5);
  }
  return [...moments].sort((a, b) => a - b);
}
