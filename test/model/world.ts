/**
 * A history done to a store and to the model at the same time. Every entry that is put gets an
 * identity, in its stream `id`, and every edit contents that are nowhere else; so each state that
 * the store comes to can be read back as identities, and judged.
 */
import { type Bucket, isRegaliaError, type Regalia } from '../../src/index.js';
import { Drafting } from './drafting.js';
import { tokensOf, type View, viewOf } from './facts.js';
import { Finding, raise } from './finding.js';
import { Graph, type Known } from './graph.js';
import type { Edit, Resolution, Step } from './history.js';
import { Meetings } from './meeting.js';
import { mergeAndJudge } from './merging.js';
import { placeOf } from './reading.js';
import { bring, openReplicas } from './replicas.js';
import { Tally } from './tally.js';
import { spelled } from './truth.js';
import { doubled, Verdict } from './verdict.js';

/** A branch, and what it has been, its head last. */
export interface Line {
  readonly store: Regalia;
  readonly bucket: Bucket;
  readonly past: Known[];
}

const LINES_MAX = 5;
const QUIET_ROUNDS = 3;

export class World {
  readonly lines: Line[] = [];
  /** The conflicts of the last merge. */
  asked: readonly string[] = [];
  readonly tally = new Tally();
  readonly #graph = new Graph();
  readonly #meetings = new Meetings(this.#graph);
  readonly #drafting = new Drafting();
  #scratches = 0;

  static async open(replicas: number): Promise<World> {
    const world = new World();
    for (const { store, line } of await openReplicas(replicas)) {
      world.lines.push({ store, bucket: line, past: [world.#learn(line)] });
    }
    return world;
  }

  async close(): Promise<void> {
    for (const store of new Set(this.lines.map(({ store }) => store))) await store.close();
  }

  async do(step: Step): Promise<void> {
    const line = this.lines[step.line];
    if (line === undefined) return;
    if (step.do === 'commit') await this.#commit(line, step.edits);
    else if (step.do === 'late') await this.#late(line, step.edits, step.others);
    else if (step.do === 'fork') await this.#fork(line);
    else if (step.do === 'merge') {
      const from = this.lines[step.from];
      const then = from?.past.at(-1 - step.back);
      if (from === undefined || then === undefined || from === line) return;
      await this.#merge(line, from, then, step.take);
    } else {
      const then = line.past.at(-1 - step.back);
      if (then === undefined) return;
      if (step.do === 'reset') await this.#reset(line, then);
      else if (step.do === 'restore') await this.#restore(line, then);
      else await this.#revert(line, then);
    }
  }

  // What every step does.

  headOf({ past }: Line): Known {
    return past.at(-1) as Known;
  }

  /** The state of a head, read back, which must be as expected, or as it was before. */
  #learn(bucket: Bucket, expected?: View, how?: Partial<Known>): Known {
    const { commit, parents } = bucket.info();
    const view = this.#read(bucket);
    const before = this.#graph.get(commit);
    const other = expected ?? before?.view;
    if (other !== undefined && spelled(view.top) !== spelled(other.top)) {
      throw new Finding(`wrong: the state is ${spelled(view.top)}, not ${spelled(other.top)}`);
    }
    const known = parents.filter((parent) => this.#graph.get(parent) !== undefined);
    return before ?? this.#graph.learn(commit, known, view, how);
  }

  #read(bucket: Bucket): View {
    const view = viewOf(placeOf(bucket.snapshot()));
    raise(doubled(view, this.#drafting.copies), 'read back');
    return view;
  }

  async #commit(line: Line, edits: readonly Edit[]): Promise<void> {
    const tx = line.bucket.begin();
    const drafts = this.#drafting.edit(tx, this.headOf(line).view.top, edits);
    const { changed } = await tx.commit();
    if (changed) line.past.push(this.#learn(line.bucket, drafts.at(-1), { drafts }));
  }

  /** A transaction is merged as its state would be, and its commit has one parent. */
  async #late(line: Line, edits: readonly Edit[], others: readonly Edit[]): Promise<void> {
    const begun = this.headOf(line);
    const tx = line.bucket.begin();
    const drafts = this.#drafting.edit(tx, begun.view.top, edits);
    const view = drafts.at(-1) ?? begun.view;
    await this.#commit(line, others);
    const seen = new Set([...begun.seen, ...tokensOf(view.facts)]);
    const meeting = this.#meetings.of(this.headOf(line), { ...begun, view, seen, drafts }, begun);
    const verdict = new Verdict(meeting);
    try {
      if (!(await tx.commit()).changed) return;
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_CONFLICT')) throw error;
      if (!verdict.isAgreed) raise(verdict.ofConflicts(), 'commit');
      return;
    }
    const result = this.#learn(line.bucket, undefined, { drafts });
    raise(verdict.ofAgreement(), 'commit');
    raise(verdict.ofSilence(result.view), 'commit');
    raise(
      verdict.ofResult(result.view, () => false),
      'commit',
    );
    line.past.push(result);
  }

  async #fork(line: Line): Promise<void> {
    if (this.lines.length >= LINES_MAX) return;
    const bucket = await line.bucket.fork(`line-${this.lines.length}`);
    this.lines.push({ store: line.store, bucket, past: [...line.past] });
  }

  async #reset(line: Line, then: Known): Promise<void> {
    await line.store.branches.reset(line.bucket.branchName, then.commit);
    line.past.push(this.#learn(line.bucket, then.view));
  }

  /** What comes from another line, that was not merged, is a copy to those who have it there. */
  async #restore(line: Line, then: Known): Promise<void> {
    if (!this.headOf(line).ancestors.has(then.commit)) return;
    await line.bucket.restore(then.commit, '/');
    line.past.push(this.#learn(line.bucket, then.view));
  }

  async #revert(line: Line, then: Known): Promise<void> {
    const [parent, second] = then.parents;
    if (parent === undefined || second !== undefined) return;
    if (!this.headOf(line).ancestors.has(then.commit)) return;
    const sides = { ours: this.headOf(line), theirs: this.#graph.at(parent) };
    const verdict = new Verdict(this.#meetings.of(sides.ours, sides.theirs, then));
    try {
      await line.bucket.revert(then.commit);
    } catch (error) {
      if (!isRegaliaError(error, 'REGALIA_CONFLICT')) throw error;
      return raise(verdict.ofConflicts(), 'revert');
    }
    const result = this.#learn(line.bucket);
    raise(verdict.ofSilence(result.view), 'revert');
    raise(
      verdict.ofResult(result.view, () => false),
      'revert',
    );
    line.past.push(result);
  }

  // Merging.

  async #merge(line: Line, from: Line, theirs: Known, take: Resolution): Promise<boolean> {
    const ours = this.headOf(line);
    if (ours.ancestors.has(theirs.commit)) return false;
    if (line.store !== from.store) {
      // Of a branch that was reset only its head goes along.
      if (!this.headOf(from).ancestors.has(theirs.commit)) return false;
      await bring(from.bucket, line.store);
    }
    if (theirs.ancestors.has(ours.commit)) {
      await line.bucket.merge(theirs.commit);
      line.past.push(this.#learn(line.bucket, theirs.view));
      return true;
    }
    const meeting = this.#meetings.of(ours, theirs);
    const judged = await mergeAndJudge(
      {
        bucket: line.bucket,
        from: theirs.commit,
        meeting,
        scratch: (at, body) => this.#scratch(line, at, body),
        read: () => this.#read(line.bucket),
      },
      take,
    );
    line.past.push(this.#learn(line.bucket, judged.result, { united: judged.united }));
    this.tally.count(judged);
    this.asked = judged.asked;
    return true;
  }

  /** A branch of its own for a try. */
  async #scratch<T>(line: Line, at: string, body: (bucket: Bucket) => Promise<T>): Promise<T> {
    const name = `scratch-${this.#scratches++}`;
    const bucket = await line.bucket.fork(name, { at });
    const result = await body(bucket);
    await line.bucket.branches.delete(name);
    return result;
  }

  // The end.

  /** Merges all with all until nobody learns anything new; then all have the same. */
  async converge(): Promise<void> {
    for (let round = 0; await this.#round(); round++) {
      if (round === QUIET_ROUNDS) throw new Finding('restless: exchange does not end');
    }
    const roots = new Set(this.lines.map(({ bucket }) => bucket.info().root));
    if (roots.size > 1) throw new Finding('apart: lines that merged each other differ');
  }

  async #round(): Promise<boolean> {
    let news = false;
    for (const line of this.lines) {
      for (const from of this.lines) {
        if (from === line) continue;
        if (await this.#merge(line, from, this.headOf(from), 'policy newest')) news = true;
      }
    }
    return news;
  }

  async verify(): Promise<void> {
    for (const store of new Set(this.lines.map(({ store }) => store))) {
      for await (const found of store.verify()) {
        if (found.kind !== 'summary') throw new Finding(`damaged: ${JSON.stringify(found)}`);
      }
    }
  }
}
