/**
 * What one transaction, merge or import writes with: a stage for blocks, and node writers by
 * algorithm above it. Long work that writes goes in steps: between two of them what is staged is
 * spilled, so that memory stays bounded, and extents are reserved for steps that cannot wait.
 */
import { type Address, addressInto } from '../blocks/address.js';
import { BlockWriter } from '../blocks/block-writer.js';
import type { Blocks } from '../blocks/blocks.js';
import { BodyWriter } from '../blocks/body.js';
import { stagedBlocks } from '../chunks/content-store.js';
import type { AlgorithmNumber } from '../ground/block-header.js';
import { Pace } from '../ground/pause.js';
import { encodeMap, type MapRow } from '../log/maps.js';
import type { NodeCache } from '../tree/node-cache.js';
import { NodeWriter } from '../tree/node-writer.js';
import type { Core } from './core.js';

export class Writers {
  readonly cache: NodeCache;
  readonly blocks: BlockWriter;
  /** The blocks of contents that were staged, so that none is staged twice. */
  readonly contents = stagedBlocks();
  readonly #nodes = new Map<AlgorithmNumber, NodeWriter>();

  constructor(cache: NodeCache, blocks: Blocks) {
    this.cache = cache;
    this.blocks = new BlockWriter(blocks);
  }

  readonly for = (algorithm: AlgorithmNumber): NodeWriter => {
    let writer = this.#nodes.get(algorithm);
    if (writer === undefined) {
      writer = new NodeWriter(this.cache, this.blocks, algorithm);
      this.#nodes.set(algorithm, writer);
    }
    return writer;
  };

  /** Stages a block without links, and returns its id. */
  putPlain(algorithm: AlgorithmNumber, block: Uint8Array): { id: number; address: Address } {
    const body = new BodyWriter(block.length);
    body.bytes(block);
    const address = new Uint8Array(33);
    addressInto(algorithm, block, address, 0);
    return { id: this.blocks.put(body, block.length, address), address };
  }

  /** Stages the blocks of a map, and returns the address that a commit names; no row, none. */
  putMap(algorithm: AlgorithmNumber, rows: readonly MapRow[]): Address | undefined {
    let first: Address | undefined;
    for (const { block } of encodeMap(algorithm, rows)) {
      first = this.putPlain(algorithm, block).address;
    }
    return first;
  }
}

/** Extents, and sequences, reserved before steps that cannot wait. */
const RESERVED = 1_024;
/** Sequences that one step takes at most. */
const SEQUENCES = 16;

/**
 * Runs steps to their end, with pauses. REGALIA_ABORTED once the signal is aborted; `operation`
 * names the work.
 */
export async function runSteps<T>(
  operation: string,
  steps: Iterator<void, T>,
  core: Core,
  writers: Writers,
  signal: AbortSignal | undefined,
): Promise<T> {
  await reserved(core);
  const pace = new Pace(operation, { signal });
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    if (writers.blocks.heavy) await writers.blocks.spill();
    if (core.sequences.available < SEQUENCES) await reserved(core);
    if (!pace.due()) continue;
    await pace.rest();
    await reserved(core);
  }
}

/** Runs steps to their end at once; undefined where that takes more than is reserved. */
export function stepsAtOnce<T>(steps: Iterator<void, T>, core: Core): T | undefined {
  core.blocks.replenish();
  for (;;) {
    if (core.blocks.available < RESERVED) return undefined;
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** Others may use up what was reserved before its caller goes on: so it looks again. */
async function reserved(core: Core): Promise<void> {
  while (core.blocks.available < RESERVED || core.sequences.available < SEQUENCES) {
    await core.blocks.reserve(RESERVED);
    await core.sequences.reserve(RESERVED);
  }
}
