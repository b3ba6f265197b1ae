/** `regalia verify`: reads everything that a store keeps, and reports what is wrong. */
import type { Fault } from '../../index.js';
import { byteCount, count, shown } from '../output.js';
import { defineVerb, UsageError } from '../verb.js';

export const verify = defineVerb({
  name: 'verify',
  summary: 'read and check everything that the store keeps',
  usage: 'STORE',
  details: `
Each fault is printed once, and the exit code is 1 if there is any. Every copy and every shard of
contents is read too. With --no-contents only metadata is read, and that the store knows where each
chunk is.`,
  options: {
    contents: { help: 'read contents too (the default)' },
    'no-contents': { help: 'read metadata only' },
    metadata: { help: 'for a replica that has metadata without contents' },
  },
  async run({ options, out, signal, progress, reading }) {
    const { contents, 'no-contents': without, metadata } = options;
    if (contents === true && without === true) {
      throw new UsageError('--contents and --no-contents exclude each other: use one of them');
    }
    return reading(async (_, store) => {
      const scrub = store.verify({
        signal,
        contents: metadata !== true,
        chunks: without !== true,
        onProgress: ({ blocks, total }) => progress('verify', blocks, total),
      });
      let found = 0;
      for await (const row of scrub) {
        if (row.kind !== 'summary') {
          found++;
          const { address = null, key = null } = row;
          await out.row({ ...row, address, key }, faultLine(row));
          continue;
        }
        const { kind: _kind, ...summary } = row;
        const { blocks, bytes, commits, faults } = row;
        const counts = `${count(blocks)} blocks, ${byteCount(bytes)}, ${count(commits)} commits`;
        await out.row(summary, `${counts}: ${faults === 0 ? 'sound' : `${count(faults)} faults`}`);
      }
      return found > 0 ? 1 : 0;
    });
  },
});

function faultLine({ kind, address, key, stream, row, what }: Fault): string {
  const places = [key, stream, address, row].filter((each) => each !== undefined);
  return `${kind}  ${places.map(shown).join('  ')}  ${shown(what)}`;
}
