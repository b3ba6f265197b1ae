/** Scrubs the maps of a commit: see canonical/maps.ts. */
import type { Address } from '../blocks/address.js';
import { mapFault } from '../canonical/maps.js';
import { isRegaliaError } from '../ground/errors.js';
import { blockFault, type Step, stepsFor } from './fault.js';
import type { State, Trees } from './trees.js';

/** What a row costs, in bytes read. */
const ROW_COST = 1_024;

export class MapScrub {
  readonly #trees: Trees;

  constructor(trees: Trees) {
    this.#trees = trees;
  }

  #read(address: Address): Uint8Array {
    const { bytes, start, plainLength } = this.#trees.cache.blocks.read(undefined, address, 'map');
    return bytes.slice(start, start + plainLength);
  }

  /** One map; `parent` is undefined where it is not here. What cannot be read others report. */
  *faults(map: Address, commit: State, parent: State | undefined): Generator<Step, void> {
    try {
      const after = this.#trees.of(commit);
      const before = parent && this.#trees.of(parent);
      const steps = mapFault(map, (at) => this.#read(at), before, after);
      const fault = yield* stepsFor(ROW_COST, steps);
      if (fault === undefined) return;
      const { what, names } = fault;
      yield blockFault('map', what, { address: map, names, commit: commit.address }, false);
    } catch (error) {
      if (!isRegaliaError(error)) throw error;
    }
  }
}
