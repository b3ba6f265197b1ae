/**
 * The node cache: verified nodes in slabs of memory, each found by id or through its parent.
 *
 * A node's bytes are copied out of the engine's map once, verified on the way, and stay where they
 * are until their whole slab is evicted: no allocation per node but its object, no bookkeeping per
 * read but one flag per slab (second chance). Parents point at the children that were visited, so
 * that a hot read follows pointers. Evicting unlinks a node and no more: who still reads it may
 * go on, since slabs are never written to again.
 *
 * Inner nodes have slabs of their own: scans fill the leaves' share without pushing the upper
 * levels out.
 */
import type { Address } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import type { Chain } from '../blocks/body.js';
import { ContentStore } from '../chunks/content-store.js';
import { equalBytes } from '../ground/bytes.js';
import { malformed } from '../ground/errors.js';
import { Node, type NodeSource, offsetsNeeded, readNodeHeader, shapesIn } from './node.js';
import { Shapes } from './shape.js';
import type { Totals } from './totals.js';

const SLAB_BYTES = 1024 * 1024;

interface Slab {
  readonly bytes: Uint8Array;
  readonly offsets: Uint16Array;
  readonly heads: Uint32Array;
  used: number;
  /** What the shapes of its leaves add to it, where they are many. */
  charged: number;
  touched: boolean;
  readonly nodes: Node[];
  /** Ids of nodes that were written and, maybe, not parsed yet. */
  readonly written: number[];
}

type Header = Pick<Node, 'level' | 'algorithm'>;

interface Facts {
  readonly address: Address;
  readonly plainLength: number;
  readonly id: number | undefined;
  readonly chain: Chain;
  /** The sums of its entries, where they are known, and whether it is known to have no links. */
  readonly totals?: Readonly<Totals>;
  readonly linkless?: boolean;
}

/** A body in its slab. */
interface Place {
  readonly slab: Slab;
  readonly source: NodeSource;
}

/** A share of the cache: the slab being filled is the last. */
interface Pool {
  readonly slabs: Slab[];
  readonly most: number;
}

export class NodeCache {
  readonly blocks: Blocks;
  /** Contents, where streams in nodes are compared with them. */
  readonly contents: ContentStore;
  /** The shapes that its nodes, and those who write them, have in common. */
  readonly shapes: Shapes = new Shapes();
  /** By id: nodes, and where those lie that were written and are not parsed yet. */
  readonly #byId = new Map<number, Node | Place>();
  readonly #leaves: Pool;
  readonly #inner: Pool;

  /** `cacheBytes` bounds the slabs; at least 4 MiB are kept. */
  constructor(blocks: Blocks, cacheBytes: number) {
    this.blocks = blocks;
    this.contents = new ContentStore(blocks);
    const slabs = Math.max(4, Math.floor(cacheBytes / SLAB_BYTES));
    const inner = Math.max(1, Math.floor(slabs / 4));
    this.#inner = { slabs: [], most: inner };
    this.#leaves = { slabs: [], most: slabs - inner };
  }

  get bytes(): number {
    return (this.#leaves.slabs.length + this.#inner.slabs.length) * SLAB_BYTES;
  }

  get nodes(): number {
    return this.#byId.size;
  }

  /** The verified node. `level` is what the reference promises; anything else is REGALIA_FORMAT. */
  load(id: number | undefined, address: Address, level?: number): Node {
    const cached = id === undefined ? undefined : this.#cached(id);
    // Ids are not hashed: one that leads elsewhere is noticed by the address.
    if (cached !== undefined && equalBytes(cached.address, address)) {
      return checkLevel(cached, level);
    }
    const { bytes, start, end, plainLength, chain } = this.blocks.read(id, address, 'node');
    const header = readNodeHeader(bytes, start, start + plainLength);
    if (header.algorithm !== address[0]) {
      const expected = `algorithm ${address[0]}, as its address has`;
      throw malformed('node', 2, expected, `${header.algorithm}`);
    }
    const place = this.#copy(bytes, start, end, header, { address, plainLength, id, chain });
    return checkLevel(this.#parse(place), level);
  }

  #cached(id: number): Node | undefined {
    const found = this.#byId.get(id);
    return found === undefined || found instanceof Node ? found : this.#parse(found);
  }

  child(node: Node, index: number): Node {
    const kid = node.kids?.[index];
    if (kid !== undefined) {
      // A look costs less than dirtying the line again.
      if (!kid.use.touched) kid.use.touched = true;
      return kid;
    }
    const loaded = this.#childOf(node, index);
    if (!node.evicted) node.keepKid(index, loaded);
    return loaded;
  }

  #childOf(node: Node, index: number): Node {
    const id = node.childId(index);
    const cached = id === undefined ? undefined : this.#cached(id);
    if (cached !== undefined && node.childIs(index, cached.address)) {
      return checkLevel(cached, node.level - 1);
    }
    return this.load(id, node.childAddress(index), node.level - 1);
  }

  /**
   * Keeps a node that was just written. Most are never read before they are replaced: it is parsed
   * when it is.
   */
  adopt(body: { buffer: Uint8Array; length: number }, facts: Facts & { id: number }): void {
    const header = readNodeHeader(body.buffer, 0, facts.plainLength);
    const place = this.#copy(body.buffer, 0, body.length, header, facts);
    place.slab.written.push(facts.id);
    this.#byId.set(facts.id, place);
  }

  /** Copies a body to where it stays, with room for the numbers that parsing sums up. */
  #copy(bytes: Uint8Array, start: number, end: number, header: Header, facts: Facts): Place {
    const length = end - start;
    const numbers = offsetsNeeded(bytes, start);
    const needed = alignedTo4(length) + 2 * numbers + 2 * (numbers - 2);
    const charge = header.level === 0 ? shapesCharge(bytes, start) : 0;
    const slab = this.#room(header.level === 0 ? this.#leaves : this.#inner, needed, charge);
    slab.charged += charge;
    const at = slab.used;
    slab.bytes.set(bytes.subarray(start, end), at);
    slab.used = at + ((needed + 7) & ~7);
    slab.touched = true;
    // One literal with all fields: a spread makes the engine build each object's form anew.
    const source = {
      interned: this.shapes,
      bytes: slab.bytes,
      start: at,
      plainEnd: at + facts.plainLength,
      end: at + length,
      level: header.level,
      algorithm: header.algorithm,
      id: facts.id,
      chain: facts.chain,
      address: facts.address,
      totals: facts.totals,
      linkless: facts.linkless,
    };
    return { slab, source };
  }

  /** Behind the body lie a number of 32 bits for each entry, then the offsets of 16 bits. */
  #parse({ slab, source }: Place): Node {
    const { start, end, id } = source;
    const heads = (start + alignedTo4(end - start)) / 4;
    const offsets = 2 * heads + offsetsNeeded(slab.bytes, start) - 2;
    const node = new Node(source, slab.offsets, offsets, slab.heads, heads);
    node.use = slab;
    slab.nodes.push(node);
    if (id !== undefined) this.#byId.set(id, node);
    return node;
  }

  #room(pool: Pool, needed: number, charge: number): Slab {
    const { slabs, most } = pool;
    const last = slabs[slabs.length - 1];
    const filled = last === undefined ? 0 : last.used + last.charged + needed + charge;
    if (last !== undefined && filled <= last.bytes.length) return last;
    while (slabs.length >= most) this.#evictOne(slabs);
    const buffer = new ArrayBuffer(Math.max(SLAB_BYTES, (needed + 7) & ~7));
    const slab: Slab = {
      bytes: new Uint8Array(buffer),
      offsets: new Uint16Array(buffer),
      heads: new Uint32Array(buffer),
      used: 0,
      charged: 0,
      touched: true,
      nodes: [],
      written: [],
    };
    slabs.push(slab);
    return slab;
  }

  #evictOne(slabs: Slab[]): void {
    for (;;) {
      const oldest = slabs.shift() as Slab;
      if (oldest.touched && slabs.length > 0) {
        oldest.touched = false;
        slabs.push(oldest);
        continue;
      }
      for (const id of oldest.written) {
        const found = this.#byId.get(id);
        if (found instanceof Node || found?.slab !== oldest) continue;
        this.#byId.delete(id);
      }
      for (const node of oldest.nodes) {
        const { id } = node;
        if (id !== undefined && this.#byId.get(id) === node) this.#byId.delete(id);
        node.evict();
      }
      return;
    }
  }
}

function alignedTo4(length: number): number {
  return (length + 3) & ~3;
}

/**
 * Shapes that a leaf may have without being charged for them, and what each further one costs:
 * their decoded form is far longer than their bytes.
 */
const FREE_SHAPES = 64;
const SHAPE_COST = 400;

function shapesCharge(bytes: Uint8Array, start: number): number {
  return Math.max(0, shapesIn(bytes, start) - FREE_SHAPES) * SHAPE_COST;
}

function checkLevel(node: Node, level: number | undefined): Node {
  if (level === undefined || node.level === level) return node;
  throw malformed('node', 3, `level ${level}`, `${node.level}`);
}
