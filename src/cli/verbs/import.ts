/** `regalia import`: a directory of files into a store, as one commit. */
import { importTree } from '../../fs/import.js';
import { commitOf, keyOf, withStore } from '../open.js';
import { byteCount } from '../output.js';
import { printCommit, printFindings } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'import',
  summary: 'make the subtree at a key equal to a directory, as one commit',
  usage: 'STORE DIR [KEY]',
  details: `
The store is created if it does not exist. Files whose size, time, mode and owner are unchanged
are not read again. What cannot be read is listed, and stays as it was stored; the exit code is
then 1. A file's bytes are its stream \`content\`. Its mode, owner, time and link target are the
stream \`stat\`. Names may have any bytes.`,
  options: {
    ...COMMIT_OPTIONS,
    reread: { type: 'boolean', help: 'read every file, also unchanged ones' },
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
      await printFindings(out, read.findings);
      const commit = await tx.commit(commitOf(message, signal, `import ${dir}`));
      const { entries, changed, removed, bytes, findingCount } = read;
      const counts = `${entries} entries, ${changed} changed, ${removed} removed`;
      await out.note(`${counts}, ${byteCount(bytes)} read, ${findingCount} not readable`);
      const figures = { entries, changed, removed, bytes, findings: findingCount };
      await printCommit(out, commit, { ...figures, committed: commit.changed });
      return findingCount > 0 ? 1 : 0;
    });
  },
});
