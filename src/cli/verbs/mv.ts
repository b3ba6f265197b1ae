/** `regalia mv`: moves an entry; other replicas' edits beneath it follow. */
import { commitOf, keyOf, writing } from '../open.js';
import { commitNote, commitRow } from '../show.js';
import { COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'mv',
  summary: 'move an entry with everything beneath it',
  usage: 'STORE FROM TO',
  details: 'TO is the new key itself, and must be free. It takes no longer for a large subtree.',
  options: COMMIT_OPTIONS,
  async run({ args, options, out, signal }) {
    const [folder, ...texts] = args as [string, string, string];
    const [from, to] = texts.map(keyOf) as [string, string];
    return writing(folder, options, async (bucket) => {
      using tx = bucket.begin();
      tx.move(from, to);
      const commit = await tx.commit(commitOf(options.message, signal, `move ${from} to ${to}`));
      await out.row(commitRow(commit), commitNote(commit));
      return 0;
    });
  },
});
