/**
 * Work in steps, so that a caller can let others run in between: a generator that yields nothing at
 * each step and returns the result.
 *
 * Steps that call steps do so on a stack of their own. `yield*` within `yield*` would go through
 * every level for each step, and overflow the machine's stack long before a key has all the names
 * it may have. So deep steps yield the steps that they call, and get the result back.
 */

export type Steps<T> = Generator<void, T>;

/** Runs steps to their end without a pause. */
export function finishSteps<T>(steps: Iterator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Steps: they yield nothing where others may run, or steps to be run first. */
export type DeepSteps<T> = Generator<unknown, T, unknown>;

/** Runs other steps from within steps: `yield* call(steps)`. */
export function* call<T>(steps: DeepSteps<T>): DeepSteps<T> {
  return (yield steps) as T;
}

export function* flatten<T>(steps: DeepSteps<T>): Generator<void, T> {
  const stack: DeepSteps<unknown>[] = [steps];
  let result: unknown;
  for (;;) {
    const step = stack[stack.length - 1].next(result);
    result = undefined;
    if (step.done === true) {
      stack.pop();
      if (stack.length === 0) return step.value as T;
      result = step.value;
    } else if (step.value === undefined) yield;
    else stack.push(step.value as DeepSteps<unknown>);
  }
}
