/** `regalia merge`: what another branch, tag or commit has, merged into a branch. */
import type { MergeConflict } from '../../index.js';
import { answersFrom, conflictRow } from '../answers.js';
import { atOf, writing } from '../open.js';
import { shown } from '../output.js';
import { byteCount } from '../progress.js';
import { commitLine, commitRow } from '../show.js';
import { BUCKET, COMMIT_OPTIONS, defineVerb, UsageError } from '../verb.js';

const POLICIES = ['conflict', 'ours', 'theirs', 'newest'] as const;
const ENTRY_POLICIES = [...POLICIES, 'keep', 'remove'] as const;

export default defineVerb({
  name: 'merge',
  summary: 'merge a branch, tag or commit into a branch',
  usage: 'STORE FROM',
  details: `
Conflicts are printed, nothing is written, and the exit code is 1. To settle them, keep what
--json prints, add to each line a field \`take\` ("ours", "theirs" or "base") or a stream's
contents as \`text\` or \`base64\`, and run it again with --resolve FILE (\`-\` is standard input).`,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    into: { type: 'string', placeholder: 'BRANCH', help: 'the branch to merge into' },
    policy: { type: 'string', placeholder: 'POLICY', help: `streams: ${POLICIES.join(', ')}` },
    entries: {
      type: 'string',
      placeholder: 'POLICY',
      help: 'entries removed on one side, changed on the other: as above, or keep, remove',
    },
    resolve: { type: 'string', placeholder: 'FILE', help: 'answers, one JSON object a line' },
  },
  async run({ args, options, out, input, signal }) {
    const [folder, from] = args as [string, string];
    const { message, into, resolve } = options;
    const policy = oneOf('policy', POLICIES, options.policy);
    const entryPolicy = oneOf('entries', ENTRY_POLICIES, options.entries ?? options.policy);
    const answers = resolve === undefined ? undefined : await answersFrom(resolve, input);
    const place = into === undefined ? options : { ...options, branch: into };
    return writing(folder, place, async (bucket) => {
      const { merged, fastForward, commit, conflicts } = await bucket.merge(atOf(bucket, from), {
        signal,
        ...(message !== undefined && { message }),
        ...(policy !== undefined && { policy }),
        ...(entryPolicy !== undefined && { entryPolicy }),
        ...(answers !== undefined && { answers }),
      });
      for (const conflict of conflicts) await out.row(conflictRow(conflict), line(conflict));
      if (!merged) return 1;
      const note = fastForward ? '  (moved on to it)' : '';
      await out.row({ ...commitRow(commit), fastForward }, `${commitLine(commit)}${note}`);
      return 0;
    });
  },
});

function oneOf<T extends string>(
  name: string,
  all: readonly T[],
  text: string | undefined,
): T | undefined {
  const found = all.find((each) => each === text);
  if (found !== undefined || text === undefined) return found;
  throw new UsageError(`--${name} is one of ${all.join(', ')}`);
}

function line({ key, stream, kind, base, ours, theirs }: MergeConflict): string {
  const where = `${shown(key)}${stream === undefined ? '' : `  ${shown(stream)}`}`;
  const sides = Object.entries({ base, ours, theirs }).map(([side, has]) => {
    const told =
      has?.key ?? has?.bucket ?? (has?.size === undefined ? 'none' : byteCount(has.size));
    return `${side} ${shown(told)}`;
  });
  return `conflict  ${kind}  ${where}  (${sides.join(', ')})`;
}
