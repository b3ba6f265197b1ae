/** `regalia grant`: gives half of a branch's share to another replica, so that it may write. */
import { writing } from '../open.js';
import { BRANCH, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'grant',
  summary: 'print a share that one replica made by `unpack` can `accept`, so that it may write',
  usage: 'STORE',
  options: BRANCH,
  async run({ args, options, out }) {
    return writing(args[0] as string, options, async (bucket) => {
      const grant = await bucket.grant();
      await out.row({ grant }, grant);
      return 0;
    });
  },
});
