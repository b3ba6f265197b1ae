/** `regalia tree`: everything below a key, drawn. */
import { throwIfAborted } from '../../ground/errors.js';
import type { Entry, Snapshot } from '../../index.js';
import { entryAt, keyOf, reading, snapshotOf } from '../open.js';
import { shown } from '../output.js';
import { numberOf } from '../quantities.js';
import { entryRow, nameLine } from '../show.js';
import { defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'tree',
  summary: 'draw everything below a key',
  usage: 'STORE [KEY]',
  options: {
    ...READ_OPTIONS,
    depth: { type: 'string', short: 'd', placeholder: 'NUMBER', help: 'no deeper than this' },
  },
  async run({ args, options, out, signal }) {
    const [folder, key] = args as [string, string?];
    const most = numberOf('depth', options.depth) ?? Number.POSITIVE_INFINITY;
    return reading(folder, options, async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      const top = entryAt(snapshot, keyOf(key));
      await out.row({ ...entryRow(top), depth: 0 }, shown(keyOf(key)));
      for (const { entry, depth, lead } of drawn(snapshot, keyOf(key), most)) {
        throwIfAborted(signal, 'tree');
        await out.row(out.json ? { ...entryRow(entry), depth } : {}, `${lead}${nameLine(entry)}`);
      }
      return 0;
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
