/** Histories run against the model: made from a seed, done again from their data, made smaller. */
import { Dice } from './dice.js';
import { Finding } from './finding.js';
import { HistoryMaker } from './generate.js';
import type { Edit, History, Step } from './history.js';
import type { Tally } from './tally.js';
import { World } from './world.js';

export interface Outcome {
  readonly history: History;
  readonly tally: Tally;
  readonly finding?: Finding;
}

/** The history of a seed. */
export function runSeed(seed: number): Promise<Outcome> {
  const maker = new HistoryMaker(new Dice(seed));
  const replicas = maker.replicas();
  const length = maker.length();
  return run(replicas, (world, index) => (index < length ? maker.step(world, index) : undefined));
}

/** A history that is known. */
export function runHistory({ replicas, steps }: History): Promise<Outcome> {
  return run(replicas, (_, index) => steps[index]);
}

async function run(
  replicas: number,
  next: (world: World, index: number) => Step | undefined,
): Promise<Outcome> {
  const world = await World.open(replicas);
  const steps: Step[] = [];
  try {
    for (let step = next(world, 0); step !== undefined; step = next(world, steps.length)) {
      steps.push(step);
      await world.do(step);
    }
    await world.converge();
    await world.verify();
    return { history: { replicas, steps }, tally: world.tally };
  } catch (error) {
    const finding = error instanceof Finding ? error : Finding.of(error);
    return { history: { replicas, steps }, tally: world.tally, finding };
  } finally {
    await world.close();
  }
}

/** Leaves out what it can while the history still shows a finding of the same kind. */
export async function shrunk(outcome: Outcome, triesMax = 2_000): Promise<Outcome> {
  let best = outcome;
  let tries = 0;
  for (let before: Outcome | undefined; before !== best && tries < triesMax; ) {
    before = best;
    for (const smaller of smallerThan(best.history)) {
      if (++tries > triesMax) break;
      const tried = await runHistory(smaller);
      if (tried.finding === undefined || tried.finding.kind !== best.finding?.kind) continue;
      best = tried;
      break;
    }
  }
  return best;
}

function* smallerThan({ replicas, steps }: History): Generator<History> {
  if (replicas > 1) yield { replicas: replicas - 1, steps };
  for (let size = steps.length >> 1; size > 0; size >>= 1) {
    for (let at = steps.length - size; at >= 0; at -= size) {
      yield { replicas, steps: [...steps.slice(0, at), ...steps.slice(at + size)] };
    }
  }
  for (const [i, step] of steps.entries()) {
    for (const less of lesserThan(step)) yield { replicas, steps: replaced(steps, i, less) };
  }
}

/** A step with one edit less. */
function* lesserThan(step: Step): Generator<Step> {
  if (step.do !== 'commit' && step.do !== 'late') return;
  if (step.do === 'late') {
    yield { do: 'commit', line: step.line, edits: step.edits };
    for (const one of step.others) yield { ...step, others: without(step.others, one) };
  }
  for (const one of step.edits) yield { ...step, edits: without(step.edits, one) };
}

function without(edits: readonly Edit[], one: Edit): Edit[] {
  return edits.filter((edit) => edit !== one);
}

function replaced(steps: readonly Step[], index: number, step: Step): Step[] {
  return steps.map((old, i) => (i === index ? step : old));
}
