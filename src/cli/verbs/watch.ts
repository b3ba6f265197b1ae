/** `regalia watch`: commits as they are published. */
import { keyOf, reading } from '../open.js';
import { commitLine, commitRow } from '../show.js';
import { BUCKET, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'watch',
  summary: 'print commits as they are published, until Ctrl-C',
  usage: 'STORE [KEY]',
  options: BUCKET,
  async run({ args, options, out, signal }) {
    const [folder, key] = args as [string, string?];
    return reading(folder, options, async (bucket) => {
      const watch = key === undefined ? { signal } : { signal, key: keyOf(key) };
      for await (const commit of bucket.watch(watch)) {
        await out.row(commitRow(commit), commitLine(commit));
        await out.flush();
      }
      return 0;
    });
  },
});
