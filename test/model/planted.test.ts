/**
 * Shows that a store that combines wrongly is found out: merges get faults planted, and a history
 * that is right without them has a finding of the kind that is expected.
 */
import t from 'tap';
import { Bucket, type MergeOptions, type MergeOutcome, type Transaction } from '../../src/index.js';
import { historyOf } from './language.js';
import { runHistory, shrunk } from './run.js';

const HISTORY = historyOf(`
  A: put /a, put /d/f, put /g
  B = A
  A: move /a to /b, del /g
  B: edit /d/f s, put /d/h
  A: put /k
  A <- B, ours`);

/** Both edit the same. */
const CONTRADICTION = historyOf(`
  A: put /a
  B = A
  A: edit /a s
  B: edit /a s
  A <- B, ours`);

const { merge } = Bucket.prototype;

t.afterEach(() => {
  Bucket.prototype.merge = merge;
});

/** Every merge that is made is followed by edits, as if they were of it. */
function plant(edits: (tx: Transaction) => void): void {
  Bucket.prototype.merge = async function (from, options): Promise<MergeOutcome> {
    const outcome = await merge.call(this, from, options);
    if (outcome.merged && !outcome.fastForward) await this.transact(edits);
    return outcome;
  };
}

async function kindFound(history = HISTORY): Promise<string | undefined> {
  return (await runHistory(history)).finding?.kind;
}

t.test('without a fault there is no finding', async (t) => {
  t.equal(await kindFound(), undefined);
});

const plants: readonly [kind: string, edits: (tx: Transaction) => void][] = [
  ['lost', (tx) => tx.del('/d/h')],
  ['lost', (tx) => tx.del('/d/f', 's')],
  ['undone', (tx) => tx.put('/g', 'id', Buffer.from('id3'))],
  ['doubled', (tx) => tx.copy('/b', '/n')],
  ['wrong', (tx) => tx.move('/b', '/a')],
  ['wrong', (tx) => tx.move('/d/h', '/b/h')],
];

for (const [kind, edits] of plants) {
  t.test(`${kind}: ${edits}`, async (t) => {
    plant(edits);
    t.equal(await kindFound(), kind);
  });
}

t.test('a conflict that each side settles by itself', async (t) => {
  Bucket.prototype.merge = function (from, options: MergeOptions = {}): Promise<MergeOutcome> {
    return merge.call(this, from, { policy: 'newest', ...options });
  };
  t.equal(await kindFound(CONTRADICTION), 'sided');
});

t.test('an answer that is not followed', async (t) => {
  Bucket.prototype.merge = function (from, options: MergeOptions = {}): Promise<MergeOutcome> {
    const answers = options.answers?.map((answer) => ({ ...answer, take: 'theirs' as const }));
    return merge.call(this, from, answers === undefined ? options : { ...options, answers });
  };
  t.equal(await kindFound(CONTRADICTION), 'ignored');
});

t.test('a policy that settles nothing', async (t) => {
  Bucket.prototype.merge = function (from, { policy: _, ...options }: MergeOptions = {}) {
    return merge.call(this, from, options);
  };
  const steps = CONTRADICTION.steps.slice(0, -1);
  t.equal(await kindFound({ replicas: 1, steps }), 'unsettled');
});

t.test('a history is made smaller while it shows the same', async (t) => {
  plant((tx) => tx.del('/d/h'));
  const { history } = await shrunk(await runHistory(HISTORY));
  const edits = history.steps.flatMap((step) => (step.do === 'commit' ? step.edits : []));
  t.ok(edits.length <= 3, 'a fork, and an edit of each line', { history });
});
