/** A set of whole numbers that come in ascending runs, kept as the runs: [from, until). */
export class Runs {
  readonly #runs: [number, number][] = [];

  add(number: number): void {
    const last = this.#runs[this.#runs.length - 1];
    if (last?.[1] === number) last[1] = number + 1;
    else this.#runs.push([number, number + 1]);
  }

  has(number: number): boolean {
    return this.#runs.some(([from, until]) => from <= number && number < until);
  }

  clear(): void {
    this.#runs.length = 0;
  }
}
