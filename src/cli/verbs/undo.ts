/** `revert` and `restore`: what was before, as a new commit. */
import { atOf, keyOf } from '../open.js';
import { oneOf } from '../quantities.js';
import { printCommit } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb } from '../verb.js';
import { POLICIES } from './merge.js';

export const revert = defineVerb({
  name: 'revert',
  summary: 'undo what one commit did, as a new commit',
  usage: 'STORE COMMIT',
  details: `
Where later commits changed the same streams it fails with REGALIA_CONFLICT and exit code 1.
--policy decides instead: ours is what the branch has now, theirs what was there before the
commit. Of a merge, --parent says which side's state it leads back to.`,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    policy: { argument: 'POLICY', help: POLICIES.join(', ') },
    parent: { argument: 'COMMIT', help: 'the parent of a merge to go back to' },
  },
  async run({ args, options, out, signal, writing }) {
    const { message } = options;
    const policy = oneOf('policy', POLICIES, options.policy);
    return writing(async (bucket) => {
      const parent = options.parent === undefined ? undefined : atOf(bucket, options.parent);
      const how = { signal, message, policy, parent };
      const commit = await bucket.revert(atOf(bucket, args[1]), how);
      await printCommit(out, commit);
    });
  },
});

export const restore = defineVerb({
  name: 'restore',
  summary: 'bring back a key, or everything, as it was at a commit, tag, branch or date',
  usage: 'STORE COMMIT [KEY]',
  options: { ...COMMIT_OPTIONS, ...BUCKET },
  async run({ args, options, out, signal, writing }) {
    const [, at, key] = args;
    const { message } = options;
    return writing(async (bucket) => {
      const commit = await bucket.restore(atOf(bucket, at), keyOf(key), { signal, message });
      await printCommit(out, commit);
    });
  },
});
