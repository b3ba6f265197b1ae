/**
 * Merging as verbs do it: its options, its conflicts and their answers, what is printed, and the
 * exit code.
 *
 * Conflicts are lines of JSON, answers the same lines with more in them. A line that answers a
 * conflict has its `key`, its `stream` if it has one, and one of `take` (what its `answers` list),
 * `text` and `base64`.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Answer, Bucket, Conflict, ConflictSide, MergeOptions, Take } from '../index.js';
import { byteCount, type Output, shown } from './output.js';
import { oneOf } from './quantities.js';
import { commitLine, commitRow } from './show.js';
import { type Context, type ExitCode, type OptionSpecs, UsageError } from './verb.js';

export const POLICIES = ['conflict', 'ours', 'theirs', 'newest'] as const;
const TAKES: readonly Take[] = ['ours', 'theirs', 'base', 'both'];
const ENTRY_POLICIES = [...POLICIES, 'keep', 'remove'] as const;

export const MERGE_OPTIONS = {
  policy: { type: 'string', placeholder: 'POLICY', help: `for all: ${POLICIES.join(', ')}` },
  streams: { type: 'string', placeholder: 'POLICY', help: 'for streams that both changed' },
  entries: {
    type: 'string',
    placeholder: 'POLICY',
    help: 'entries removed on one side, changed on the other: as above, or keep, remove',
  },
  places: { type: 'string', placeholder: 'POLICY', help: 'for moves that contradict each other' },
  resolve: { type: 'string', placeholder: 'FILE', help: 'answers, one JSON object a line' },
} as const satisfies OptionSpecs;

export const MERGE_DETAILS = `
Where there are conflicts they are printed, nothing is written, and the exit code is 1. To resolve
them, save what --json prints, and add to each line a field \`take\` with one
of its \`answers\`, or the stream's contents as \`text\` or \`base64\`. Then run the merge again with --resolve FILE,
where \`-\` is standard input.`;

type MergeWords = Partial<
  Record<'policy' | 'streams' | 'entries' | 'places' | 'resolve', string>
>;

/** The library's options for those of `MERGE_OPTIONS`. */
export async function mergeOptions(
  options: MergeWords,
  { input, signal }: Pick<Context, 'input' | 'signal'>,
): Promise<MergeOptions> {
  const all = oneOf('policy', POLICIES, options.policy);
  const policy = {
    streams: oneOf('streams', POLICIES, options.streams) ?? all,
    entries: oneOf('entries', ENTRY_POLICIES, options.entries) ?? all,
    places: oneOf('places', POLICIES, options.places) ?? all,
  };
  const { resolve } = options;
  const answers = resolve === undefined ? undefined : await answersFrom(resolve, input);
  return { signal, policy, answers };
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
  const note = fastForward ? '  (fast-forward)' : '';
  await out.row({ ...commitRow(commit), fastForward }, `${commitLine(commit)}${note}`);
  return 0;
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

function sideRow(side: ConflictSide | undefined): object | undefined {
  if (side?.inline === undefined) return side;
  const { inline, ...rest } = side;
  return { ...rest, base64: Buffer.from(inline).toString('base64') };
}

/** Reads answers; `-` is standard input. Lines without an answer count for nothing. */
async function answersFrom(file: string, input: NodeJS.ReadableStream): Promise<Answer[]> {
  const all = file === '-' ? await text(input) : await readFile(file, 'utf8');
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
  const { take } = row;
  if (take === undefined) return undefined;
  if (typeof take === 'string' && TAKES.includes(take as Take)) {
    return { key, stream, take: take as Take };
  }
  throw new UsageError(`${where}: take must be ${TAKES.join(' or ')}`);
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

function contentsOf({ text: words, base64 }: Record<string, unknown>): Uint8Array | undefined {
  if (typeof words === 'string') return new TextEncoder().encode(words);
  if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
  return undefined;
}
