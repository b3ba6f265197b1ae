/**
 * Ancestry against sets of numbers and against git, with clocks that lie; and what it costs when
 * heads are near.
 */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { type Address, addressKey } from '../../src/blocks/address.js';
import { openMemory } from '../../src/engine/memory.js';
import { isRegaliaError } from '../../src/ground/errors.js';
import {
  atDate,
  commitsBetween,
  commitsSince,
  isAncestor,
  mergeBases,
} from '../../src/log/ancestry.js';
import type { LogEntry } from '../../src/log/entry.js';
import type { CommitGraph } from '../../src/log/frontier.js';
import { History } from '../../src/log/history.js';
import { runs } from '../runs.js';
import { BUCKET, Dag, NO_BLOCKS, type Step, someAddress, someCommit, someSteps } from './dag.js';

/** The graph of a history, counting what is read. */
class CountingGraph implements CommitGraph {
  reads = 0;
  readonly #history: History;

  constructor(history: History) {
    this.#history = history;
  }

  entry(address: Address): LogEntry | undefined {
    this.reads++;
    return this.#history.entry(address);
  }

  entryAt(bucket: Uint8Array, sequence: number): LogEntry | undefined {
    this.reads++;
    return this.#history.entryAt(bucket, sequence);
  }
}

async function someDags(
  check: (dag: Dag, a: number, b: number) => boolean,
  maxLength = 60,
): Promise<void> {
  await fc.assert(
    fc.asyncProperty(someSteps(maxLength), fc.nat(), fc.nat(), async (steps, x, y) => {
      const dag = await Dag.of(steps);
      return check(dag, x % steps.length, y % steps.length);
    }),
    { numRuns: runs(150) },
  );
}

function at(dag: Dag, number: number): Address {
  return dag.addresses[number] as Address;
}

t.test('isAncestor agrees with the sets', async () => {
  await someDags(
    (dag, a, b) =>
      isAncestor(dag.history, at(dag, a), at(dag, b)) === dag.ancestors[b]?.has(a) &&
      isAncestor(dag.history, at(dag, b), at(dag, a)) === dag.ancestors[a]?.has(b),
  );
});

t.test('mergeBases agrees with the sets, both ways round', async () => {
  await someDags((dag, a, b) => {
    const bases = mergeBases(dag.history, [at(dag, a)], [at(dag, b)]);
    const mirrored = mergeBases(dag.history, [at(dag, b)], [at(dag, a)]);
    const expected = `${dag.modelBases(a, b)}`;
    return `${dag.numbersOf(bases)}` === expected && fc.stringify(bases) === fc.stringify(mirrored);
  });
});

t.test('commitsBetween agrees with the sets, parents first and each once', async () => {
  await someDags((dag, a, b) => {
    const haves = [at(dag, a), at(dag, Math.floor(a / 2)), someAddress(77)];
    const wants = [at(dag, b), at(dag, Math.floor(b / 3))];
    const between = [...commitsBetween(dag.history, haves, wants)];
    const known = new Set([
      ...(dag.ancestors[a] ?? []),
      ...(dag.ancestors[Math.floor(a / 2)] ?? []),
    ]);
    const wanted = new Set([
      ...(dag.ancestors[b] ?? []),
      ...(dag.ancestors[Math.floor(b / 3)] ?? []),
    ]);
    const expected = [...wanted].filter((each) => !known.has(each)).sort((x, y) => x - y);
    const order = between.map((entry) => dag.numberOf(entry.address));
    const since = [...commitsSince(dag.history, haves, wants)];
    const seen = new Set<number>();
    for (const number of order) {
      const parents = dag.commits[number]?.parents.map((parent) => dag.numberOf(parent)) ?? [];
      if (parents.some((parent) => expected.includes(parent) && !seen.has(parent))) return false;
      seen.add(number);
    }
    return `${[...order].sort((x, y) => x - y)}` === `${expected}` && since.length === order.length;
  });
});

t.test('atDate agrees with a walk', async () => {
  await someDags((dag, a, b) => {
    const chain: number[] = [];
    for (let number: number | undefined = a; number !== undefined; ) {
      chain.push(number);
      const [first]: readonly Address[] = dag.commits[number]?.parents ?? [];
      number = first && dag.numberOf(first);
    }
    const dateMs = b;
    const expected = chain.find((number) => {
      const entry = dag.history.entry(at(dag, number));
      return entry !== undefined && entry.correctedMs <= dateMs;
    });
    const found = atDate(dag.history, at(dag, a), dateMs);
    return (found && dag.numberOf(found.address)) === expected;
  }, 150);
});

t.test('a criss-cross has several merge bases, unrelated histories none', async (t) => {
  const steps: Step[] = [[], [0], [0], [1, 2], [2, 1], []].map((parents) => ({
    parents,
    timeMs: 0,
  }));
  const dag = await Dag.of(steps);
  t.same(dag.numbersOf(mergeBases(dag.history, [at(dag, 3)], [at(dag, 4)])), [1, 2]);
  t.same(mergeBases(dag.history, [at(dag, 3)], [at(dag, 5)]), []);
  t.same(dag.numbersOf(mergeBases(dag.history, [at(dag, 4)], [at(dag, 4)])), [4]);
  t.same(dag.numbersOf(mergeBases(dag.history, [at(dag, 1)], [at(dag, 4)])), [1]);
});

/** 20,000 commits in a line, and two heads that part `apart` commits before its end. */
async function longDag(length: number, apart: number): Promise<[Dag, number, number]> {
  const steps: Step[] = [];
  for (let i = 0; i < length; i++) steps.push({ parents: i === 0 ? [] : [i - 1], timeMs: i });
  for (let i = 0; i < apart; i++) {
    const parent = i === 0 ? length - apart - 1 : steps.length - 1;
    steps.push({ parents: [parent], timeMs: length - apart + i });
  }
  return [await Dag.of(steps), length - 1, steps.length - 1];
}

t.test('near heads cost what lies between them, not the length of history', async (t) => {
  for (const length of [1_000, 8_000]) {
    const [dag, a, b] = await longDag(length, 5);
    const graph = new CountingGraph(dag.history);
    t.same(dag.numbersOf(mergeBases(graph, [at(dag, a)], [at(dag, b)])), [length - 6]);
    t.ok(graph.reads <= 80, `${graph.reads} reads for merge bases in ${length} commits`);
    graph.reads = 0;
    t.notOk(isAncestor(graph, at(dag, a), at(dag, b)));
    t.ok(isAncestor(graph, at(dag, a - 9), at(dag, b)));
    t.ok(graph.reads <= 30, `${graph.reads} reads for two questions of ancestry`);
    graph.reads = 0;
    t.ok(isAncestor(graph, at(dag, 3), at(dag, b)));
    t.same(dag.numbersOf(mergeBases(graph, [at(dag, 3)], [at(dag, b)])), [3]);
    const far = 12 * Math.log2(length);
    t.ok(graph.reads <= far, `${graph.reads} reads along a line of ${length} commits`);
    graph.reads = 0;
    t.equal([...commitsBetween(graph, [at(dag, a)], [at(dag, b)])].length, 5);
    t.ok(graph.reads <= 30, `${graph.reads} reads for the commits between`);
    graph.reads = 0;
    t.equal(atDate(graph, at(dag, a), 17)?.sequence, 17);
    t.ok(graph.reads <= 4 * Math.log2(length), `${graph.reads} reads for a date`);
  }
});

t.test('what is not here is distinguished from what is not so', async (t) => {
  const engine = openMemory();
  const history = new History(engine);
  const absentParents = { height: 10, correctedMs: 100 };
  const [cut, above, other] = await engine.write((batch) => {
    const local = { ...NO_BLOCKS, absentParents };
    const first = history.append(
      batch,
      someCommit({ parents: [someAddress(9)], timeMs: 100 }),
      local,
    );
    const second = history.append(
      batch,
      someCommit({ parents: [first.address], timeMs: 101 }),
      NO_BLOCKS,
    );
    const third = history.append(batch, someCommit({ timeMs: 1 }), NO_BLOCKS);
    return [first.address, second.address, third.address];
  }, 'none');
  const head = above as Address;
  const base = cut as Address;
  const alone = other as Address;
  t.same(mergeBases(history, [head], [base]), [base], 'found before the horizon');
  t.ok(isAncestor(history, base, head));
  t.throws(() => mergeBases(history, [head], [alone]), { code: 'REGALIA_HORIZON' });
  t.throws(() => isAncestor(history, alone, head), { code: 'REGALIA_HORIZON' });
  t.throws(() => atDate(history, head, 50), { code: 'REGALIA_HORIZON' });
  t.equal(atDate(history, head, 100)?.sequence, 0);
  t.equal(atDate(history, alone, 0), undefined, 'before the first commit there is none');
  t.equal([...commitsBetween(history, [], [head])].length, 2);
  t.throws(() => mergeBases(history, [head], [someAddress(9)]), { code: 'REGALIA_MISSING' });
  t.throws(() => isAncestor(history, someAddress(9), head), { code: 'REGALIA_MISSING' });
  t.throws(() => [...commitsBetween(history, [], [someAddress(9)])], { code: 'REGALIA_MISSING' });
});

t.test('a commit whose row was lost is corrupt, not an end of history', async (t) => {
  const [dag, a] = await longDag(20, 1);
  const lost = at(dag, 10);
  await dag.engine.write((batch) => batch.del('commits', lost), 'none');
  const corrupt = { code: 'REGALIA_CORRUPT' };
  // A line of history is passed over by jumps: the answer is right, or it is this error.
  for (const i of [0, 3, 9, 11, 15]) {
    t.ok(isOrCorrupt(() => isAncestor(dag.history, at(dag, i), at(dag, a))));
    t.ok(isOrCorrupt(() => mergeBases(dag.history, [at(dag, i)], [at(dag, a)]).length === 1));
  }
  t.throws(() => [...commitsBetween(dag.history, [], [at(dag, a)])], corrupt);
  t.throws(() => atDate(dag.history, at(dag, a), 10), corrupt);
  t.equal(atDate(dag.history, at(dag, a), 3)?.sequence, 3, 'a jump passes over the lost row');
});

t.test('labels that do not rise from parent to child are corrupt', async (t) => {
  const [dag, a] = await longDag(20, 1);
  const lie = (entry: LogEntry | undefined) => {
    return entry?.sequence === 10 ? { ...entry, correctedMs: 90 } : entry;
  };
  const lying: CommitGraph = {
    entry: (address) => lie(dag.history.entry(address)),
    entryAt: (bucket, sequence) => lie(dag.history.entryAt(bucket, sequence)),
  };
  const between = () => [...commitsBetween(lying, [at(dag, 0)], [at(dag, a)])];
  t.throws(between, { code: 'REGALIA_CORRUPT' });
  t.throws(() => isAncestor(lying, at(dag, 9), at(dag, 11)), { code: 'REGALIA_CORRUPT' });
});

function isOrCorrupt(question: () => boolean): boolean {
  try {
    return question();
  } catch (error) {
    return isRegaliaError(error) && error.code === 'REGALIA_CORRUPT';
  }
}

/** The same history in a bare git repository, by plumbing. Returns the object names. */
function gitTwin(folder: string, steps: readonly Step[]): string[] {
  const names: string[] = [];
  const git = (args: string[], input?: string, timeMs = 0): string => {
    const date = `${1_000_000_000 + timeMs} +0000`;
    const who = {
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a',
    };
    const env = { ...process.env, ...who, GIT_AUTHOR_DATE: date, GIT_COMMITTER_DATE: date };
    return execFileSync('git', args, {
      cwd: folder,
      encoding: 'utf8',
      input: input ?? '',
      env,
    }).trim();
  };
  git(['init', '-q', '--bare', '.']);
  const tree = git(['mktree']);
  for (const [number, { parents, timeMs }] of steps.entries()) {
    const flags = parents.flatMap((parent) => ['-p', names[parent] as string]);
    names.push(git(['commit-tree', tree, '-m', `${number}`, ...flags], '', timeMs));
  }
  return names;
}

function hasGit(): boolean {
  try {
    execFileSync('git', ['--version']);
    return true;
  } catch {
    return false;
  }
}

t.test('git finds the same', { skip: hasGit() ? false : 'there is no git here' }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'regalia-git-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const steps = fc
    .sample(someSteps(60), { numRuns: 30, seed: 8 })
    .sort((a, b) => b.length - a.length)[0] as Step[];
  const dag = await Dag.of(steps);
  const names = gitTwin(folder, steps);
  const numbers = new Map(names.map((name, number) => [name, number]));
  const git = (...args: string[]): number[] => {
    let out = '';
    try {
      out = execFileSync('git', args, { cwd: folder, encoding: 'utf8' });
    } catch (error) {
      // merge-base exits with 1 where there is none.
      if ((error as { status?: number }).status !== 1) throw error;
    }
    const found = out
      .split('\n')
      .filter(Boolean)
      .map((name) => numbers.get(name) as number);
    return found.sort((a, b) => a - b);
  };
  for (let i = 0; i < 40; i++) {
    const a = (i * 17 + 5) % steps.length;
    const b = (i * 29 + 11) % steps.length;
    const bases = mergeBases(dag.history, [at(dag, a)], [at(dag, b)]);
    t.same(
      dag.numbersOf(bases),
      git('merge-base', '--all', names[a] as string, names[b] as string),
    );
    const between = [...commitsBetween(dag.history, [at(dag, a)], [at(dag, b)])];
    t.same(
      dag.numbersOf(between.map((entry) => entry.address)),
      git('rev-list', names[b] as string, `^${names[a]}`),
    );
  }
  t.equal(new Set(dag.addresses.map(addressKey)).size, dag.history.count(BUCKET));
});
