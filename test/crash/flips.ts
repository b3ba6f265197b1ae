/**
 * Single bits flipped anywhere in a store's files, which are then opened and read whole by another
 * process: the right answer, a fault with a code, or the death of that process. Never wrong data,
 * and never an older state as if it were the newest.
 */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Dice } from '../model/dice.js';
import { DATA, inParallel, layStore, read, segmentsOf, VOLUME } from './runner.js';
import { PAGE_BYTES } from './states.js';

export interface Flips {
  readonly flips: number;
  readonly right: number;
  readonly faults: number;
  readonly deaths: number;
  readonly wrong: number;
  readonly codes: Readonly<Record<string, number>>;
  readonly first: string | undefined;
}

interface Flip {
  readonly file: string;
  readonly bit: number;
}

const BATCH = 50;
/** Where a page's header and the numbers of its nodes are. */
const HEAD_BYTES = 64;

function choose(dice: Dice, sizes: ReadonlyMap<string, number>): Flip {
  const chance = dice.next();
  const segments = [...sizes.keys()].filter((name) => name.startsWith(VOLUME));
  const file =
    chance < 0.04
      ? 'CURRENT'
      : chance < 0.08
        ? 'WITNESS'
        : chance < 0.2
          ? dice.pick(segments)
          : DATA;
  const size = sizes.get(file) as number;
  if (file === DATA && chance > 0.7) {
    const page = chance > 0.95 ? dice.below(2) : dice.below(Math.floor(size / PAGE_BYTES));
    return { file, bit: (page * PAGE_BYTES + dice.below(HEAD_BYTES * 3)) * 8 + dice.below(8) };
  }
  return { file, bit: dice.below(size * 8) };
}

/**
 * Flips so many bits, one at a time, in copies of a store in which `expected` commits of the plan
 * are.
 */
export async function flipBits(
  from: string,
  folder: string,
  expected: number,
  count: number,
  dice: Dice,
): Promise<Flips> {
  const files = ['CURRENT', 'WITNESS', DATA, ...segmentsOf(from)];
  const contents = new Map(files.map((file) => [file, readFileSync(path.join(from, file))]));
  const sizes = new Map([...contents].map(([file, { length }]) => [file, length]));
  const sum = { flips: 0, right: 0, faults: 0, deaths: 0, wrong: 0 };
  const codes: Record<string, number> = {};
  let first: string | undefined;
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => i);
  await inParallel(batches, 2, async (batch) => {
    const flips = Array.from({ length: Math.min(BATCH, count - batch * BATCH) }, (_, i) => {
      const flip = choose(dice, sizes);
      const place = path.join(folder, `flip-${batch}-${i}`);
      const bytes = Uint8Array.from(contents.get(flip.file) as Uint8Array);
      bytes[flip.bit >> 3] = (bytes[flip.bit >> 3] as number) ^ (1 << (flip.bit & 7));
      layStore(from, place, new Map([...contents, [flip.file, bytes]]));
      return { place, flip };
    });
    const findings = await read(
      flips.map(({ place }) => place),
      'read',
    );
    for (const [i, { place, flip }] of flips.entries()) {
      const { found, code, died, wrong } = findings[i] ?? {};
      rmSync(place, { recursive: true, force: true });
      sum.flips++;
      if (found === expected) sum.right++;
      else if (code !== undefined) {
        sum.faults++;
        codes[code] = (codes[code] ?? 0) + 1;
      } else if (died !== undefined) sum.deaths++;
      else {
        sum.wrong++;
        const page = Math.floor(flip.bit / 8 / PAGE_BYTES);
        first ??= `${flip.file} bit ${flip.bit} (page ${page}): found ${found} ${wrong ?? ''}`;
      }
    }
  });
  return { ...sum, codes, first };
}
