/** `regalia export`: the subtree at a key as a real directory. */
import { exportTree } from '../../fs/export.js';
import { keyOf, reading, snapshotOf } from '../open.js';
import { shown } from '../output.js';
import { byteCount } from '../progress.js';
import { defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export default defineVerb({
  name: 'export',
  summary: 'write the subtree at a key to a new directory',
  usage: 'STORE KEY DIR',
  details: `
DIR must be absent or empty; nothing outside it is touched. Owners are restored for root
alone. Times are exact to the nanosecond, by way of a helper program (perl, or xargs and
touch) where Node cannot set them; \`--times near\` goes without, to the microsecond.`,
  options: {
    ...READ_OPTIONS,
    times: { type: 'string', placeholder: 'HOW', help: 'exact (the default) or near' },
  },
  async run({ args, options, out, signal, progress }) {
    const [folder, key, dir] = args as [string, string, string];
    const { times = 'exact' } = options;
    if (times !== 'exact' && times !== 'near') throw new UsageError('--times is exact or near');
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
      for (const finding of findings) {
        await out.row(
          finding,
          `${finding.code}  ${shown(finding.path)}: ${shown(finding.message)}`,
        );
      }
      const row = { commit: snapshot.base, entries, bytes, findings: findingCount };
      await out.row(row, `${entries} entries, ${byteCount(bytes)} written`);
      return findingCount > 0 ? 1 : 0;
    });
  },
});
