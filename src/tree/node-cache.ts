/**
 * The node cache: verified nodes in slabs of memory, each found by id or through its parent.
 *
 * A node's bytes are copied out of the engine's map once, verified on the way, and stay where they are until their
 * whole slab is let go: no allocation per node but its object, no bookkeeping per read but one flag per slab (second
 * chance). Parents point at the children that were visited, so that a hot read follows pointers. Letting go unlinks a
 * node and no more: whoever still reads it may go on, since slabs are never written to again.
 *
 * Inner nodes have slabs of their own: scans fill the leaves' share without pushing the upper levels out.
 */
import type { Address } from '../blocks/address.js';
import type { Blocks } from '../blocks/blocks.js';
import { RegaliaError } from '../errors.js';
import { Node, offsetsNeeded } from './node.js';
import { readNodeHeader } from './node-header.js';

const SLAB_BYTES = 1024 * 1024;

interface Slab {
  readonly bytes: Uint8Array;
  readonly offsets: Uint16Array;
  readonly heads: Uint32Array;
  used: number;
  touched: boolean;
  readonly nodes: Node[];
}

/** A share of the cache: the slab being filled is the last. */
interface Pool {
  readonly slabs: Slab[];
  readonly most: number;
}

export class NodeCache {
  readonly blocks: Blocks;
  readonly #byId = new Map<number, Node>();
  readonly #leaves: Pool;
  readonly #inner: Pool;

  /** `cacheBytes` bounds the slabs; at least 4 MiB are kept. */
  constructor(blocks: Blocks, cacheBytes: number) {
    this.blocks = blocks;
    const slabs = Math.max(4, Math.floor(cacheBytes / SLAB_BYTES));
    const inner = Math.max(1, Math.floor(slabs / 4));
    this.#inner = { slabs: [], most: inner };
    this.#leaves = { slabs: [], most: slabs - inner };
  }

  /** The bytes that slabs take now. */
  get bytes(): number {
    return (this.#leaves.slabs.length + this.#inner.slabs.length) * SLAB_BYTES;
  }

  get nodes(): number {
    return this.#byId.size;
  }

  /** The verified node. `level` is what the reference promises; anything else is REGALIA_FORMAT. */
  load(id: number, address: Address, level?: number): Node {
    const cached = id === 0 ? undefined : this.#byId.get(id);
    if (cached !== undefined) return checkLevel(cached, level);
    const body = this.blocks.read(id, address, 'node');
    const header = readNodeHeader(body.bytes, body.start, body.start + body.plainLength);
    if (header.algorithm !== address[0])
      throw wrongAlgorithm(address[0] as number, header.algorithm);
    const { bytes, start, end, plainLength, depth } = body;
    const node = this.#place(bytes, start, end, plainLength, header, id, depth);
    return checkLevel(node, level);
  }

  /** The child of an inner node. */
  child(node: Node, index: number): Node {
    const kid = node.kids?.[index];
    if (kid !== undefined) {
      // A look costs less than dirtying the line again.
      if (!kid.use.touched) kid.use.touched = true;
      return kid;
    }
    const loaded = this.load(node.childId(index), node.childAddress(index), node.level - 1);
    if (!node.evicted) node.hold(index, loaded);
    return loaded;
  }

  /** Keeps a node that was just written. */
  adopt(
    body: { bytes: Uint8Array; length: number },
    plainLength: number,
    id: number,
    depth: number,
  ): Node {
    const header = readNodeHeader(body.bytes, 0, plainLength);
    return this.#place(body.bytes, 0, body.length, plainLength, header, id, depth);
  }

  #place(
    bytes: Uint8Array,
    start: number,
    end: number,
    plainLength: number,
    header: { level: number; algorithm: Node['algorithm'] },
    id: number,
    depth: number,
  ): Node {
    const length = end - start;
    // The numbers behind the bytes: one of 32 bits for each entry, then the offsets of 16 bits.
    const aligned = (length + 3) & ~3;
    const numbers = offsetsNeeded(bytes, start);
    const needed = aligned + 2 * numbers + 2 * (numbers - 2);
    const slab = this.#room(header.level === 0 ? this.#leaves : this.#inner, needed);
    const at = slab.used;
    slab.bytes.set(bytes.subarray(start, end), at);
    slab.used = at + ((needed + 7) & ~7);
    slab.touched = true;
    const source = { ...header, bytes: slab.bytes, start: at, plainEnd: at + plainLength };
    const node = new Node(
      { ...source, end: at + length, id, depth },
      slab.offsets,
      (at + aligned) / 2 + (numbers - 2),
      slab.heads,
      (at + aligned) / 4,
    );
    node.use = slab;
    slab.nodes.push(node);
    if (id !== 0) this.#byId.set(id, node);
    return node;
  }

  #room(pool: Pool, needed: number): Slab {
    const { slabs, most } = pool;
    const last = slabs[slabs.length - 1];
    if (last !== undefined && last.used + needed <= last.bytes.length) return last;
    while (slabs.length >= most) this.#evictOne(slabs);
    const buffer = new ArrayBuffer(Math.max(SLAB_BYTES, (needed + 7) & ~7));
    const slab: Slab = {
      bytes: new Uint8Array(buffer),
      offsets: new Uint16Array(buffer),
      heads: new Uint32Array(buffer),
      used: 0,
      touched: true,
      nodes: [],
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
      for (const node of oldest.nodes) {
        if (node.id !== 0 && this.#byId.get(node.id) === node) this.#byId.delete(node.id);
        node.evict();
      }
      return;
    }
  }
}

function checkLevel(node: Node, level: number | undefined): Node {
  if (level === undefined || node.level === level) return node;
  throw new RegaliaError(
    'REGALIA_FORMAT',
    `a node of level ${node.level} stands where ${level} belongs`,
    {
      what: 'node',
      at: 3,
      expected: `level ${level}`,
      actual: `${node.level}`,
    },
  );
}

function wrongAlgorithm(expected: number, actual: number): RegaliaError {
  return new RegaliaError('REGALIA_FORMAT', 'a node names another algorithm than its address', {
    what: 'node',
    at: 2,
    expected: `${expected}`,
    actual: `${actual}`,
  });
}
