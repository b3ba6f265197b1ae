/** `regalia tag`: lists tags, gives a commit a name, or deletes a name. */
import { atOf, reading, writing } from '../open.js';
import { shown } from '../output.js';
import { brief, printRefs } from '../show.js';
import { BUCKET, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'tag',
  summary: 'list tags; give a commit (default: the head) a name, or delete a name',
  usage: 'STORE [NAME] [COMMIT]',
  options: {
    ...BUCKET,
    delete: { type: 'string', placeholder: 'NAME', help: 'delete this tag' },
  },
  async run({ args, options, out }) {
    const [folder, name, at] = args as [string, string?, string?];
    const { delete: gone } = options;
    if (gone === undefined && name === undefined) {
      return reading(folder, options, async (bucket) => {
        await printRefs(out, bucket.tags);
        return 0;
      });
    }
    return writing(folder, options, async (bucket) => {
      if (gone !== undefined) {
        await bucket.tags.delete(gone);
        await out.row({ name: gone, deleted: true }, `${shown(gone)} is deleted`);
      }
      if (name !== undefined) {
        const tag = await bucket.tags.set(name, at === undefined ? undefined : atOf(bucket, at));
        await out.row(tag, `${shown(name)} names ${brief(tag.commit)}`);
      }
      return 0;
    });
  },
});
