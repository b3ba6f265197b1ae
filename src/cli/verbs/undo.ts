/** `revert` and `restore`: what was before, as a new commit. `undo`: where a branch was before. */
import { type Conflict, isRegaliaError } from '../../index.js';
import { atOf, keyOf } from '../open.js';
import { printCommit, reflogLine } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb } from '../verb.js';
import { MERGE_DETAILS, MERGE_OPTIONS, mergeOptions, printConflicts } from './merge.js';

export const revert = defineVerb({
  name: 'revert',
  summary: 'undo what one commit did, as a new commit',
  usage: 'STORE COMMIT',
  details: `
It is a merge like others: ours is what the branch has now, theirs what was there before the commit.
Of a merge, --parent says which side's state it leads back to.
${MERGE_DETAILS}`,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    parent: { argument: 'COMMIT', help: 'the parent of a merge to go back to' },
    ...MERGE_OPTIONS,
  },
  async run(context) {
    const { args, options, out, writing } = context;
    const { message } = options;
    const how = await mergeOptions(context);
    return writing(async (bucket) => {
      const parent = options.parent === undefined ? undefined : atOf(bucket, options.parent);
      try {
        const commit = await bucket.revert(atOf(bucket, args[1]), { ...how, message, parent });
        await printCommit(out, commit);
      } catch (error) {
        const isConflict = isRegaliaError(error, 'REGALIA_CONFLICT');
        if (isConflict) await printConflicts(out, error.data.conflicts as Conflict[]);
        throw error;
      }
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

export const undo = defineVerb({
  name: 'undo',
  summary:
    'take the branch back to where it was before the last commit, merge, reset or other step',
  usage: 'STORE',
  details: `
Each undo goes one step further back, until something else moves the branch. \`log --reflog\` lists
the steps; what was taken back is found there, and \`branch\` can reset to it.`,
  options: BUCKET,
  async run({ out, writing }) {
    return writing(async (bucket) => {
      const row = await bucket.undo();
      await out.row(row, reflogLine(row, bucket.info(row.commit)));
    });
  },
});
