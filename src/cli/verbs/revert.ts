/** `regalia revert`: takes back what one commit did. */
import { atOf, writing } from '../open.js';
import { commitNote, commitRow } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb, UsageError } from '../verb.js';

const POLICIES = ['ours', 'theirs', 'newest', 'conflict'] as const;

export default defineVerb({
  name: 'revert',
  summary: 'take back what one commit did, as a new commit',
  usage: 'STORE COMMIT',
  details: `
Where later commits changed the same streams it ends with REGALIA_CONFLICT and exit code 1,
unless --policy says what stands: ours is what the branch has now, theirs what was before
the commit.`,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    policy: { type: 'string', placeholder: 'POLICY', help: POLICIES.join(', ') },
  },
  async run({ args, options, out, signal }) {
    const [folder, at] = args as [string, string];
    const { message, policy: text } = options;
    const policy = POLICIES.find((each) => each === text);
    if (policy === undefined && text !== undefined) {
      throw new UsageError(`--policy is one of ${POLICIES.join(', ')}`);
    }
    return writing(folder, options, async (bucket) => {
      const commit = await bucket.revert(atOf(bucket, at), {
        signal,
        ...(message !== undefined && { message }),
        ...(policy !== undefined && { policy }),
      });
      await out.row(commitRow(commit), commitNote(commit));
      return 0;
    });
  },
});
