/** `regalia export`: the subtree at a key as a directory of files. */
import { exportTree } from '../../fs/export.js';
import { keyOf, reading, snapshotOf } from '../open.js';
import { byteCount } from '../output.js';
import { oneOf } from '../quantities.js';
import { printFindings } from '../show.js';
import { defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'export',
  summary: 'write the subtree at a key to a new directory',
  usage: 'STORE KEY DIR',
  details: `
DIR must be absent or empty; nothing outside it is touched. Only root restores owners. Times are
exact to the nanosecond, set by another program (perl, or xargs and touch) where Node cannot;
\`--times near\` does without it, to the microsecond. What could not be restored is listed, and
the exit code is then 1.`,
  options: {
    ...READ_OPTIONS,
    times: { type: 'string', placeholder: 'HOW', help: 'exact or near; default exact' },
  },
  async run({ args, options, out, signal, progress }) {
    const [folder, key, dir] = args as [string, string, string];
    const times = oneOf('times', ['exact', 'near'], options.times) ?? 'exact';
    return reading(folder, options, async (bucket) => {
      const snapshot = snapshotOf(bucket, options.at);
      const total = (snapshot.entry(keyOf(key))?.totals.entries ?? 0) + 1;
      const line = progress('export');
      const written = await exportTree(snapshot, keyOf(key), dir, {
        signal,
        times,
        onProgress: ({ entries }) => line.update(entries, total),
      });
      line.end();
      const { entries, bytes, findings, findingCount } = written;
      await printFindings(out, findings);
      const row = { commit: snapshot.base, entries, bytes, findings: findingCount };
      await out.row(row, `${entries} entries, ${byteCount(bytes)} written`);
      return findingCount > 0 ? 1 : 0;
    });
  },
});
