/** `regalia backup`: a consistent copy of the whole store. */
import { reading } from '../open.js';
import { shown } from '../output.js';
import { defineVerb } from '../verb.js';

export default defineVerb({
  name: 'backup',
  summary: 'copy the whole store, consistently, while it is used',
  usage: 'STORE NEW',
  details: `
It holds all branches, tags and commits, and may be read as it is. To write to it, the
original must be gone for good; for a second store beside the first use \`regalia clone\`.`,
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
