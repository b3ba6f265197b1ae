/** `put` and `get`: the bytes of a stream, or of a range of it. */
import { createReadStream } from 'node:fs';
import { notFound } from '../../ground/errors.js';
import { editing, entryAt, keyOf, snapshotOf } from '../open.js';
import { count, shown } from '../output.js';
import { rangeOf, sizeOf } from '../quantities.js';
import { COMMIT_OPTIONS, type Context, defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export const put = defineVerb({
  name: 'put',
  summary: 'store a file as a stream; without FILE, or with `-`, standard input',
  usage: 'STORE KEY STREAM [FILE]',
  details: `
With --at or --append the rest of the stream stays as it is, and the cost is that of what is
written. Between the old end and a later OFFSET there are zeros, which need no space.`,
  options: {
    ...COMMIT_OPTIONS,
    at: { argument: 'OFFSET', help: 'overwrite the stream from this byte on' },
    append: { help: 'write after the last byte' },
  },
  async run(context) {
    const { args, options, input, signal, progress } = context;
    const [, text, stream, file = '-'] = args;
    const key = keyOf(text);
    const at = sizeOf('at', options.at);
    if (options.append === true && at !== undefined) {
      throw new UsageError('--at and --append exclude each other: use one of them');
    }
    return editing(context, async (tx) => {
      const source = file === '-' ? input : createReadStream(file, { highWaterMark: 262_144 });
      const bytes = counted(source, progress);
      const written =
        options.append === true
          ? tx.append(key, stream, bytes, { signal })
          : tx.write(key, stream, bytes, { signal, at });
      return { did: `put ${key} ${stream}`, more: { key, stream, size: await written } };
    });
  },
});

async function* counted(
  source: AsyncIterable<unknown>,
  progress: Context['progress'],
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of source) {
    const bytes = chunk as Uint8Array;
    progress('put', (done += bytes.length), undefined, 'bytes');
    yield bytes;
  }
}

export const get = defineVerb({
  name: 'get',
  summary: "print a stream's bytes, or list the streams of an entry",
  usage: 'STORE KEY [STREAM]',
  details: `
With --json the stream is described, not printed. A range starts at byte START, counted from 0,
and ends before byte END: 0-100 is the first hundred bytes, 100- is all the rest. Units are KiB,
MiB, GiB and TiB, as in 1MiB-2MiB. A range that goes beyond the stream is refused.`,
  options: {
    ...READ_OPTIONS,
    range: { argument: 'START-END', help: 'print these bytes only; END is not among them' },
  },
  async run({ args, options, out, signal, reading }) {
    const [, text, stream] = args as [string, string, string?];
    const key = keyOf(text);
    const range = rangeOf('range', options.range);
    if (range !== undefined && stream === undefined) throw new UsageError('--range needs a STREAM');
    if (range !== undefined && out.json) {
      throw new UsageError('--range prints bytes, --json describes: use one of them');
    }
    return reading(async (bucket) => {
      const entry = entryAt(snapshotOf(bucket, options.at), key);
      for (const name of stream === undefined ? entry.streams : [stream]) {
        const found = entry.get(name);
        if (found === undefined) throw notFound('stream', `${name} at ${key}`);
        const { size } = found;
        if (stream === undefined || out.json) {
          const line = `${count(size, 15)}  ${shown(name)}`;
          await out.row({ key: entry.key, stream: name, size }, line);
        } else
          for await (const chunk of found.readable({ ...range, signal })) await out.bytes(chunk);
      }
    });
  },
});
