/** `regalia branch`: lists branches, deletes one, or makes one name another commit. */
import { atOf, reading, writing } from '../open.js';
import { shown } from '../output.js';
import { brief, printRefs } from '../show.js';
import { BUCKET, defineVerb, UsageError } from '../verb.js';

export default defineVerb({
  name: 'branch',
  summary: 'list branches; delete one, or reset one to a commit',
  usage: 'STORE [COMMIT]',
  details: '`regalia fork` starts a branch. The commits of a branch stay when it is deleted.',
  options: {
    ...BUCKET,
    delete: { type: 'string', placeholder: 'NAME', help: 'delete this branch' },
    reset: { type: 'string', placeholder: 'NAME', help: 'make this branch name COMMIT' },
  },
  async run({ args, options, out }) {
    const [folder, at] = args as [string, string?];
    const { delete: gone, reset } = options;
    if ((reset === undefined) !== (at === undefined)) {
      throw new UsageError('--reset NAME and COMMIT go together');
    }
    if (gone === undefined && reset === undefined) {
      return reading(folder, options, async (bucket) => {
        await printRefs(out, bucket.branches);
        return 0;
      });
    }
    return writing(folder, options, async (bucket) => {
      if (gone !== undefined) {
        await bucket.branches.delete(gone);
        await out.row({ name: gone, deleted: true }, `${shown(gone)} is deleted`);
      }
      if (reset !== undefined && at !== undefined) {
        const branch = await bucket.branches.reset(reset, atOf(bucket, at));
        await out.row(branch, `${shown(branch.name)} is at ${brief(branch.commit)}`);
      }
      return 0;
    });
  },
});
