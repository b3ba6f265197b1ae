/** `regalia merge`: merges a branch, tag or commit into a branch. */
import { MERGE_DETAILS, MERGE_OPTIONS, mergeFrom, mergeOptions } from '../merging.js';
import { atOf, writing } from '../open.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb } from '../verb.js';

export default defineVerb({
  name: 'merge',
  summary: 'merge a branch, tag or commit into a branch',
  usage: 'STORE FROM',
  details: MERGE_DETAILS,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    into: { type: 'string', placeholder: 'BRANCH', help: 'the branch to merge into' },
    ...MERGE_OPTIONS,
  },
  async run({ args, options, out, input, signal }) {
    const [folder, from] = args as [string, string];
    const { message, into } = options;
    const how = await mergeOptions(options, { input, signal });
    const place = into === undefined ? options : { ...options, branch: into };
    return writing(folder, place, async (bucket) => {
      const words = message === undefined ? how : { ...how, message };
      return mergeFrom(bucket, atOf(bucket, from), words, out);
    });
  },
});
