/** `import` and `export`: a directory of files into a store, and out of it. */
import { exportTree } from '../../fs/export.js';
import { importTree } from '../../fs/import.js';
import { keyOf, messageOf, snapshotOf } from '../open.js';
import { byteCount } from '../output.js';
import { oneOf } from '../quantities.js';
import { printCommit, printFindings } from '../show.js';
import { COMMIT_OPTIONS, defineVerb, READ_OPTIONS } from '../verb.js';

export const importFiles = defineVerb({
  name: 'import',
  summary: 'make the subtree at a key equal to a directory, as one commit',
  usage: 'STORE DIR [KEY]',
  details: `
The store is created if it does not exist. Files whose size, time, mode and owner are unchanged
are not read again. What cannot be read is listed, and stays as it was stored; the exit code is
then 1. A file's bytes are its stream \`content\`. Its mode, owner, time and link target are the
stream \`stat\`. Names may have any bytes.`,
  options: { ...COMMIT_OPTIONS, reread: { help: 'read every file, also unchanged ones' } },
  async run({ args, options, out, signal, progress, opening }) {
    const [folder, dir, text] = args as [string, string, string?];
    const key = keyOf(text);
    return opening({}, async (store) => {
      using tx = store.begin();
      const total = tx.entry(key)?.totals.entries ?? 0;
      const { findings, findingCount, ...counts } = await importTree(tx, dir, key, {
        signal,
        reread: options.reread,
        exclude: [folder],
        onProgress: ({ entries }) => {
          progress('import', entries, total >= entries ? total : undefined);
        },
      });
      await printFindings(out, findings);
      const message = messageOf(options, `import ${dir}`);
      const commit = await tx.commit({ message, signal });
      const { entries, changed, removed, bytes } = counts;
      const line = `${entries} entries, ${changed} changed, ${removed} removed`;
      await out.note(`${line}, ${byteCount(bytes)} read, ${findingCount} not readable`);
      const row = { entries, changed, removed, bytes, findings: findingCount };
      await printCommit(out, commit, { ...row, committed: commit.changed });
      return findingCount > 0 ? 1 : 0;
    });
  },
});

export const exportFiles = defineVerb({
  name: 'export',
  summary: 'write the subtree at a key to a new directory',
  usage: 'STORE KEY DIR',
  details: `
DIR must be absent or empty; nothing outside it is touched. Only root restores owners. Times are
exact to the nanosecond, set by another program (perl, or xargs and touch) where Node cannot;
\`--times near\` does without it, to the microsecond. What could not be restored is listed, and
the exit code is then 1.`,
  options: { ...READ_OPTIONS, times: { argument: 'HOW', help: 'exact or near; default exact' } },
  async run({ args, options, out, signal, progress, reading }) {
    const [, text, dir] = args;
    const key = keyOf(text);
    const times = oneOf('times', ['exact', 'near'], options.times) ?? 'exact';
    return reading(async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      const total = (snapshot.entry(key)?.totals.entries ?? 0) + 1;
      const { entries, bytes, findings, findingCount } = await exportTree(snapshot, key, dir, {
        signal,
        times,
        onProgress: (done) => progress('export', done.entries, total),
      });
      await printFindings(out, findings);
      const row = { commit: snapshot.base, entries, bytes, findings: findingCount };
      await out.row(row, `${entries} entries, ${byteCount(bytes)} written`);
      return findingCount > 0 ? 1 : 0;
    });
  },
});
