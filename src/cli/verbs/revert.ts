/** `regalia revert`: undoes one commit. */
import { POLICIES } from '../merging.js';
import { atOf, writing } from '../open.js';
import { oneOf } from '../quantities.js';
import { printCommit } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'revert',
  summary: 'undo what one commit did, as a new commit',
  usage: 'STORE COMMIT',
  details: `
Where later commits changed the same streams it fails with REGALIA_CONFLICT and exit code 1.
--policy decides instead: ours is what the branch has now, theirs what was there before the
commit.`,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    policy: { type: 'string', placeholder: 'POLICY', help: POLICIES.join(', ') },
  },
  async run({ args, options, out, signal }) {
    const [folder, at] = args as [string, string];
    const { message } = options;
    const policy = oneOf('policy', POLICIES, options.policy);
    return writing(folder, options, async (bucket) => {
      const commit = await bucket.revert(atOf(bucket, at), {
        signal,
        ...(message !== undefined && { message }),
        ...(policy !== undefined && { policy }),
      });
      await printCommit(out, commit);
      return 0;
    });
  },
});
