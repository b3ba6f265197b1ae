/** `regalia put`: a file, or standard input, as a stream. */
import { createReadStream } from 'node:fs';
import { commitOf, keyOf, writing } from '../open.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'put',
  summary: 'store a file as a stream, or standard input (`-` or nothing)',
  usage: 'STORE KEY STREAM [FILE]',
  options: COMMIT_OPTIONS,
  async run({ args, options, out, input, signal, progress }) {
    const [folder, key, stream, file = '-'] = args as [string, string, string, string?];
    return writing(folder, options, async (bucket) => {
      using tx = bucket.begin();
      const source = file === '-' ? input : createReadStream(file, { highWaterMark: 262_144 });
      const line = progress('put');
      const size = await tx.write(keyOf(key), stream, counted(source, line.update), { signal });
      const commit = await tx.commit(
        commitOf(options.message, signal, `put ${keyOf(key)} ${stream}`),
      );
      line.end();
      await out.row({ ...commitRow(commit), key: keyOf(key), stream, size }, commitNote(commit));
      return 0;
    });
  },
});

async function* counted(
  source: AsyncIterable<unknown>,
  update: (done: number, total: undefined, unit: 'bytes') => void,
): AsyncGenerator<Uint8Array> {
  let done = 0;
  for await (const piece of source) {
    const bytes = piece as Uint8Array;
    update((done += bytes.length), undefined, 'bytes');
    yield bytes;
  }
}
