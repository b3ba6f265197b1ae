/** `regalia import`: a directory's tree into a store, as one commit. */
import { importTree } from '../../fs/import.js';
import { commitOf, keyOf, withStore } from '../open.js';
import { shown } from '../output.js';
import { byteCount } from '../progress.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'import',
  summary: 'make a key what a directory holds, as one commit',
  usage: 'STORE DIR [KEY]',
  details: `
The store is made if it is not there. Files whose size, time, mode and owner are as
stored are not read again. What cannot be read is told of and stays as it was stored.
Modes, owners, times, symbolic links and names of any bytes are kept, in the stream
\`stat\` of each entry; a file's bytes are its stream \`content\`.`,
  options: {
    ...COMMIT_OPTIONS,
    reread: { type: 'boolean', help: 'read every file, whether its stat differs or not' },
  },
  async run({ args, options, out, signal, progress }) {
    const [folder, dir, key] = args as [string, string, string?];
    const { branch, message, reread = false } = options;
    return withStore(folder, branch === undefined ? {} : { branch }, async (store) => {
      using tx = store.begin();
      const line = progress('import');
      const total = tx.entry(keyOf(key))?.totals.entries;
      const read = await importTree(tx, dir, keyOf(key), {
        signal,
        reread,
        exclude: [folder],
        onProgress: ({ entries }) => {
          line.update(entries, total !== undefined && total >= entries ? total : undefined);
        },
      });
      line.end();
      for (const finding of read.findings) {
        await out.row(
          finding,
          `${finding.code}  ${shown(finding.path)}: ${shown(finding.message)}`,
        );
      }
      const commit = await tx.commit(commitOf(message, signal, `import ${dir}`));
      const { entries, changed, removed, bytes, findingCount } = read;
      const counts = `${entries} entries, ${changed} changed, ${removed} removed`;
      await out.note(`${counts}, ${byteCount(bytes)} read, ${findingCount} not readable`);
      const figures = { entries, changed, removed, bytes, findings: findingCount };
      await out.row(
        { ...commitRow(commit), ...figures, committed: commit.changed },
        commitNote(commit),
      );
      return findingCount > 0 ? 1 : 0;
    });
  },
});
