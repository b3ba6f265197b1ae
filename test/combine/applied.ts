/**
 * The rows of a difference done to contents, as their definition says: what was removed or moved is
 * taken out by keys of the first state, what was added or moved put in by keys of the second, then
 * streams change.
 */
import type { Bucket, DiffRow } from '../../src/index.js';
import type { Contents } from './branch.js';

/** What a branch would show of a state, with names as they are and buckets by their ids. */
export function contentsOf(bucket: Bucket, at: string): Contents {
  const found: Record<string, string> = {};
  const view = bucket.snapshot(at);
  for (const { key, streams, bucket } of view.walk()) {
    if (bucket !== undefined && key !== '/') found[`${key}/`] = bucket;
    for (const stream of streams) {
      const { inline } = view.get(key, stream) ?? {};
      found[stream === 's' ? key : `${key} ${stream}`] = Buffer.from(inline ?? []).toString();
    }
  }
  return found;
}

/** The key that a line of contents is of: '/a' of '/a t', '/m' of '/m/'. */
function keyOf(line: string): string {
  return line.replace(/ .*$/, '').replace(/\/$/, '');
}

function isWithin(line: string, key: string): boolean {
  return key === '/' || keyOf(line) === key || keyOf(line).startsWith(`${key}/`);
}

export function within(contents: Contents, key: string): Contents {
  return Object.fromEntries(Object.entries(contents).filter(([line]) => isWithin(line, key)));
}

/** What is at and below a key, taken out. */
function takenOut(from: Map<string, string>, key: string): Map<string, string> {
  const taken = new Map([...from].filter(([line]) => isWithin(line, key)));
  for (const line of taken.keys()) from.delete(line);
  return taken;
}

/**
 * The rows from a to b, done to a. Of b, only what was added and the streams that a row names are
 * read. `added` is what came in by rows for added entries.
 */
export function applied(
  rows: readonly DiffRow[],
  a: Contents,
  b: Contents,
  added = new Set<string>(),
): Contents {
  const result = new Map(Object.entries(a));
  const whole = rows.filter(({ stream }) => stream === undefined);
  const outs = whole.flatMap((row) => (row.kind === 'added' ? [] : [row.from ?? row.key]));
  const taken = new Map<string, Map<string, string>>();
  // What is further down is taken out of what holds it, and put into it after it.
  for (const key of outs.sort().reverse()) taken.set(key, takenOut(result, key));
  for (const { key, from, kind } of [...whole].sort((a, b) => a.key.length - b.key.length)) {
    if (kind === 'removed') continue;
    for (const line of takenOut(result, key).keys()) added.delete(line);
    const put = kind === 'added' ? Object.entries(within(b, key)) : (taken.get(from ?? '') ?? []);
    for (const [line, text] of put) {
      const at = from === undefined ? line : key + line.slice(from.length);
      result.set(at, text);
      if (kind === 'added') added.add(at);
    }
  }
  for (const { key, stream, kind } of rows) {
    if (stream === undefined) continue;
    const line = stream === 's' ? key : `${key} ${stream}`;
    if (kind === 'removed') result.delete(line);
    else result.set(line, b[line] ?? '');
  }
  return Object.fromEntries(result);
}

export function spelled(contents: Contents): string {
  return JSON.stringify(Object.entries(contents).sort(([a], [b]) => (a < b ? -1 : 1)));
}
