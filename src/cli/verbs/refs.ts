/** `fork`, `branch` and `tag`: names of commits. */
import { atOf } from '../open.js';
import { type Output, shown } from '../output.js';
import { brief, printRefs } from '../show.js';
import { BUCKET, defineVerb, READ_OPTIONS, UsageError } from '../verb.js';

export const fork = defineVerb({
  name: 'fork',
  summary: 'start a branch at the head of another branch, or at a commit',
  usage: 'STORE BRANCH',
  options: { ...READ_OPTIONS, ...BUCKET },
  async run({ args, options, out, writing }) {
    const [, name] = args;
    return writing(async (bucket) => {
      const fork = await bucket.fork(name, { at: options.at && atOf(bucket, options.at) });
      const { commit } = fork.info();
      await out.row({ name, commit }, `${shown(name)} starts at ${brief(commit)}`);
    });
  },
});

export const branch = defineVerb({
  name: 'branch',
  summary: 'list branches; delete one, or reset one to a commit',
  usage: 'STORE [COMMIT]',
  details: '`regalia fork` starts a branch. The commits of a branch stay when it is deleted.',
  options: {
    ...BUCKET,
    delete: { argument: 'NAME', help: 'delete this branch' },
    reset: { argument: 'NAME', help: 'make this branch name COMMIT' },
  },
  async run({ args, options, out, reading, writing }) {
    const [, at] = args as [string, string?];
    const { delete: gone, reset } = options;
    if ((reset === undefined) !== (at === undefined)) {
      throw new UsageError('--reset NAME and COMMIT go together');
    }
    if (gone === undefined && reset === undefined) {
      return reading((bucket) => printRefs(out, bucket.branches));
    }
    return writing(async (bucket) => {
      if (gone !== undefined) await remove(out, bucket.branches, gone);
      if (reset === undefined || at === undefined) return;
      const branch = await bucket.branches.reset(reset, atOf(bucket, at));
      await out.row(branch, `${shown(branch.name)} is at ${brief(branch.commit)}`);
    });
  },
});

export const tag = defineVerb({
  name: 'tag',
  summary: 'list tags; give a commit (default: the head) a name, or delete a name',
  usage: 'STORE [NAME] [COMMIT]',
  options: { ...BUCKET, delete: { argument: 'NAME', help: 'delete this tag' } },
  async run({ args, options, out, reading, writing }) {
    const [, name, at] = args as [string, string?, string?];
    const { delete: gone } = options;
    if (gone === undefined && name === undefined) {
      return reading((bucket) => printRefs(out, bucket.tags));
    }
    return writing(async (bucket) => {
      if (gone !== undefined) await remove(out, bucket.tags, gone);
      if (name === undefined) return;
      const tag = await bucket.tags.set(name, at && atOf(bucket, at));
      await out.row(tag, `${shown(name)} names ${brief(tag.commit)}`);
    });
  },
});

async function remove(
  out: Output,
  refs: { delete(name: string): Promise<void> },
  name: string,
): Promise<void> {
  await refs.delete(name);
  await out.row({ name, deleted: true }, `${shown(name)} is deleted`);
}
