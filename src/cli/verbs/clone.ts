/** `regalia clone`: a replica that can be written to. */
import { writing } from '../open.js';
import { shown } from '../output.js';
import { BUCKET, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'clone',
  summary: 'make a new replica, of the store or of one of its buckets, that can be written to',
  usage: 'STORE NEW',
  details: 'It has all history. To bring both up to date, exchange packs: `regalia pack --help`.',
  options: BUCKET,
  async run({ args, options, out }) {
    const [folder, target] = args as [string, string];
    return writing(folder, options, async (bucket) => {
      await bucket.clone(target);
      const { commit } = bucket.info();
      const row = { path: target, bucket: bucket.id, commit };
      await out.row(row, `${shown(target)} is a replica of ${shown(folder)}`);
      return 0;
    });
  },
});
