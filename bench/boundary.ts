/**
 * How large are nodes, and how many does the insert of one name rewrite? For real names, and for
 * names that were mined: sorted by name, their boundary hashes ascend, so that hardly any of them
 * ends a node naturally. The tree's own code runs on the memory engine, with records of 100 bytes;
 * nodes of all levels count.
 */
import { addressText } from '../src/blocks/address.js';
import { BlockWriter } from '../src/blocks/block-writer.js';
import { Blocks } from '../src/blocks/blocks.js';
import { openMemory } from '../src/engine/memory.js';
import { SHA256 } from '../src/ground/block-header.js';
import { compareBytes } from '../src/ground/bytes.js';
import { boundaryHash, NATURAL } from '../src/tree/boundary.js';
import { type EditSource, editMapSteps, type MapResult } from '../src/tree/edit.js';
import type { Node } from '../src/tree/node.js';
import { NodeCache } from '../src/tree/node-cache.js';
import { NodeWriter } from '../src/tree/node-writer.js';
import { encodeRecord, inlinePart, NO_CHILD } from '../src/tree/record.js';
import { Shapes } from '../src/tree/shape.js';
import { finishSteps } from '../src/tree/steps.js';
import type { Bench, Context, Row } from './harness/bench.js';
import { nameSets } from './harness/name-sets.js';
import { mebibyte, stream } from './harness/ours.js';
import { Random } from './harness/random.js';
import { percentile } from './harness/sample.js';

/** The map after edits, without a pause. */
function editMapNow(...call: Parameters<typeof editMapSteps>): MapResult {
  return finishSteps(editMapSteps(...call));
}

const SHAPES = new Shapes();

const names = 100_000;
const minedNames = 12_000;
const inserts = 500;
const algorithm = SHA256;
const shape = SHAPES.of([stream]);

/** A map that is edited in memory. */
class MapUnderTest {
  readonly #blocks = new Blocks(openMemory());
  readonly #cache = new NodeCache(this.#blocks, 256 * mebibyte);
  readonly #random = new Random(1, 9);
  readonly #seen = new Set<string>();
  #top: Node | undefined;

  /**
   * Puts the sorted names, and gives the number of nodes that were written, and how many of them
   * are new.
   */
  async put(sorted: readonly Uint8Array[]): Promise<{ written: number; fresh: number }> {
    await this.#blocks.reserve(20_000);
    const staged: BlockWriter = new BlockWriter(this.#blocks);
    const before = this.#seen.size;
    const put = staged.put.bind(staged);
    staged.put = (body, plainLength, address, base) => {
      this.#seen.add(addressText(address));
      return put(body, plainLength, address, base);
    };
    const writer = new NodeWriter(this.#cache, staged, algorithm);
    const result: MapResult = editMapNow(writer, this.#top, this.#edits(sorted));
    if (result.form !== 'node') throw new Error(`the map is ${result.form}`);
    this.#top = this.#cache.load(result.top.id, result.top.address);
    return { written: staged.blockCount, fresh: this.#seen.size - before };
  }

  #edits(sorted: readonly Uint8Array[]): EditSource {
    let at = 0;
    const fresh = (name: Uint8Array) => {
      const bytes = this.#random.bytes(100);
      const streams = [inlinePart(bytes)];
      return encodeRecord(name, { shape, streams, child: NO_CHILD });
    };
    return {
      get name() {
        const bytes = sorted[at];
        return bytes && { bytes, start: 0, end: bytes.length };
      },
      apply: () => fresh(sorted[at] as Uint8Array),
      advance: () => {
        at++;
      },
    };
  }

  /** Plain lengths of leaves, and how many of them ended naturally. */
  leaves(): { lengths: number[]; natural: number } {
    const lengths: number[] = [];
    let natural = 0;
    const visit = (node: Node): void => {
      for (let i = 0; i < node.count; i++) {
        const kid = this.#cache.child(node, i);
        if (kid.level > 0) {
          visit(kid);
          continue;
        }
        lengths.push(kid.plainEnd - kid.start);
        if (node.cut(i) === NATURAL) natural++;
      }
    };
    if (this.#top !== undefined && this.#top.level > 0) visit(this.#top);
    return { lengths, natural };
  }
}

/**
 * `count` names that sort as their boundary hashes do; `between` more that fall between them
 * likewise.
 */
function mined(count: number, between: number): { kept: Uint8Array[]; added: Uint8Array[] } {
  const span = 2 ** 32 / count;
  const kept: Uint8Array[] = [];
  const added: Uint8Array[] = [];
  const every = Math.floor(count / between);
  for (let i = 0; i < count; i++) {
    const at = String(i).padStart(7, '0');
    // Half of each name's share of the hashes is left for a name that comes in after it.
    kept.push(mine(`m${at}a`, i * span, (i + 0.5) * span));
    if (i % every === 0 && added.length < between) {
      added.push(mine(`m${at}b`, (i + 0.5) * span, (i + 1) * span));
    }
  }
  return { kept, added };
}

function mine(prefix: string, low: number, high: number): Uint8Array {
  for (let tries = 0; ; tries++) {
    const name = new Uint8Array(Buffer.from(`${prefix}${tries.toString(36)}`));
    const hash = boundaryHash(name, 0, 0);
    if (hash >= low && hash < high) return name;
  }
}

/** Takes some names out of a sorted list, to be inserted one by one. */
function split(sorted: readonly Uint8Array[], seed: number) {
  const random = new Random(seed, 10);
  const chosen = new Set<number>();
  const count = Math.min(inserts, sorted.length >>> 2);
  while (chosen.size < count) chosen.add(random.below(sorted.length));
  return {
    kept: sorted.filter((_, i) => !chosen.has(i)),
    added: random.shuffle([...chosen]).map((i) => sorted[i] as Uint8Array),
  };
}

async function measure(
  label: string,
  kept: readonly Uint8Array[],
  added: readonly Uint8Array[],
): Promise<Row[]> {
  const map = new MapUnderTest();
  await map.put(kept);
  const { lengths, natural } = map.leaves();
  const written: number[] = [];
  const fresh: number[] = [];
  for (const name of added) {
    const put = await map.put([name]);
    written.push(put.written);
    fresh.push(put.fresh);
  }
  const mean = (of: readonly number[]): number => of.reduce((sum, it) => sum + it, 0) / of.length;
  const average = mean(lengths);
  const deviation = Math.sqrt(mean(lengths.map((length) => (length - average) ** 2)));
  const nodes = (what: string, ours: number): Row => ({
    case: `${label}: nodes rewritten per insert, ${what}`,
    unit: 'nodes',
    ours,
  });
  const bytes = (what: string, ours: number): Row => ({
    case: `${label}: leaf, ${what}`,
    unit: 'bytes',
    ours,
  });
  return [
    bytes('mean', average),
    bytes('deviation', deviation),
    bytes('max', Math.max(...lengths)),
    {
      case: `${label}: leaves that ended naturally`,
      unit: '%',
      ours: (100 * natural) / lengths.length,
    },
    nodes('mean', mean(written)),
    nodes('p99', percentile(written, 0.99)),
    nodes('max', Math.max(...written)),
    nodes('of them not there before, mean', mean(fresh)),
    nodes('of them not there before, max', Math.max(...fresh)),
  ];
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  for (const { name, lists } of nameSets(context.sized(names, 5_000), context.say)) {
    // Of children in /usr the largest directory: a map is one directory's.
    const [list] = [...lists].sort((a, b) => b.length - a.length);
    if (list === undefined || list.length < 1_000) continue;
    const { kept, added } = split(list, context.seed);
    rows.push(...(await measure(`${name}, ${list.length}`, kept, added)));
  }
  const count = context.sized(minedNames, 1_000);
  const { kept, added } = mined(count, Math.min(200, count >>> 2));
  kept.sort(compareBytes);
  const shuffled = new Random(context.seed, 11).shuffle(added);
  rows.push(...(await measure(`mined, ${count}`, kept, shuffled)));
  const strangers = split(kept, context.seed).added.slice(0, 200);
  const near = strangers.map((name) => new Uint8Array([...name, 0x7e]));
  rows.push(...(await measure(`mined, ${count}, others inserted`, kept, near)).slice(4));
  return rows;
}

const bench: Bench = {
  name: 'boundary',
  question: 'How large are nodes, and how many does one insert rewrite, mined names included?',
  run,
};
export default bench;
