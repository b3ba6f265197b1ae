/** `regalia log`: commits, newest first. */
import type { LogOptions } from '../../index.js';
import { atOf, keyOf, reading } from '../open.js';
import { numberOf } from '../quantities.js';
import { commitLine, commitRow } from '../show.js';
import { BUCKET, defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'log',
  summary: 'list commits, newest first; with a key, those that changed it or anything below',
  usage: 'STORE [KEY]',
  details: `
Times are UTC. In --at and --until a date alone is midnight UTC; a date with a time of day is local
time, unless it ends with a zone: 2026-11-21T12:30Z.`,
  options: {
    ...READ_OPTIONS,
    ...BUCKET,
    until: {
      type: 'string',
      placeholder: 'COMMIT',
      help: 'leave out this commit and its ancestors',
    },
    limit: { type: 'string', short: 'n', placeholder: 'NUMBER', help: 'at most so many' },
    reverse: { type: 'boolean', help: 'oldest first' },
  },
  async run({ args, options, out, signal }) {
    const [folder, key] = args as [string, string?];
    const { at, until, reverse = false } = options;
    const limit = numberOf('limit', options.limit);
    return reading(folder, options, async (bucket) => {
      const log: LogOptions = {
        signal,
        reverse,
        ...(at !== undefined && { from: atOf(bucket, at) }),
        ...(until !== undefined && { until: atOf(bucket, until) }),
        ...(key !== undefined && { key: keyOf(key) }),
        ...(limit !== undefined && { limit }),
      };
      for (const commit of bucket.log(log)) await out.row(commitRow(commit), commitLine(commit));
      return 0;
    });
  },
});
