/**
 * Policies: every one but 'conflict' settles all conflicts of what it is for, moves included, so
 * that a replica that nobody watches never stops. What the rules settle is canonical.
 */

import t, { type Test } from 'tap';
import { Regalia, type RuleOptions } from '../../src/index.js';
import { type Branch, type Contents, type World, world, wrongs } from './branch.js';
import { HISTORIES } from './histories.js';
import { bothWays, type History, sided } from './history.js';
import { linesOf, type Policy } from './vocabulary.js';

const CONFLICTING = HISTORIES.filter(({ conflicts }) => conflicts !== undefined);

/** What a history gives where the same is taken for all of its conflicts. */
function allTaken({ conflicts = [], settled }: History, take: 'ours' | 'theirs') {
  return settled?.[conflicts.map(() => take).join(' ')];
}

for (const history of CONFLICTING) {
  t.test(`a policy settles: ${history.name}`, async (t) => {
    for (const policy of ['ours', 'theirs'] as const) {
      const roots: string[] = [];
      for (const trial of await bothWays(history)) {
        const { merged, conflicts } = await trial.into.try(trial.from, {
          policy: sided(trial, policy),
        });
        t.strictSame([merged, linesOf(conflicts)], [true, []], policy);
        t.strictSame(trial.into.contents(), allTaken(history, policy), policy);
        t.strictSame(await wrongs(trial.world.store), []);
        roots.push(trial.into.root);
      }
      t.equal(roots[1], roots[0], `${policy} here is the other there`);
    }
    await checkUnsided(t, history);
  });
}

/** Policies that are the same from both sides. */
async function checkUnsided(t: Test, history: History): Promise<void> {
  const unsided: Policy[] = [
    'newest',
    { streams: 'newest', entries: 'newest', places: 'newest' },
    { streams: 'newest', entries: 'keep', places: 'newest' },
    { streams: 'newest', entries: 'remove', places: 'newest' },
  ];
  for (const policy of unsided) {
    const label = JSON.stringify(policy);
    const roots: string[] = [];
    for (const { world, into, from } of await bothWays(history)) {
      const { merged, conflicts } = await into.try(from, { policy });
      t.strictSame([merged, linesOf(conflicts)], [true, []], label);
      t.strictSame(await wrongs(world.store), []);
      const later = await into.try(from, { policy });
      t.strictSame(linesOf(later.conflicts), [], `${label}: settled stays settled`);
      roots.push(into.root);
    }
    t.equal(roots[1], roots[0], `${label} is the same from both sides`);
  }
}

/** One conflict of each sort, at keys of their own. */
async function mixed(rules?: RuleOptions): Promise<World> {
  const made = await world((main) => main.putEach('/s', '/e/f', '/p'), rules);
  const { A, B } = made;
  await A.put('/s', 'of A');
  await A.del('/e');
  await A.move('/p', '/q');
  await B.put('/s', 'of B');
  await B.put('/e/f', 'edited');
  await B.move('/p', '/r');
  return made;
}

const STREAM = 'both-changed /s s';
const ENTRY = 'removed/changed /e';
const PLACE = 'moved two-places /p';

t.test('a policy for streams, entries or places is for these alone', async (t) => {
  const cases: readonly (readonly [policy: Policy, left: readonly string[]])[] = [
    ['conflict', [STREAM, PLACE, ENTRY]],
    [{}, [STREAM, PLACE, ENTRY]],
    [{ streams: 'ours' }, [PLACE, ENTRY]],
    [{ streams: 'newest' }, [PLACE, ENTRY]],
    [{ entries: 'keep' }, [STREAM, PLACE]],
    [{ entries: 'remove' }, [STREAM, PLACE]],
    [{ places: 'newest' }, [STREAM, ENTRY]],
    [{ streams: 'theirs', entries: 'newest' }, [PLACE]],
    [{ streams: 'conflict', entries: 'conflict', places: 'newest' }, [STREAM, ENTRY]],
  ];
  for (const [policy, left] of cases) {
    const { A, B } = await mixed();
    const { merged, conflicts } = await A.try(B, { policy });
    t.strictSame(linesOf(conflicts), left, JSON.stringify(policy));
    t.equal(merged, false);
  }
});

t.test('each policy does what it says', async (t) => {
  const cases: readonly (readonly [policy: Policy, gives: Contents])[] = [
    ['ours', { '/s': 'of A', '/q': 'p' }],
    ['theirs', { '/s': 'of B', '/e/f': 'edited', '/r': 'p' }],
    ['newest', { '/s': 'of B', '/e/f': 'edited', '/r': 'p' }],
    [
      { streams: 'ours', entries: 'keep', places: 'newest' },
      { '/s': 'of A', '/e/f': 'edited', '/r': 'p' },
    ],
    [
      { streams: 'theirs', entries: 'remove', places: 'newest' },
      { '/s': 'of B', '/r': 'p' },
    ],
  ];
  for (const [policy, gives] of cases) {
    const { store, A, B } = await mixed();
    t.equal((await A.try(B, { policy })).merged, true, JSON.stringify(policy));
    t.strictSame(A.contents(), gives, JSON.stringify(policy));
    t.strictSame(await wrongs(store), []);
  }
});

t.test('an answer goes before a policy', async (t) => {
  const { A, B } = await mixed();
  const answers = [
    { key: '/s', stream: 's', take: 'ours' },
    { key: '/e', take: 'ours' },
    { key: '/p', take: 'ours' },
  ] as const;
  t.equal((await A.try(B, { policy: 'theirs', answers })).merged, true);
  t.strictSame(A.contents(), { '/s': 'of A', '/q': 'p' });
});

t.test('who is newest counts, whoever merges', async (t) => {
  const made = await world((main) => main.putEach('/s', '/e/f', '/p'));
  const { A, B } = made;
  await B.put('/s', 'of B');
  await B.put('/e/f', 'edited');
  await B.move('/p', '/r');
  await A.put('/s', 'of A');
  await A.del('/e');
  await A.move('/p', '/q');
  await B.put('/other');
  const a = A.head;
  t.equal((await A.try(B, { policy: 'newest' })).merged, true);
  t.strictSame(A.contents(), { '/s': 'of A', '/q': 'p', '/other': 'other' });
  t.equal((await B.try(a, { policy: 'newest' })).merged, true);
  t.strictSame(B.contents(), A.contents());
});

t.test('rules of the bucket settle alike everywhere, by the same commit', async (t) => {
  const rules = { default: { merge: 'newest' }, places: 'newest' } as const;
  for (const entries of ['keep', 'remove', 'newest'] as const) {
    const commits: string[] = [];
    for (const way of ['A', 'B'] as const) {
      const made = await mixed({ ...rules, entries });
      const [into, from]: [Branch, Branch] = way === 'A' ? [made.A, made.B] : [made.B, made.A];
      const { merged, conflicts, commit } = await into.try(from);
      t.strictSame([merged, linesOf(conflicts)], [true, []], entries);
      const kept = entries === 'remove' ? {} : { '/e/f': 'edited' };
      t.strictSame(into.contents(), { '/s': 'of B', '/r': 'p', ...kept }, entries);
      commits.push(commit.commit);
      t.strictSame(await wrongs(made.store), []);
    }
    t.equal(commits[1], commits[0], entries);
  }
});

t.test('a bucket within has rules of its own for entries and places', async (t) => {
  const made = await world(async (main) => {
    const rules = { entries: 'keep', places: 'newest', default: { merge: 'newest' } } as const;
    await main.transact((tx) => tx.createBucket('/m', rules));
    await main.putEach('/m/e/f', '/m/p', '/e/f');
  });
  const { A, B } = made;
  await A.del('/m/e');
  await A.del('/e');
  await A.move('/m/p', '/m/q');
  await B.put('/m/e/f', 'edited');
  await B.put('/e/f', 'edited');
  await B.move('/m/p', '/m/r');
  const { conflicts } = await A.try(B);
  t.strictSame(linesOf(conflicts), ['removed/changed /e'], 'of the outer bucket alone');
});

t.test('where an entry crossed a border the more careful rules count, both ways', async (t) => {
  const cases = [
    ['conflict', ['both-changed /a s', 'moved two-places /b']],
    ['newest', []],
  ] as const;
  for (const [within, left] of cases) {
    const commits: string[] = [];
    for (const way of ['A', 'B'] as const) {
      const rules = { default: { merge: 'newest' }, places: 'newest' } as const;
      const made = await world(async (main) => {
        const own = { default: { merge: within }, places: within } as const;
        await main.transact((tx) => tx.createBucket('/m', own));
        await main.putEach('/a', '/b');
      }, rules);
      const { A, B, store } = made;
      await A.put('/a', 'of A');
      await A.transact((tx) => {
        tx.move('/a', '/m/a');
        tx.move('/b', '/m/b');
      });
      await B.put('/a', 'of B');
      await B.move('/b', '/c');
      const [into, from]: [Branch, Branch] = way === 'A' ? [A, B] : [B, A];
      const { conflicts, commit } = await into.try(from);
      t.strictSame(linesOf(conflicts), left, within);
      if (left.length === 0) commits.push(commit.commit);
      t.strictSame(await wrongs(store), []);
    }
    t.equal(commits[1], commits[0], 'the same commit');
  }
});

t.test('a commit without a policy follows the rules, and is the newest', async (t) => {
  for (const [entries, kept] of [
    ['keep', true],
    ['remove', false],
    ['newest', false],
  ] as const) {
    const { main } = await world((main) => main.putEach('/s', '/e/f'), {
      default: { merge: 'newest' },
      entries,
    });
    const tx = main.bucket.begin();
    tx.put('/s', 's', Buffer.from('of the transaction'));
    tx.del('/e');
    await main.put('/s', 'meanwhile');
    await main.put('/e/f', 'edited');
    await tx.commit();
    const rest = kept ? { '/e/f': 'edited' } : {};
    t.strictSame(main.contents(), { '/s': 'of the transaction', ...rest }, entries);
  }
});

t.test('a policy given to one merge makes an ordinary commit', async (t) => {
  const { A, B } = await mixed();
  const [a, b] = [A.head, B.head];
  const { commit } = await A.try(B, { policy: 'newest' });
  t.strictSame([...commit.parents].sort(), [a, b].sort());
  const other = await B.try(a, { policy: 'newest' });
  t.not(other.commit.commit, commit.commit);
  t.equal(other.commit.root, commit.root);
  const { merged, conflicts } = await A.try(B);
  t.strictSame([merged, linesOf(conflicts)], [true, []], 'equal results merge without a question');
});

t.test('what is no policy is refused by name', async (t) => {
  const { A, B } = await mixed();
  const before = A.head;
  const bad: readonly (readonly [policy: unknown, option: string])[] = [
    ['mine', 'policy'],
    ['keep', 'policy'],
    [5, 'policy'],
    [null, 'policy'],
    [{ streams: 'keep' }, 'policy.streams'],
    [{ entries: 'sometimes' }, 'policy.entries'],
    [{ entries: 5 }, 'policy.entries'],
    [{ places: 'remove' }, 'policy.places'],
    [{ places: null }, 'policy.places'],
    [{ placs: 'newest' }, '(policy\\.)?placs'],
  ];
  for (const [policy, option] of bad) {
    const data = { option: new RegExp(`^${option}$`) };
    await t.rejects(
      A.try(B, { policy: policy as Policy }),
      { code: 'REGALIA_OPTION', data },
      JSON.stringify(policy),
    );
  }
  t.equal(A.head, before);
  for (const rules of [{ entries: 'sometimes' }, { places: 'keep' }, { entries: 'ours' }]) {
    const code = /^REGALIA_(RULE|OPTION)$/;
    await t.rejects(Regalia.memory(rules as RuleOptions), { code }, JSON.stringify(rules));
  }
});
