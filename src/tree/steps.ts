/**
 * Steps that call steps, to any depth, on a stack of their own.
 *
 * `yield*` within `yield*` would go through every level for each step, and overflow the machine's
 * stack long before a key has all the names it may have. Here steps yield the steps they call, and
 * get the result back.
 */

/** Steps: they yield nothing where others may run, or steps to be run first. */
export type DeepSteps<T> = Generator<unknown, T, unknown>;

/** Runs other steps from within steps: `yield* call(steps)`. */
export function* call<T>(steps: DeepSteps<T>): DeepSteps<T> {
  return (yield steps) as T;
}

/** Runs steps and all that they call. */
export function* flatten<T>(steps: DeepSteps<T>): Generator<void, T> {
  const stack: DeepSteps<unknown>[] = [steps];
  let result: unknown;
  for (;;) {
    const step = (stack[stack.length - 1] as DeepSteps<unknown>).next(result);
    result = undefined;
    if (step.done === true) {
      stack.pop();
      if (stack.length === 0) return step.value as T;
      result = step.value;
    } else if (step.value === undefined) yield;
    else stack.push(step.value as DeepSteps<unknown>);
  }
}
