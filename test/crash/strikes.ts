/**
 * Faults at the Nth system call of a writing process: the call fails, or the process is killed at
 * it. Afterwards the store is opened, read whole and written to.
 */
import { rmSync } from 'node:fs';
import path from 'node:path';
import type { Dice } from '../model/dice.js';
import { copyStore, inParallel, read, runWriter } from './runner.js';

export const CALLS = ['pwrite64', 'writev', 'fdatasync'] as const;
export const FAULTS = ['error=EIO', 'error=ENOSPC', 'signal=SIGKILL'] as const;
/** About how often the busiest thread makes each call in a run of `COMMITS`. */
const TIMES = { pwrite64: 64, writev: 10, fdatasync: 18 } as const;
export const COMMITS = 14;

export interface Point {
  readonly call: (typeof CALLS)[number];
  readonly fault: (typeof FAULTS)[number];
  readonly when: number;
  readonly durability: string;
}

/** Every point there is. */
export function allPoints(): Point[] {
  const points: Point[] = [];
  for (const durability of ['sync', 'group', 'none']) {
    for (const call of CALLS) {
      for (const fault of FAULTS) {
        for (let when = 1; when <= TIMES[call]; when++)
          points.push({ call, fault, when, durability });
      }
    }
  }
  return points;
}

/** Some of each call and fault. */
export function somePoints(count: number, dice: Dice): Point[] {
  const points = allPoints();
  const early = points.filter(({ call, when }) => when <= TIMES[call] * 0.4);
  return Array.from({ length: count }, (_, i) => {
    const call = CALLS[i % CALLS.length];
    const fault = FAULTS[Math.floor(i / CALLS.length) % FAULTS.length];
    return dice.pick(early.filter((point) => point.call === call && point.fault === fault));
  });
}

export interface Strikes {
  readonly points: number;
  /** Points at which the fault was seen to strike. */
  readonly struck: number;
  readonly lost: number;
  readonly wrong: number;
  readonly faults: number;
  readonly deaths: number;
  readonly first: string | undefined;
}

export async function strike(
  from: string,
  folder: string,
  points: readonly Point[],
  plant: readonly string[] = [],
): Promise<Strikes> {
  const sum = { points: 0, struck: 0, lost: 0, wrong: 0, faults: 0, deaths: 0 };
  let first: string | undefined;
  const runs = await inParallel(points, 2, async (point, i) => {
    const place = path.join(folder, `strike-${i}`);
    copyStore(from, place);
    const { call, fault, when, durability } = point;
    const inject = `inject=${call}:${fault}:when=${when}`;
    const tracing = ['-f', '-o', '/dev/null', '-e', inject];
    const run = await runWriter([place, durability, `${COMMITS}`, ...plant], tracing);
    return { place, point, run };
  });
  const findings = await read(
    runs.map(({ place }) => place),
    'write',
  );
  for (const [i, { place, point, run }] of runs.entries()) {
    const { found = -1, wrong, code, died, message } = findings[i] ?? {};
    sum.points++;
    if (!run.ended || run.failed !== undefined || run.acknowledged < COMMITS) sum.struck++;
    rmSync(place, { recursive: true, force: true });
    if (wrong !== undefined) sum.wrong++;
    else if (code !== undefined) sum.faults++;
    else if (died !== undefined) sum.deaths++;
    else if (found < run.acknowledged) sum.lost++;
    else if (found > run.acknowledged + 1) sum.wrong++;
    else continue;
    const counts = `${run.acknowledged} acknowledged, ${run.failed ?? ''}, found ${found}`;
    first ??= `${JSON.stringify(point)} ${counts} ${wrong ?? code ?? died} ${message ?? ''}`;
  }
  return { ...sum, first };
}
