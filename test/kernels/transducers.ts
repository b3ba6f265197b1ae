/** What tests of the transducer share: the bytes of one, its names, how many states it has. */
import { concatBytes } from '../../src/ground/bytes.js';
import { prefix } from '../../src/kernels/automata.js';
import { Fst } from '../../src/kernels/fst.js';
import { FstBuilder } from '../../src/kernels/fst-builder.js';
import { FstState, readTrailer } from '../../src/kernels/fst-format.js';

/** A transducer over sorted names, exactly minimal unless its registry is bounded. */
export function transducerOf(names: readonly Uint8Array[], registryBytes?: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  const builder = new FstBuilder((chunk) => chunks.push(chunk), registryBytes);
  for (const name of names) builder.add(name);
  builder.finish();
  return concatBytes(chunks);
}

export function namesOf(bytes: Uint8Array): Uint8Array[] {
  const found = new Fst(bytes).search(prefix(new Uint8Array(0)));
  return [...found].filter((name) => name !== undefined);
}

/** States that can be reached, the one that takes no bytes included. */
export function statesOf(bytes: Uint8Array): number {
  const state = new FstState(bytes);
  const seen = new Set([readTrailer(bytes).root]);
  for (const at of seen) {
    state.load(at);
    for (let i = 0; i < state.count; i++) seen.add(state.target(i));
  }
  return seen.size;
}
