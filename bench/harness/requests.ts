/**
 * Watches what a store asks of its segments: which reads, in which order, how many under way at a
 * time.
 *
 * Reads go through `fs.read`, which is wrapped while the watch lasts; a descriptor's file is asked
 * of the system, so there are requests on Linux alone. Work is counted for the process as a whole:
 * read one store at a time.
 */
import fs, { readlinkSync } from 'node:fs';

export interface Request {
  /** Where the file lies. */
  readonly file: string;
  readonly offset: number;
  readonly length: number;
  /** Milliseconds since the watch began. */
  readonly begun: number;
  readonly ended: number;
  /** Requests under way when it began, itself included. */
  readonly underWay: number;
}

/**
 * Runs `work`; gives the reads of files that `isMeant` says are meant, in the order in which they
 * began.
 */
export async function requestsOf(
  isMeant: (file: string) => boolean,
  work: () => Promise<unknown>,
): Promise<Request[]> {
  const { read } = fs;
  const found: (Request & { ended: number })[] = [];
  const start = performance.now();
  let underWay = 0;
  const wrapped = (...given: unknown[]): void => {
    const [descriptor, , , length, offset, done] = given;
    const file = fileOf(descriptor as number);
    if (file === undefined || typeof done !== 'function' || !isMeant(file)) {
      Reflect.apply(read, fs, given);
      return;
    }
    const request = {
      ...{ file, offset: Number(offset), length: Number(length), underWay: ++underWay },
      ...{ begun: performance.now() - start, ended: 0 },
    };
    found.push(request);
    const told = (...answer: unknown[]): void => {
      underWay--;
      request.ended = performance.now() - start;
      Reflect.apply(done, undefined, answer);
    };
    Reflect.apply(read, fs, [...given.slice(0, 5), told]);
  };
  Reflect.set(fs, 'read', wrapped);
  try {
    await work();
  } finally {
    Reflect.set(fs, 'read', read);
  }
  return found;
}

function fileOf(descriptor: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${descriptor}`);
  } catch {
    return undefined;
  }
}

/**
 * The part of the time with any request in which `isSuch` of the files that are asked at the
 * moment.
 */
export function shareOfTime(
  requests: readonly Request[],
  isSuch: (files: ReadonlyMap<string, number>) => boolean,
  groupOf: (file: string) => string,
): number {
  const events = requests
    .flatMap(({ file, begun, ended }) => [
      { at: begun, group: groupOf(file), by: 1 },
      { at: ended, group: groupOf(file), by: -1 },
    ])
    .sort((a, b) => a.at - b.at || a.by - b.by);
  const active = new Map<string, number>();
  let [busy, such, last] = [0, 0, 0];
  for (const { at, group, by } of events) {
    if (active.size > 0) busy += at - last;
    if (active.size > 0 && isSuch(active)) such += at - last;
    last = at;
    const count = (active.get(group) ?? 0) + by;
    if (count === 0) active.delete(group);
    else active.set(group, count);
  }
  return busy === 0 ? 0 : such / busy;
}
