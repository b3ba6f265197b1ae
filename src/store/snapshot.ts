/**
 * A snapshot: the readable state of a bucket at a commit. It holds no transaction and no lock,
 * costs nothing to take, and reads the same for ever, whatever is written meanwhile.
 */
import { type Address, addressText } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import { RegaliaError } from '../ground/errors.js';
import type { Tree } from '../tree/lookup.js';
import { View } from './view.js';

export class Snapshot extends View {
  readonly #tree: Tree;
  readonly #commit: Address;
  readonly #takenMs: number;
  readonly #maxAgeMs: number;
  #disposed = false;

  constructor(core: Core, tree: Tree, commit: Address) {
    super(core);
    this.#tree = tree;
    this.#commit = commit;
    this.#takenMs = core.settings.now();
    this.#maxAgeMs = core.settings.snapshotMaxAgeMs;
  }

  /** The commit it is the state of. */
  get base(): string {
    return addressText(this.#commit);
  }

  /** The contents root. */
  get root(): string {
    return addressText(this.#tree.root.address);
  }

  protected override tree(): Tree {
    return this.#tree;
  }

  override check(): void {
    this.core.check();
    if (this.#disposed) {
      throw new RegaliaError('REGALIA_CLOSED', 'the snapshot was disposed', { what: 'snapshot' });
    }
    if (this.#maxAgeMs !== Number.POSITIVE_INFINITY) this.#checkAge();
  }

  #checkAge(): void {
    const ageMs = this.core.settings.now() - this.#takenMs;
    if (ageMs <= this.#maxAgeMs) return;
    throw new RegaliaError('REGALIA_EXPIRED', `the snapshot is ${ageMs} ms old`, {
      what: 'snapshot',
      ageMs,
    });
  }

  [Symbol.dispose](): void {
    this.#disposed = true;
  }
}
