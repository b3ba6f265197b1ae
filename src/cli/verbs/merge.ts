/**
 * `merge`, and merging as other verbs do it: its options, its conflicts and their answers, what is
 * printed, and the exit code.
 *
 * Conflicts are lines of JSON, answers the same lines with more in them. A line that answers a
 * conflict has its `key`, its `stream` if it has one, and one of `take` (what its `answers` list),
 * `text` and `base64`.
 */
import type { Answer, Bucket, Conflict, MergeOptions, Take } from '../../index.js';
import { atOf } from '../open.js';
import { byteCount, type Output, shown } from '../output.js';
import { oneOf } from '../quantities.js';
import { commitLine, commitRow } from '../show.js';
import {
  BUCKET,
  COMMIT_OPTIONS,
  type Context,
  defineVerb,
  type ExitCode,
  type OptionSpecs,
  textOf,
  UsageError,
} from '../verb.js';

export const POLICIES = ['conflict', 'ours', 'theirs', 'newest'] as const;
const TAKES: readonly Take[] = ['ours', 'theirs', 'base', 'both'];
const ENTRY_POLICIES = [...POLICIES, 'keep', 'remove'] as const;

export const MERGE_OPTIONS = {
  policy: { argument: 'POLICY', help: `for all: ${POLICIES.join(', ')}` },
  streams: { argument: 'POLICY', help: 'streams that both sides changed: as above' },
  entries: {
    argument: 'POLICY',
    help: 'entries removed on one side, changed on the other: as above, or keep, remove',
  },
  places: { argument: 'POLICY', help: 'moves that contradict each other: as above' },
  resolve: { argument: 'FILE', help: 'answers, one JSON object a line' },
} as const satisfies OptionSpecs;

export const MERGE_DETAILS = `
Where there are conflicts they are printed, nothing is written, and the exit code is 1. To resolve
them, save what --json prints, and add to each line a field \`take\` with one of its \`answers\`,
or the stream's contents as \`text\` or \`base64\`. Then run the merge again with --resolve FILE,
where \`-\` is standard input.`;

export const merge = defineVerb({
  name: 'merge',
  summary: 'merge a branch, tag or commit into a branch',
  usage: 'STORE FROM',
  details: MERGE_DETAILS,
  options: {
    ...COMMIT_OPTIONS,
    ...BUCKET,
    into: { argument: 'BRANCH', help: 'the branch to merge into' },
    ...MERGE_OPTIONS,
  },
  async run(context) {
    const { args, options, out } = context;
    const { message, into } = options;
    const how = await mergeOptions(context);
    return context.opening({ create: false, branch: into }, (bucket) =>
      mergeFrom(bucket, atOf(bucket, args[1]), { ...how, message }, out),
    );
  },
});

/** The library's options for those of `MERGE_OPTIONS`. */
export async function mergeOptions(
  context: Pick<Context<typeof MERGE_OPTIONS>, 'options' | 'input' | 'signal'>,
): Promise<MergeOptions> {
  const { policy: all, streams = all, entries = all, places = all, resolve } = context.options;
  return {
    signal: context.signal,
    policy: {
      streams: oneOf('streams', POLICIES, streams),
      entries: oneOf('entries', ENTRY_POLICIES, entries),
      places: oneOf('places', POLICIES, places),
    },
    answers: resolve === undefined ? undefined : await answersFrom(resolve, context),
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
  await printConflicts(out, conflicts);
  if (!merged) return 1;
  const note = fastForward ? '  (fast-forward)' : '';
  await out.row({ ...commitRow(commit), fastForward }, `${commitLine(commit)}${note}`);
  return 0;
}

/** Conflicts, as `--resolve` reads them with answers. */
export async function printConflicts(out: Output, conflicts: readonly Conflict[]): Promise<void> {
  for (const conflict of conflicts) await out.row(conflictRow(conflict), conflictLine(conflict));
}

function conflictLine({ key, stream, kind, why, base, ours, theirs }: Conflict): string {
  const where = `${shown(key)}${stream === undefined ? '' : `  ${shown(stream)}`}`;
  const sides = Object.entries({ base, ours, theirs }).map(([side, has]) => {
    const what =
      has === undefined ? 'none' : has.size === undefined ? has.key : byteCount(has.size);
    return `${side} ${shown(what)}`;
  });
  return `conflict  ${why ?? kind}  ${where}  (${sides.join(', ')})`;
}

/** A conflict as programs see it: bytes as base64. */
function conflictRow({ base, ours, theirs, ...where }: Conflict): object {
  return { ...where, base: sideRow(base), ours: sideRow(ours), theirs: sideRow(theirs) };
}

function sideRow(side: Conflict['base']): object | undefined {
  if (side?.inline === undefined) return side;
  const { inline, ...rest } = side;
  return { ...rest, base64: Buffer.from(inline).toString('base64') };
}

/** Lines without an answer count for nothing. */
async function answersFrom(file: string, from: Pick<Context, 'input'>): Promise<Answer[]> {
  const all = await textOf(file, from);
  return all.split('\n').flatMap((line, index) => {
    const answer = line.trim() === '' ? undefined : answerOf(line, `${file}:${index + 1}`);
    return answer === undefined ? [] : [answer];
  });
}

function answerOf(line: string, where: string): Answer | undefined {
  const row = objectOf(line, where);
  const { key, stream } = row;
  if (typeof key !== 'string') throw new UsageError(`${where}: a key is missing`);
  if (stream !== undefined && typeof stream !== 'string') {
    throw new UsageError(`${where}: stream must be text`);
  }
  const contents = contentsOf(row);
  if (contents !== undefined && stream !== undefined) return { key, stream, contents };
  const take = TAKES.find((one) => one === row.take);
  if (row.take === undefined) return undefined;
  if (take === undefined) throw new UsageError(`${where}: take must be ${TAKES.join(' or ')}`);
  return { key, stream, take };
}

function objectOf(line: string, where: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`${where}: ${(error as Error).message}`);
  }
  if (typeof data === 'object' && data !== null) return data as Record<string, unknown>;
  throw new UsageError(`${where}: a line must be a JSON object`);
}

function contentsOf({ text, base64 }: Record<string, unknown>): Uint8Array | undefined {
  if (typeof text === 'string') return new TextEncoder().encode(text);
  if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
  return undefined;
}
