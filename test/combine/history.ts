/**
 * A history, what its last merge makes of it, and the check of that.
 *
 * The last merge is done both ways. Without conflicts both make the same commit. With them, both
 * ask the same from the other side, each answer settles, the mirrored one gives the same contents,
 * and what is settled is not asked again.
 */

import type { Test } from 'tap';
import type { Conflict, MergeOutcome, Take } from '../../src/index.js';
import { type Branch, type Contents, settle, type World, world, wrongs } from './branch.js';
import { lineOf, linesOf, mirrored } from './vocabulary.js';

/** A, B and C begin at the end of `start`; the last merge is not played. */
export interface History {
  readonly name: string;
  readonly start?: (main: Branch) => Promise<unknown>;
  readonly play: (world: World) => Promise<unknown>;
  /** Who merges whom in the end; default A merges B. */
  readonly last?: readonly ['A', 'B' | 'C'];
  /** What all is in the end, where nothing conflicts. */
  readonly gives?: Contents;
  /** Lines of conflicts, as `lineOf` writes them; '*' is any key. */
  readonly conflicts?: readonly string[];
  /** What all is in the end, by the answers to the conflicts, in their order above. */
  readonly settled?: Readonly<Record<string, Contents>>;
}

/** One history played up to its last merge, in which `into` gets what `from` has. */
export interface Trial {
  readonly world: World;
  readonly into: Branch;
  readonly from: Branch;
  /** Whether the last merge goes the other way: all that is sided is mirrored. */
  readonly back: boolean;
}

async function trialOf({ start, play, last = ['A', 'B'] }: History, back: boolean): Promise<Trial> {
  const played = await world(start);
  await play(played);
  const [into, from] = last.map((name) => played[name]) as [Branch, Branch];
  return back
    ? { world: played, into: from, from: into, back }
    : { world: played, into, from, back };
}

/** Both ways to do the last merge. */
export async function bothWays(history: History): Promise<[Trial, Trial]> {
  return [await trialOf(history, false), await trialOf(history, true)];
}

export function sided<Text extends string>({ back }: Trial, text: Text): Text {
  return back ? mirrored(text) : text;
}

function fits(line: string, expected: string): boolean {
  const [parts, wanted] = [line.split(' '), expected.split(' ')];
  return parts.length === wanted.length && wanted.every((p, i) => p === '*' || p === parts[i]);
}

/** The lines, with '*' where that is expected. */
function asExpected(lines: readonly string[], expected: readonly string[]): string[] {
  return lines.map((line) => expected.find((one) => fits(line, one)) ?? line).sort();
}

/** Every way to answer, one take for each conflict. */
function choices(answers: readonly (readonly Take[])[]): Take[][] {
  const [first, ...rest] = answers;
  if (first === undefined) return [[]];
  return first.flatMap((take) => choices(rest).map((others) => [take, ...others]));
}

async function checkClean(t: Test, history: History): Promise<void> {
  const trials = await bothWays(history);
  const commits: string[] = [];
  for (const trial of trials) {
    const outcome = await trial.into.try(trial.from);
    t.strictSame(linesOf(outcome.conflicts), [], 'nothing conflicts');
    t.equal(outcome.merged, true);
    t.strictSame(trial.into.contents(), history.gives);
    commits.push(outcome.commit.commit);
    await checkAfter(t, trial);
  }
  t.equal(commits[1], commits[0], 'both ways make the same commit');
}

/** The conflicts of the last merge, in the expected order; the same are asked from each side. */
async function askedIn(t: Test, history: History, expected: readonly string[]) {
  const [forth, back] = await bothWays(history);
  const { conflicts, merged } = await forth.into.try(forth.from);
  t.strictSame(asExpected(linesOf(conflicts), expected), [...expected].sort());
  t.equal(merged, false);
  const other = await back.into.try(back.from);
  const lines = linesOf(conflicts).map(mirrored).sort();
  t.strictSame(linesOf(other.conflicts), lines, 'the other side is asked the same');
  t.strictSame(statesOf(other.conflicts, true), statesOf(conflicts, false), 'of the same states');
  return expected.flatMap((line) => conflicts.filter((one) => fits(lineOf(one), line)));
}

/** What base and both sides have, for each conflict; from the other side where it is `back`. */
function statesOf(conflicts: readonly Conflict[], back: boolean): string[] {
  const states = conflicts.map((conflict) => {
    const { base, ours, theirs } = conflict;
    const [one, other] = back ? [theirs, ours] : [ours, theirs];
    const line = lineOf(conflict);
    return JSON.stringify([back ? mirrored(line) : line, { base, one, other }]);
  });
  return states.sort();
}

/** Settles one trial; what comes up later is answered by A's side. */
async function settled(trial: Trial, lines: readonly string[], takes: readonly Take[]) {
  const choose = (conflict: Conflict): Take => {
    const line = sided(trial, lineOf(conflict));
    const at = lines.findIndex((one) => fits(line, one));
    return sided(trial, takes[at] ?? 'ours');
  };
  return settle(trial.into, trial.from, choose);
}

async function checkAnswers(t: Test, history: History, takes: readonly Take[]): Promise<Contents> {
  const label = takes.join(' ');
  const lines = history.conflicts ?? [];
  const roots: string[] = [];
  const found: Contents[] = [];
  for (const trial of await bothWays(history)) {
    const outcome = await settled(trial, lines, takes);
    found.push(trial.into.contents());
    const expected = history.settled?.[label];
    if (expected !== undefined) t.strictSame(trial.into.contents(), expected, label);
    roots.push(trial.into.root);
    await checkSettled(t, trial, outcome, label);
    await checkAfter(t, trial);
  }
  t.equal(roots[1], roots[0], `${label}: mirrored answers give the same on the other side`);
  return found[0] ?? {};
}

/** Nothing is asked again: not by the same merge, nor by later ones, into either side. */
async function checkSettled(
  t: Test,
  { into, from }: Trial,
  { commit }: MergeOutcome,
  label: string,
) {
  const again = await into.try(from);
  t.strictSame([linesOf(again.conflicts), again.commit.commit], [[], commit.commit], label);
  const contents = into.contents();
  await from.put('/later');
  const later = await into.try(from);
  t.strictSame(linesOf(later.conflicts), [], `${label}: settled stays settled`);
  t.strictSame(into.contents(), { ...contents, '/later': 'later' }, label);
  const there = await from.try(into);
  t.equal(there.fastForward, true, `${label}: the other side only moves on`);
}

async function checkAfter(t: Test, { world: { store } }: Trial): Promise<void> {
  t.strictSame(await wrongs(store), []);
}

/** What answers give: each way to answer, tried from both sides. */
async function checkOffered(t: Test, history: History, offered: readonly (readonly Take[])[]) {
  const results = new Map<string, Contents>();
  for (const takes of choices(offered)) {
    results.set(takes.join(' '), await checkAnswers(t, history, takes));
  }
  // A base cannot always be had: what is expected of it counts where it is offered.
  for (const label of Object.keys(history.settled ?? {})) {
    if (label !== 'base') t.ok(results.has(label), `${label} was tried`);
  }
  const both = results.get('both');
  if (both === undefined) return;
  const kept = Object.values(both);
  const sides = ['ours', 'theirs'].flatMap((side) => Object.values(results.get(side) ?? {}));
  const lost = sides.filter((text) => !kept.includes(text));
  t.strictSame(lost, [], 'both keeps all');
}

/** Checks all that a history says of its last merge. */
export async function checkHistory(t: Test, history: History): Promise<void> {
  const { conflicts } = history;
  if (conflicts === undefined) return checkClean(t, history);
  const asked = await askedIn(t, history, conflicts);
  const offered = asked.map(({ answers }) => answers);
  for (const answers of offered) {
    const all = new Set(answers);
    t.ok(all.has('ours') && all.has('theirs'), 'each side is offered');
  }
  return t.passing() ? checkOffered(t, history, offered) : undefined;
}
