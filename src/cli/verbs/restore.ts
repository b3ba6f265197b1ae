/** `regalia restore`: brings back a key as it was at another commit, as a new commit. */
import { atOf, keyOf, writing } from '../open.js';
import { printCommit } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'restore',
  summary: 'bring back a key, or everything, as it was at a commit, tag, branch or date',
  usage: 'STORE COMMIT [KEY]',
  options: { ...COMMIT_OPTIONS, ...BUCKET },
  async run({ args, options, out, signal }) {
    const [folder, at, key] = args as [string, string, string?];
    const { message } = options;
    return writing(folder, options, async (bucket) => {
      const how = message === undefined ? { signal } : { signal, message };
      await printCommit(out, await bucket.restore(atOf(bucket, at), keyOf(key), how));
      return 0;
    });
  },
});
