/** `regalia ls`: the children of a key. */
import { throwIfAborted } from '../../ground/errors.js';
import { entryAt, keyOf, reading, snapshotOf } from '../open.js';
import { entryLine, entryRow, nameLine } from '../show.js';
import { defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'ls',
  summary: 'list the children of a key',
  usage: 'STORE [KEY]',
  details: 'With --long: kind, bytes of all streams at and below it, entries below it, name.',
  options: {
    ...READ_OPTIONS,
    long: { type: 'boolean', short: 'l', help: 'with kinds and sizes' },
  },
  async run({ args, options, out, signal }) {
    const [folder, key] = args as [string, string?];
    return reading(folder, options, async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      entryAt(snapshot, keyOf(key));
      for (const entry of snapshot.children(keyOf(key))) {
        throwIfAborted(signal, 'ls');
        const line = options.long === true ? entryLine(entry) : nameLine(entry);
        await out.row(out.json ? entryRow(entry) : {}, line);
      }
      return 0;
    });
  },
});
