/** `regalia put`: a file, or standard input, as a stream, as a part of one, or behind one's end. */
import { createReadStream } from 'node:fs';
import type { Transaction } from '../../index.js';
import { commitOf, keyOf, writing } from '../open.js';
import { sizeOf } from '../quantities.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb, UsageError } from '../verb.js';

export default defineVerb({
  name: 'put',
  summary: 'store a file as a stream, or standard input (`-` or nothing)',
  usage: 'STORE KEY STREAM [FILE]',
  details: `
With --at or --append the rest of the stream stays as it is, and the cost is that of what
is written. What lies between the old end and a later OFFSET is zeros, and takes no room.`,
  options: {
    ...COMMIT_OPTIONS,
    at: {
      type: 'string',
      placeholder: 'OFFSET',
      help: 'write over what is there from this byte on',
    },
    append: { type: 'boolean', help: 'write behind the last byte' },
  },
  async run({ args, options, out, input, signal, progress }) {
    const [folder, key, stream, file = '-'] = args as [string, string, string, string?];
    const { append = false, message } = options;
    const at = sizeOf('at', options.at);
    if (append && at !== undefined) throw new UsageError('--at and --append exclude each other');
    return writing(folder, options, async (bucket) => {
      using tx = bucket.begin();
      const line = progress('put');
      const source = file === '-' ? input : createReadStream(file, { highWaterMark: 262_144 });
      const write = writeOf(tx, { at, append, signal });
      const size = await write(keyOf(key), stream, counted(source, line.update));
      const commit = await tx.commit(commitOf(message, signal, `put ${keyOf(key)} ${stream}`));
      line.end();
      await out.row({ ...commitRow(commit), key: keyOf(key), stream, size }, commitNote(commit));
      return 0;
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
