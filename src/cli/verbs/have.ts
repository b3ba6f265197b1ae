/** `regalia have`: what this replica has, for another's `pack`. */
import { reading } from '../open.js';
import { BUCKET, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'have',
  summary: 'print what this replica has, for `pack --have` of another',
  usage: 'STORE',
  options: BUCKET,
  async run({ args, options, out }) {
    return reading(args[0] as string, options, async (bucket) => {
      const have = await bucket.have();
      if (out.json) await out.row({ bucket: bucket.id, have });
      else await out.text(have.endsWith('\n') ? have : `${have}\n`);
      return 0;
    });
  },
});
