/**
 * A budget of work: what checking a pack may cost, against the bytes that came. A few bytes may ask
 * for long comparisons of what is here already. Honest ones ask for little, again and again; who
 * asks for much is refused before it becomes too much.
 *
 * The unit is a node of a stamp that is compared.
 */
import { malformed } from '../ground/errors.js';

/** What any pack may ask for: some seconds. */
const WORK_MIN = 1 << 26;
/** What each byte that came may ask for; a commit with wide stamps takes up to 12. */
const WORK_PER_BYTE = 32;

export class WorkBudget {
  #left = WORK_MIN;

  received(bytes: number): void {
    this.#left += bytes * WORK_PER_BYTE;
  }

  /** REGALIA_FORMAT once it is spent; the import says where in the pack. */
  spend(units: number): void {
    this.#left -= units;
    if (this.#left >= 0) return;
    throw malformed('commit', 0, 'work in proportion to the bytes that came', 'far more');
  }
}
