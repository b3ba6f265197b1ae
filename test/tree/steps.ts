/**
 * Random histories of a tree's model: puts, removals, copies of subtrees, and buckets.
 */
import fc from 'fast-check';
import { cloneEntry, type Entry, place, put, take } from './model.js';

const name = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 60 }).map((n) => `f${n}`) },
  { weight: 1, arbitrary: fc.constantFrom('\u{1f600}', '\uffee', '\udc80', 'f', '~'.repeat(200)) },
);
const few = fc.integer({ min: 0, max: 5 }).map((n) => `f${n}`);

function keyOf(names: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .array(names, { minLength: 1, maxLength: 3 })
    .map((list) => list.map((n) => `/${n}`).join(''));
}

const size = fc.oneof(
  { weight: 8, arbitrary: fc.integer({ min: 0, max: 90 }) },
  { weight: 1, arbitrary: fc.integer({ min: 400, max: 3_000 }) },
);
const stream = fc.constantFrom('a', 'b', 'content', '\u{1f600}', '\uffee');
export type Step = {
  do: 'put' | 'del' | 'copy' | 'bucket';
  key: string;
  to: string;
  stream: string;
  size: number;
};
function stepOf(names: fc.Arbitrary<string>): fc.Arbitrary<Step> {
  const key = keyOf(names);
  return fc.record({
    do: fc.oneof(
      { weight: 8, arbitrary: fc.constant('put' as const) },
      { weight: 2, arbitrary: fc.constant('del' as const) },
      { weight: 1, arbitrary: fc.constant('copy' as const) },
      { weight: 1, arbitrary: fc.constant('bucket' as const) },
    ),
    key,
    to: key,
    stream,
    size,
  });
}

/** So that no two buckets share an id. */
let buckets = 0;

export function play(top: Entry, steps: readonly Step[]): void {
  for (const { do: verb, key: at, to, stream: s, size: length } of steps) {
    const id = `bucket ${buckets++}`;
    const source = take(cloneEntry(top), at);
    if (verb === 'put') put(top, at, s, 'x'.repeat(length));
    if (verb === 'del') take(top, at);
    if (verb === 'copy' && source !== undefined) place(top, to, withNewBuckets(source));
    if (verb === 'bucket' && source !== undefined) place(top, at, { ...source, bucket: id });
  }
}

/** A copy's buckets are others. */
function withNewBuckets(entry: Entry): Entry {
  if (entry.bucket !== undefined) entry.bucket = `bucket ${buckets++}`;
  for (const child of entry.children.values()) withNewBuckets(child);
  return entry;
}

/** Up to so many steps, among many names or few. */
export function stepsArbitrary(maxLength: number, names: 'many' | 'few' = 'many') {
  const step = stepOf(names === 'few' ? few : name);
  return fc.array(step, { maxLength, size: 'max' });
}
