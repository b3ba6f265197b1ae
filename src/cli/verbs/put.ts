/** `regalia put`: a file, or standard input, as a stream, as a range of one, or at its end. */
import { createReadStream } from 'node:fs';
import type { Transaction } from '../../index.js';
import { editing, keyOf } from '../open.js';
import { sizeOf } from '../quantities.js';
import { COMMIT_OPTIONS, defineVerb, UsageError } from '../verb.js';

export default defineVerb({
  name: 'put',
  summary: 'store a file as a stream; without FILE, or with `-`, standard input',
  usage: 'STORE KEY STREAM [FILE]',
  details: `
With --at or --append the rest of the stream stays as it is, and the cost is that of what is
written. Between the old end and a later OFFSET there are zeros, which need no space.`,
  options: {
    ...COMMIT_OPTIONS,
    at: {
      type: 'string',
      placeholder: 'OFFSET',
      help: 'overwrite the stream from this byte on',
    },
    append: { type: 'boolean', help: 'write after the last byte' },
  },
  async run(context) {
    const { args, options, input, signal, progress } = context;
    const [, text, stream, file = '-'] = args as [string, string, string, string?];
    const { append = false } = options;
    const key = keyOf(text);
    const at = sizeOf('at', options.at);
    if (append && at !== undefined)
      throw new UsageError('--at and --append exclude each other: use one of them');
    return editing(context, async (tx) => {
      const line = progress('put');
      const source = file === '-' ? input : createReadStream(file, { highWaterMark: 262_144 });
      const write = writeOf(tx, { at, append, signal });
      const size = await write(key, stream, counted(source, line.update));
      return { did: `put ${key} ${stream}`, more: { key, stream, size } };
    });
  },
});

type Write = (key: string, stream: string, source: AsyncIterable<Uint8Array>) => Promise<number>;

interface Where {
  readonly at: number | undefined;
  readonly append: boolean;
  readonly signal: AbortSignal;
}

function writeOf(tx: Transaction, { at, append, signal }: Where): Write {
  if (append) return (key, stream, source) => tx.append(key, stream, source, { signal });
  const how = at === undefined ? { signal } : { signal, at };
  return (key, stream, source) => tx.write(key, stream, source, how);
}

async function* counted(
  source: AsyncIterable<unknown>,
  update: (done: number, total: undefined, unit: 'bytes') => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const chunk of source) {
    const bytes = chunk as Uint8Array;
    update((done += bytes.length), undefined, 'bytes');
    yield bytes;
  }
}
