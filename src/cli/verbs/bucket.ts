/** `regalia bucket`: makes an entry a bucket, or lists the buckets there are. */
import { throwIfAborted } from '../../ground/errors.js';
import type { Entry, Snapshot } from '../../index.js';
import { commitOf, keyOf, reading, writing } from '../open.js';
import { shown } from '../output.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'bucket',
  summary: 'make the entry at a key a bucket with a log of its own; without a key list all',
  usage: 'STORE [KEY]',
  options: COMMIT_OPTIONS,
  async run({ args, options, out, signal }) {
    const [folder, text] = args as [string, string?];
    if (text === undefined) {
      return reading(folder, options, async (bucket) => {
        for (const { key, bucket: id, totals } of bucketsOf(bucket.snapshot())) {
          throwIfAborted(signal, 'bucket');
          const { entries, bytes } = totals;
          await out.row({ key, bucket: id, entries, bytes }, `${id}  ${shown(key)}`);
        }
        return 0;
      });
    }
    const key = keyOf(text);
    return writing(folder, options, async (bucket) => {
      using tx = bucket.begin();
      const id = tx.createBucket(key);
      const commit = await tx.commit(commitOf(options.message, signal, `make ${key} a bucket`));
      await out.row({ ...commitRow(commit), key, id }, commitNote(commit));
      return 0;
    });
  },
});

/** Enters only what holds a bucket. */
function* bucketsOf(snapshot: Snapshot): Generator<Entry> {
  const stack = [snapshot.children('/')];
  for (let level = stack.at(-1); level !== undefined; level = stack.at(-1)) {
    const next = level.next();
    if (next.done === true) {
      stack.pop();
      continue;
    }
    const entry = next.value;
    if (entry.bucket !== undefined) yield entry;
    if (entry.totals.buckets > 0) stack.push(snapshot.children(entry.key));
  }
}
