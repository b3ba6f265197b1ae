/** Merging as verbs do it: the options it takes, what is printed of it, and the exit code. */
import type { Bucket, MergeConflict, MergeOptions } from '../index.js';
import { answersFrom, conflictRow } from './answers.js';
import { type Output, shown } from './output.js';
import { byteCount } from './progress.js';
import { commitLine, commitRow } from './show.js';
import { type Context, type ExitCode, type OptionSpecs, UsageError } from './verb.js';

const POLICIES = ['conflict', 'ours', 'theirs', 'newest'] as const;
const ENTRY_POLICIES = [...POLICIES, 'keep', 'remove'] as const;

export const MERGE_OPTIONS = {
  policy: { type: 'string', placeholder: 'POLICY', help: `streams: ${POLICIES.join(', ')}` },
  entries: {
    type: 'string',
    placeholder: 'POLICY',
    help: 'entries removed on one side, changed on the other: as above, or keep, remove',
  },
  resolve: { type: 'string', placeholder: 'FILE', help: 'answers, one JSON object a line' },
} as const satisfies OptionSpecs;

export const MERGE_DETAILS = `
Conflicts are printed, nothing is written, and the exit code is 1. To settle them, keep what
--json prints, add to each line a field \`take\` ("ours", "theirs" or "base") or a stream's
contents as \`text\` or \`base64\`, and run it again with --resolve FILE (\`-\` is standard input).`;

/** What the options of `MERGE_OPTIONS` ask for. */
export async function mergeOptions(
  options: { readonly policy?: string; readonly entries?: string; readonly resolve?: string },
  { input, signal }: Pick<Context, 'input' | 'signal'>,
): Promise<MergeOptions> {
  const policy = oneOf('policy', POLICIES, options.policy);
  const entryPolicy = oneOf('entries', ENTRY_POLICIES, options.entries ?? options.policy);
  const { resolve } = options;
  return {
    signal,
    ...(policy !== undefined && { policy }),
    ...(entryPolicy !== undefined && { entryPolicy }),
    ...(resolve !== undefined && { answers: await answersFrom(resolve, input) }),
  };
}

/** Merges, prints the commit or the conflicts, and gives the exit code. */
export async function mergeFrom(
  bucket: Bucket,
  from: Parameters<Bucket['merge']>[0],
  options: MergeOptions,
  out: Output,
): Promise<ExitCode> {
  const { merged, fastForward, commit, conflicts } = await bucket.merge(from, options);
  for (const conflict of conflicts) await out.row(conflictRow(conflict), conflictLine(conflict));
  if (!merged) return 1;
  const note = fastForward ? '  (moved on to it)' : '';
  await out.row({ ...commitRow(commit), fastForward }, `${commitLine(commit)}${note}`);
  return 0;
}

function oneOf<T extends string>(
  name: string,
  all: readonly T[],
  text: string | undefined,
): T | undefined {
  const found = all.find((each) => each === text);
  if (found !== undefined || text === undefined) return found;
  throw new UsageError(`--${name} is one of ${all.join(', ')}`);
}

function conflictLine({ key, stream, kind, base, ours, theirs }: MergeConflict): string {
  const where = `${shown(key)}${stream === undefined ? '' : `  ${shown(stream)}`}`;
  const sides = Object.entries({ base, ours, theirs }).map(([side, has]) => {
    const told =
      has?.key ?? has?.bucket ?? (has?.size === undefined ? 'none' : byteCount(has.size));
    return `${side} ${shown(told)}`;
  });
  return `conflict  ${kind}  ${where}  (${sides.join(', ')})`;
}
