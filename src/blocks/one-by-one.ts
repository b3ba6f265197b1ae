/**
 * Work that goes on beside its callers, one after the other, however many ask at once. A caller
 * waits for what goes on already, and gets its failure; not for the work that it begins itself.
 */
export class OneByOne {
  #running: Promise<void> | undefined;

  /** Begins the work that `next` returns, if any, once nothing else goes on. */
  async begin(next: () => Promise<void> | undefined): Promise<void> {
    await this.idle();
    // Another caller that waited may have been first.
    if (this.#running !== undefined) return this.begin(next);
    this.#running = next();
    // The next caller gets its failure.
    this.#running?.catch(() => {});
  }

  /** Whether nothing goes on that nobody has waited for. */
  get isIdle(): boolean {
    return this.#running === undefined;
  }

  async idle(): Promise<void> {
    while (this.#running !== undefined) {
      const running = this.#running;
      try {
        await running;
      } finally {
        if (this.#running === running) this.#running = undefined;
      }
    }
  }
}
