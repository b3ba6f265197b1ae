/**
 * Crash states of a recorded run, opened and judged: every acknowledged commit must be there, and
 * nothing by halves.
 */
import { readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import type { Dice } from '../model/dice.js';
import { DATA, GENERATION, inParallel, layStore, read, record, segmentsOf } from './runner.js';
import { cutAt, momentsOf } from './states.js';
import { type Happening, happeningsOf, type Life, livesOf, TRACED } from './trace.js';

export interface Recorded {
  /** The store after the run: files that are not cut are taken from it. */
  readonly from: string;
  /**
   * The files that the run wrote to, by their paths within the store: what they held, and what was
   * done to them.
   */
  readonly files: ReadonlyMap<string, Written>;
}

interface Written {
  readonly base: Uint8Array;
  readonly happenings: readonly Happening[];
  /** Undefined where it was there all the time. */
  readonly life?: Life;
}

export async function recordRun(
  from: string,
  folder: string,
  args: readonly string[],
): Promise<Recorded> {
  const base = new Uint8Array(readFileSync(path.join(from, DATA)));
  const text = await record(folder, args, TRACED);
  const files = new Map<string, Written>([
    [DATA, { base, happenings: happeningsOf(text, 'data.mdb') }],
  ]);
  for (const segment of segmentsOf(folder)) {
    const happenings = happeningsOf(text, path.basename(segment));
    files.set(segment, { base: new Uint8Array(0), happenings });
  }
  const logs = livesOf(text, GENERATION, /wal-[0-9a-f]{16}$/);
  for (const [name, life] of logs) {
    const happenings = happeningsOf(text, name);
    files.set(path.join(GENERATION, name), { base: new Uint8Array(0), happenings, life });
  }
  return { from: folder, files };
}

/** One state of all files, had the power gone at `moment`. */
function cutAll(files: Recorded['files'], moment: number, dice: Dice, flushes: boolean) {
  const cuts = new Map<string, Uint8Array>();
  let [acknowledged, pending] = [0, 0];
  for (const [name, { base, happenings, life }] of files) {
    if (life !== undefined && !isThere(life, moment, dice)) continue;
    const cut = cutAt(base, happenings, moment, dice, flushes);
    cuts.set(name, cut.file);
    acknowledged = Math.max(acknowledged, cut.acknowledged);
    pending += cut.pending;
  }
  return { files: cuts, acknowledged, pending };
}

/** Whether a file is there after a cut: while its name is made or goes, by chance. */
function isThere({ made, kept, removed }: Life, moment: number, dice: Dice): boolean {
  if (moment < made) return false;
  return (moment > kept && moment < removed) || dice.chance(0.5);
}

export interface Verdict {
  readonly states: number;
  /** States in which something was left to chance. */
  readonly uncertain: number;
  readonly lost: number;
  readonly wrong: number;
  readonly faults: number;
  readonly deaths: number;
  readonly first: string | undefined;
}

const BATCH = 50;

/** The moment of one of `count` states, which are spread over the whole run. */
function momentOf(moments: readonly number[], state: number, count: number, dice: Dice): number {
  const from = Math.floor((state * moments.length) / count);
  const until = Math.floor(((state + 1) * moments.length) / count);
  return moments[from + dice.below(Math.max(1, until - from))] as number;
}

/**
 * Samples and judges so many states. `flushes: false` is a planted bug; `ahead` is how many commits
 * may be there behind the last that was told.
 */
export async function judge(
  { from, files }: Recorded,
  count: number,
  folder: string,
  dice: Dice,
  options: { flushes?: boolean; durable?: boolean; ahead?: number } = {},
): Promise<Verdict> {
  const { flushes = true, durable = true, ahead = 1 } = options;
  const moments = momentsOf([...files.values()].flatMap(({ happenings }) => happenings));
  const batches = Array.from({ length: Math.ceil(count / BATCH) }, (_, i) => i);
  const sum = { states: 0, uncertain: 0, lost: 0, wrong: 0, faults: 0, deaths: 0 };
  let first: string | undefined;
  await inParallel(batches, 2, async (batch) => {
    const cuts = Array.from({ length: Math.min(BATCH, count - batch * BATCH) }, (_, i) => {
      const moment = momentOf(moments, batch * BATCH + i, count, dice);
      const place = path.join(folder, `cut-${batch}-${i}`);
      const cut = cutAll(files, moment, dice, flushes);
      layStore(from, place, cut.files);
      return { place, moment, acknowledged: cut.acknowledged, pending: cut.pending };
    });
    const findings = await read(
      cuts.map(({ place }) => place),
      'write',
    );
    for (const [i, { place, moment, acknowledged, pending }] of cuts.entries()) {
      const { found, wrong, code, died, message } = findings[i] ?? {};
      sum.states++;
      if (pending > 0) sum.uncertain++;
      if (wrong !== undefined) sum.wrong++;
      else if (code !== undefined) sum.faults++;
      else if (died !== undefined) sum.deaths++;
      else if (durable && (found ?? -1) < acknowledged) sum.lost++;
      else if ((found ?? -1) > acknowledged + ahead) sum.wrong++;
      else {
        rmSync(place, { recursive: true, force: true });
        continue;
      }
      first ??=
        `at ${moment}: ${acknowledged} acknowledged, found ${found} ` +
        `${wrong ?? code ?? died} ${message ?? ''}`;
      rmSync(place, { recursive: true, force: true });
    }
  });
  return { ...sum, first };
}
