/** One merge of a line, from both sides, resolved as asked, and judged by the model. */
import type { Answer, Bucket, Conflict, MergeOutcome, Take } from '../../src/index.js';
import { answeredWrongly } from './answered.js';
import type { View } from './facts.js';
import { Finding, raise } from './finding.js';
import type { United } from './graph.js';
import type { Policy, Resolution } from './history.js';
import { placesOf } from './truth.js';
import { Verdict } from './verdict.js';
import { answerTo, byPolicy, namedBy, nameOf, spelledConflict } from './vocabulary.js';
import type { Meeting } from './weak.js';

/** What a merge works on. */
export interface Merging {
  readonly bucket: Bucket;
  /** The commit that is merged. */
  readonly from: string;
  readonly meeting: Meeting;
  /** Runs `body` with a branch of its own at a commit. */
  readonly scratch: <T>(at: string, body: (bucket: Bucket) => Promise<T>) => Promise<T>;
  /** The state that the bucket has come to. */
  readonly read: () => View;
}

export interface Judged {
  readonly result: View;
  /** Identities that became one by it. */
  readonly united: United;
  readonly isExact: boolean;
  readonly excuses: readonly string[];
  /** What was asked at first. */
  readonly asked: readonly string[];
}

const ROUNDS_MAX = 12;

export async function mergeAndJudge(merging: Merging, take: Resolution): Promise<Judged> {
  try {
    return await judge(merging, take);
  } catch (error) {
    if (error instanceof Finding) error.states = statesOf(merging);
    throw error;
  }
}

function statesOf({ meeting, read }: Merging): string {
  const { bases, ours, theirs } = meeting;
  const states = [
    ...bases.map(({ view }) => ['base', view] as const),
    ['ours', ours.view] as const,
    ['theirs', theirs.view] as const,
    ['now', read()] as const,
  ];
  return states.map(([name, view]) => `${name.padEnd(7)}${listed(view)}`).join('\n');
}

/** Every stream by its key. */
function listed({ top }: View): string {
  const all = [...placesOf(top)].flatMap(([key, { streams, bucket }]) => {
    const tokens = [...streams.values()];
    if (bucket !== undefined) tokens.unshift(`bucket ${bucket.slice(0, 8)}`);
    return tokens.length === 0 ? [] : [`${key} (${tokens.join(', ')})`];
  });
  return all.join(', ');
}

async function judge(merging: Merging, take: Resolution): Promise<Judged> {
  const { bucket, from, meeting, read } = merging;
  const verdict = new Verdict(meeting);
  const mirrored = await mirror(merging);
  const plain = await bucket.merge(from);
  compareSides(plain, mirrored);
  const first = [...plain.conflicts];
  if (plain.merged) raise(verdict.ofSilence(read()));
  else raise(verdict.ofConflicts(), aboutOf(first));
  const conflicts = plain.merged ? [] : await resolve(merging, take);
  const result = read();
  const { bases, ours, theirs } = meeting;
  const views = [...bases, ours, theirs].map(({ view }) => view);
  const named = namedBy(conflicts, views, meeting.aliases.apart);
  raise(verdict.ofResult(result, named), aboutOf(conflicts));
  const { isExact, excuses } = verdict;
  const asked = first.map(nameOf);
  return { result, united: verdict.united(result), isExact, excuses, asked };
}

/** Does the merge as asked. Resolves with all conflicts that came up on the way. */
async function resolve(merging: Merging, take: Resolution): Promise<readonly Conflict[]> {
  if (isPolicy(take)) return resolveByPolicy(merging, take);
  const { bucket, meeting, read } = merging;
  const { asked, answers } = await resolveByAnswers(merging, bucket, take);
  const [conflict, second] = asked;
  if (conflict !== undefined && second === undefined) {
    const wrong = answeredWrongly(meeting, read(), conflict, takeOf(answers[0]));
    raise(wrong, aboutOf(asked));
  }
  return asked;
}

function aboutOf(conflicts: readonly Conflict[]): string {
  return ['merge', ...conflicts.map(nameOf)].join(', asked ');
}

function takeOf(answer: Answer | undefined): Take {
  return answer !== undefined && 'take' in answer ? answer.take : 'ours';
}

function isPolicy(take: Resolution): take is Policy {
  return take.startsWith('policy ');
}

/** The same merge by the other side. */
function mirror({ bucket, meeting, scratch }: Merging, how = {}): Promise<MergeOutcome> {
  return scratch(meeting.theirs.commit, (other) => other.merge(bucket.branchName, how));
}

function compareSides(plain: MergeOutcome, mirrored: MergeOutcome): void {
  if (plain.merged && mirrored.merged) {
    if (plain.commit.commit === mirrored.commit.commit) return;
    throw new Finding('sided: each side makes another commit of the merge');
  }
  const ours = [...plain.conflicts].map((one) => spelledConflict(one, false));
  const theirs = [...mirrored.conflicts].map((one) => spelledConflict(one, true));
  if (ours.sort().join() === theirs.sort().join()) return;
  throw new Finding(`sided: ${ours.join(' ')} here and ${theirs.join(' ')} there`);
}

interface Resolved {
  readonly asked: readonly Conflict[];
  /** One for each. */
  readonly answers: readonly Answer[];
}

/** Answers until nothing is asked. */
async function resolveByAnswers(
  { from, meeting }: Merging,
  bucket: Bucket,
  wish: string,
): Promise<Resolved> {
  // Two entries without a place in the merged bases may go by one key.
  const mayShare = meeting.bases.length > 1;
  const asked: Conflict[] = [];
  const answers: Answer[] = [];
  for (let round = 0; round < ROUNDS_MAX; round++) {
    const outcome = await bucket.merge(from, { answers });
    if (outcome.merged) return { asked, answers };
    const before = [...asked];
    for (const conflict of outcome.conflicts) {
      if ((mayShare ? before : asked).some((one) => nameOf(one) === nameOf(conflict))) {
        const take = takeOf(answers.find(({ key }) => key === conflict.key));
        throw new Finding(`unsettled: ${nameOf(conflict)} is asked again after ${take}`);
      }
      asked.push(conflict);
      answers.push(answerTo(conflict, wish, asked.length));
    }
  }
  throw new Finding(`unsettled: ${ROUNDS_MAX} rounds of answers are not enough`);
}

/** All that may be asked on the way is what the answers of either side bring up. */
async function resolveByPolicy(merging: Merging, policy: Policy): Promise<readonly Conflict[]> {
  const { bucket, from } = merging;
  const ours = await tryAnswers(merging, 'ours');
  const theirs = await tryAnswers(merging, 'theirs');
  const mirrored = (await mirror(merging, byPolicy(policy))).commit.root;
  const { merged, commit, conflicts } = await bucket.merge(from, byPolicy(policy));
  const left = conflicts.map(nameOf).join(', ');
  if (!merged) throw new Finding(`unsettled: ${policy} leaves ${left}`);
  const same = {
    'policy ours': ours.root,
    'policy theirs': theirs.root,
    'policy newest': mirrored,
  };
  if (commit.root !== same[policy]) {
    const other = policy === 'policy newest' ? 'the other side does' : 'answering so';
    throw new Finding(`ignored: ${policy} is not what ${other}`);
  }
  return [...ours.asked, ...theirs.asked];
}

/** What answers of one kind bring up, and come to. */
function tryAnswers(merging: Merging, wish: string) {
  const { meeting, scratch } = merging;
  return scratch(meeting.ours.commit, async (other) => {
    const { asked } = await resolveByAnswers(merging, other, wish);
    return { asked, root: other.info().root };
  });
}
