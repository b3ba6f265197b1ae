/**
 * Work that goes on beside its callers, one after the other, however many ask at once. Whoever asks
 * waits for what is going on, and is told if that fails; not for what it has begun itself.
 */
export class OneByOne {
  #running: Promise<void> | undefined;

  /** Begins the work that `next` returns, if any, once nothing else is going on. */
  async begin(next: () => Promise<void> | undefined): Promise<void> {
    await this.idle();
    // Another who waited may have been first.
    if (this.#running !== undefined) return this.begin(next);
    this.#running = next();
    // A failure shows to who asks next.
    this.#running?.catch(() => {});
  }

  /** Resolves when nothing is going on. */
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
