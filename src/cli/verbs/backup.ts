/** `regalia backup`: a consistent copy of the whole store. */
import { reading } from '../open.js';
import { shown } from '../output.js';
import { defineVerb } from '../verb.js';

export default defineVerb({
  name: 'backup',
  summary: 'copy the whole store consistently, while it is used',
  usage: 'STORE NEW',
  details: `
The copy has all branches, tags and commits, and can be read at once. Write to it only after the
original is lost. For a second store beside the first use \`regalia clone\`.`,
  options: {},
  async run({ args, out }) {
    const [folder, target] = args as [string, string];
    return reading(folder, {}, async (_, store) => {
      await store.backup(target);
      const { head, root } = store.stats();
      await out.row({ path: target, head, root }, `${shown(folder)} is copied to ${shown(target)}`);
      return 0;
    });
  },
});
