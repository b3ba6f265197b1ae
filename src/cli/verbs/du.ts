/** `regalia du`: what has how many bytes. */
import { throwIfAborted } from '../../ground/errors.js';
import type { Entry } from '../../index.js';
import { entryAt, keyOf, reading, snapshotOf } from '../open.js';
import { shown } from '../output.js';
import { digits } from '../show.js';
import { defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'du',
  summary: 'count entries and bytes below each child of a key, then below the key itself',
  usage: 'STORE [KEY]',
  details: `
Bytes are those of all streams, as written: what several entries share counts for each of them.
The counts are part of the tree, so a large subtree is as fast as a small one.`,
  options: READ_OPTIONS,
  async run({ args, options, out, signal }) {
    const [folder, text] = args as [string, string?];
    const key = keyOf(text);
    return reading(folder, options, async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      const top = entryAt(snapshot, key);
      for (const entry of snapshot.children(key)) {
        throwIfAborted(signal, 'du');
        const row = rowOf(entry);
        await out.row(row, lineOf(row));
      }
      const row = rowOf(top);
      await out.row(row, lineOf(row));
      return 0;
    });
  },
});

interface Row {
  readonly key: string;
  readonly entries: number;
  readonly bytes: number;
}

function rowOf({ key, totals: { entries, bytes } }: Entry): Row {
  return { key, entries, bytes };
}

function lineOf({ key, entries, bytes }: Row): string {
  return `${digits(bytes, 17)}  ${digits(entries, 11)}  ${shown(key)}`;
}
