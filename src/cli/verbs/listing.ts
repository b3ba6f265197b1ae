/** `ls`, `tree` and `du`: what is at a key and below it. */
import { throwIfAborted } from '../../ground/errors.js';
import type { Entry, Snapshot } from '../../index.js';
import { entryAt, keyOf, snapshotOf } from '../open.js';
import { count, type Output, shown } from '../output.js';
import { numberOf } from '../quantities.js';
import { entryLine, entryRow, nameLine } from '../show.js';
import { defineVerb, READ_OPTIONS } from '../verb.js';

export const ls = defineVerb({
  name: 'ls',
  summary: 'list the children of a key',
  usage: 'STORE [KEY]',
  details: 'With --long: kind, bytes of all streams at and below it, entries below it, name.',
  options: { ...READ_OPTIONS, long: { short: 'l', help: 'with kinds and sizes' } },
  async run({ args, options, out, signal, reading }) {
    const key = keyOf(args[1]);
    return reading(async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      entryAt(snapshot, key);
      for (const entry of snapshot.children(key)) {
        throwIfAborted(signal, 'ls');
        const line = options.long === true ? entryLine(entry) : nameLine(entry);
        await out.row(out.json ? entryRow(entry) : {}, line);
      }
    });
  },
});

export const du = defineVerb({
  name: 'du',
  summary: 'count entries and bytes below each child of a key, then below the key itself',
  usage: 'STORE [KEY]',
  details: `
Bytes are those of all streams, as written: what several entries share counts for each of them.
The counts are part of the tree, so a large subtree is as fast as a small one.`,
  options: READ_OPTIONS,
  async run({ args, options, out, signal, reading }) {
    const key = keyOf(args[1]);
    return reading(async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      const top = entryAt(snapshot, key);
      for (const entry of snapshot.children(key)) {
        throwIfAborted(signal, 'du');
        await printUse(out, entry);
      }
      await printUse(out, top);
    });
  },
});

async function printUse(out: Output, { key, totals }: Entry): Promise<void> {
  const { entries, bytes } = totals;
  const line = `${count(bytes, 17)}  ${count(entries, 11)}  ${shown(key)}`;
  await out.row({ key, entries, bytes }, line);
}

export const tree = defineVerb({
  name: 'tree',
  summary: 'draw everything below a key',
  usage: 'STORE [KEY]',
  options: {
    ...READ_OPTIONS,
    depth: { argument: 'NUMBER', short: 'd', help: 'no deeper than this' },
  },
  async run({ args, options, out, signal, reading }) {
    const key = keyOf(args[1]);
    const most = numberOf('depth', options.depth) ?? Number.POSITIVE_INFINITY;
    return reading(async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      await out.row({ ...entryRow(entryAt(snapshot, key)), depth: 0 }, shown(key));
      for (const { entry, depth, lead } of drawn(snapshot, key, most)) {
        throwIfAborted(signal, 'tree');
        await out.row(out.json ? { ...entryRow(entry), depth } : {}, `${lead}${nameLine(entry)}`);
      }
    });
  },
});

interface Drawn {
  readonly entry: Entry;
  readonly depth: number;
  readonly lead: string;
}

function* drawn(tree: Snapshot, at: string, max: number, depth = 1, indent = ''): Generator<Drawn> {
  if (depth > max) return;
  const children = tree.children(at);
  for (let next = children.next(); next.done !== true; ) {
    const entry = next.value;
    // Read one ahead, since the last child is drawn in another way.
    next = children.next();
    const [branch, below] = next.done === true ? ['└─ ', '   '] : ['├─ ', '│  '];
    yield { entry, depth, lead: `${indent}${branch}` };
    if (entry.hasChildren) yield* drawn(tree, entry.key, max, depth + 1, `${indent}${below}`);
  }
}
