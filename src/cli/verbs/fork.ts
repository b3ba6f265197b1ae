/** `regalia fork`: starts a branch. */
import { atOf, writing } from '../open.js';
import { shown } from '../output.js';
import { brief } from '../show.js';
import { BUCKET, defineVerb, READ_OPTIONS } from '../verb.js';

export default defineVerb({
  name: 'fork',
  summary: 'start a branch at the head of another branch, or at a commit',
  usage: 'STORE BRANCH',
  options: { ...READ_OPTIONS, ...BUCKET },
  async run({ args, options, out }) {
    const [folder, name] = args as [string, string];
    return writing(folder, options, async (bucket) => {
      const { at } = options;
      const fork = await bucket.fork(name, at === undefined ? {} : { at: atOf(bucket, at) });
      const { commit } = fork.info();
      await out.row({ name, commit }, `${shown(name)} starts at ${brief(commit)}`);
      return 0;
    });
  },
});
