/** `regalia get`: the bytes of a stream or of a range of it, or the list of an entry's streams. */
import { notFound } from '../../ground/errors.js';
import type { Entry } from '../../index.js';
import { entryAt, keyOf, reading, snapshotOf } from '../open.js';
import { type Output, shown } from '../output.js';
import { rangeOf } from '../quantities.js';
import { digits } from '../show.js';
import { defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export default defineVerb({
  name: 'get',
  summary: "print a stream's bytes, or list the streams of an entry",
  usage: 'STORE KEY [STREAM]',
  details: `
With --json the stream is described, not printed. A range starts at byte START, counted from 0,
and ends before byte END: 0-100 is the first hundred bytes, 100- is all the rest. Units are KiB,
MiB, GiB and TiB, as in 1MiB-2MiB. A range that goes beyond the stream is refused.`,
  options: {
    ...READ_OPTIONS,
    range: {
      type: 'string',
      placeholder: 'START-END',
      help: 'print these bytes only; END is not among them',
    },
  },
  async run({ args, options, out, signal }) {
    const [folder, key, stream] = args as [string, string, string?];
    const range = rangeOf('range', options.range);
    if (range !== undefined && stream === undefined) throw new UsageError('--range needs a STREAM');
    if (range !== undefined && out.json) {
      throw new UsageError('--range prints bytes, --json describes: use one of them');
    }
    return reading(folder, options, async (bucket) => {
      const entry = entryAt(snapshotOf(bucket, options.at), keyOf(key));
      if (stream === undefined) {
        for (const name of entry.streams) await describe(out, entry, name);
        return 0;
      }
      const found = entry.get(stream);
      if (found === undefined) throw notFound('stream', `${stream} at ${keyOf(key)}`);
      if (out.json) await describe(out, entry, stream);
      else for await (const chunk of found.readable({ ...range, signal })) await out.bytes(chunk);
      return 0;
    });
  },
});

async function describe(out: Output, entry: Entry, name: string): Promise<void> {
  const stream = entry.get(name);
  if (stream === undefined) return;
  const row = { key: entry.key, stream: name, size: stream.size };
  await out.row(row, `${digits(stream.size, 15)}  ${shown(name)}`);
}
