/** `regalia pack`: what another replica lacks, to standard output. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { ExportOptions } from '../../index.js';
import { numberOf, reading } from '../open.js';
import { BUCKET, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'pack',
  summary: 'write what another replica lacks, or all, to standard output',
  usage: 'STORE',
  details: `
A pack is the one form for deltas, backups and transport: \`regalia have THEIRS > have\`,
\`regalia pack OURS --have have | regalia unpack THEIRS --merge\`. The same store and the same
--have give the same bytes, so a transfer that broke goes on with --from.`,
  options: {
    ...BUCKET,
    have: { type: 'string', placeholder: 'FILE', help: 'what the other has (`-`: standard input)' },
    metadata: { type: 'boolean', help: 'without the contents of large streams' },
    from: { type: 'string', placeholder: 'BYTE', help: 'go on with a transfer that broke' },
  },
  async run({ args, options, out, input, signal, progress }) {
    const { have: file, branch } = options;
    const from = numberOf('from', options.from);
    const have = file === undefined ? undefined : await (file === '-' ? text(input) : read(file));
    return reading(args[0] as string, options, async (bucket) => {
      const how: ExportOptions = {
        signal,
        have,
        from,
        contents: options.metadata !== true,
        branches: branch === undefined ? undefined : [branch],
      };
      const line = progress('pack');
      let done = from ?? 0;
      for await (const chunk of bucket.export(how)) {
        await out.bytes(chunk);
        line.update((done += chunk.length), undefined, 'bytes');
      }
      return 0;
    });
  },
});

function read(file: string): Promise<string> {
  return readFile(file, 'utf8');
}
