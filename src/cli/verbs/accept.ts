/** `regalia accept`: uses a share that another replica granted. */
import { writing } from '../open.js';
import { shown } from '../output.js';
import { BRANCH, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'accept',
  summary: 'accept a share that another replica granted, so that this one may write',
  usage: 'STORE GRANT',
  details: 'GRANT is what `regalia grant` printed. Each is for one replica, and is used once.',
  options: BRANCH,
  async run({ args, options, out }) {
    const [folder, grant] = args as [string, string];
    return writing(folder, options, async (bucket) => {
      await bucket.accept(grant);
      const { branchName: branch } = bucket;
      await out.row({ branch }, `${shown(branch)} can be written to`);
      return 0;
    });
  },
});
