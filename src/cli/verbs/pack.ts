/** `regalia pack`: what another replica lacks, to standard output. */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { ExportOptions } from '../../index.js';
import { reading } from '../open.js';
import { numberOf } from '../quantities.js';
import { BUCKET, defineVerb, UsageError } from '../verb.js';

export default defineVerb({
  name: 'pack',
  summary: 'write what another replica lacks, or everything, to standard output',
  usage: 'STORE',
  details: `
    regalia have THEIRS > have
    regalia pack OURS --have have | regalia unpack THEIRS --merge

A pack is binary: redirect it into a file or a pipe. The same store and the same --have give the
same bytes, so --from continues a transfer that broke.`,
  options: {
    ...BUCKET,
    have: {
      type: 'string',
      placeholder: 'FILE',
      help: 'what the other has; `-` is standard input',
    },
    metadata: { type: 'boolean', help: 'leave out the contents of large streams' },
    from: {
      type: 'string',
      placeholder: 'BYTE',
      help: 'start at this byte, after a transfer that broke',
    },
  },
  async run({ args, options, out, input, signal, progress }) {
    if (out.isTerminal) {
      const example = `regalia pack ${args[0]} > FILE`;
      throw new UsageError(`a pack is binary: redirect it into a file or a pipe, as in ${example}`);
    }
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
