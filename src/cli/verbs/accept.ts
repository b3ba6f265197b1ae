/** `regalia accept`: takes a share that another replica granted. */
import { writing } from '../open.js';
import { shown } from '../output.js';
import { BRANCH, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'accept',
  summary: 'take a share that another replica granted; each is for one replica, once',
  usage: 'STORE GRANT',
  options: BRANCH,
  async run({ args, options, out }) {
    const [folder, grant] = args as [string, string];
    return writing(folder, options, async (bucket) => {
      await bucket.accept(grant);
      await out.row({ branch: bucket.branchName }, `${shown(bucket.branchName)} may be written to`);
      return 0;
    });
  },
});
