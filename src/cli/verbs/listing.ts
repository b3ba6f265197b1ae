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
  await out.row(
    { key, entries, bytes },
    `${count(bytes, 17)}  ${count(entries, 11)}  ${shown(key)}`,
  );
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

interface Level {
  readonly rest: Iterator<Entry>;
  readonly indent: string;
  /** Read one ahead, since the last child is drawn in another way. */
  next: IteratorResult<Entry>;
}

interface Drawn {
  readonly entry: Entry;
  readonly depth: number;
  readonly lead: string;
}

function* drawn(snapshot: Snapshot, key: string, most: number): Generator<Drawn> {
  const levelOf = (at: string, indent: string): Level => {
    const rest = snapshot.children(at);
    return { rest, indent, next: rest.next() };
  };
  const stack = most > 0 ? [levelOf(key, '')] : [];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    if (level.next.done === true) {
      stack.pop();
      continue;
    }
    const entry = level.next.value;
    level.next = level.rest.next();
    const isLast = level.next.done === true;
    yield { entry, depth: stack.length, lead: `${level.indent}${isLast ? '└─ ' : '├─ '}` };
    if (stack.length >= most || !entry.hasChildren) continue;
    stack.push(levelOf(entry.key, `${level.indent}${isLast ? '   ' : '│  '}`));
  }
}
