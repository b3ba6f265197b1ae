/**
 * The cache of chunks: blocks that were verified, in slabs of memory that are used again and again.
 *
 *     slab     room 64 | block | block | block …   filled from its start; the oldest is next
 *
 * A buffer of its own for each chunk would cost more than reading it: fresh memory is faulted in
 * page by page, and collecting a gigabyte of it each second cost a quarter of the time (measured).
 * A slab that was asked for since its last turn is passed over once (second chance). Slabs are made
 * when they are first needed.
 *
 * Invariants: what the cache gives are views that the next read may spoil, for reading alone;
 * memory is bounded; a block counts only once `keep` says that it was verified.
 */
import { type Address, sameAddress } from '../blocks/address.js';

/** Room for two chunks of the greatest length, or some thirty of the usual one. */
const SLAB_BYTES = 2 * 1024 * 1024 + 4096;

interface Slab {
  readonly bytes: ArrayBuffer;
  used: number;
  touched: boolean;
  readonly entries: Entry[];
}

interface Entry {
  readonly number: number;
  readonly address: Address;
  readonly block: Uint8Array;
  readonly slab: Slab;
}

export interface Room {
  readonly bytes: ArrayBuffer;
  readonly at: number;
}

export class ChunkCache {
  readonly #most: number;
  readonly #room: number;
  readonly #byNumber = new Map<number, Entry>();
  /** The one being filled is the last. */
  #slabs: Slab[] = [];

  /** `cacheBytes` bounds the slabs; `room` bytes are free in front of each block. */
  constructor(cacheBytes: number, room: number) {
    this.#most = Math.max(1, Math.floor(cacheBytes / SLAB_BYTES));
    this.#room = room;
  }

  /** The bytes of all slabs now. */
  get bytes(): number {
    return this.#slabs.length * SLAB_BYTES;
  }

  get(number: number, address: Address): Uint8Array | undefined {
    const entry = this.#byNumber.get(number);
    if (entry === undefined || !sameAddress(entry.address, address)) return undefined;
    entry.slab.touched = true;
    return entry.block;
  }

  /** Free room for a block of that length, until `keep` or the next call. */
  room(length: number): Room {
    let slab = this.#slabs.at(-1);
    if (slab === undefined || slab.used + length > SLAB_BYTES) slab = this.#next();
    return { bytes: slab.bytes, at: slab.used };
  }

  /** The block that was put in the room given last was verified. */
  keep(number: number, address: Address, block: Uint8Array): void {
    const slab = this.#slabs.at(-1) as Slab;
    const entry = { number, address, block, slab };
    slab.used = block.byteOffset + block.length;
    slab.entries.push(entry);
    this.#byNumber.set(number, entry);
  }

  /** Takes a copy of a block that was verified. */
  add(number: number, address: Address, block: Uint8Array): void {
    const { bytes, at } = this.room(block.length);
    const copy = new Uint8Array(bytes, at, block.length);
    copy.set(block);
    this.keep(number, address, copy);
  }

  /** An empty slab, at the end: a new one, or the oldest that nobody asked for lately. */
  #next(): Slab {
    for (;;) {
      const isNew = this.#slabs.length < this.#most;
      const slab = isNew ? newSlab() : (this.#slabs.shift() as Slab);
      this.#slabs.push(slab);
      const isPassedOver = slab.touched && this.#slabs.length > 1;
      slab.touched = false;
      if (isPassedOver) continue;
      for (const entry of slab.entries.splice(0)) {
        if (this.#byNumber.get(entry.number) === entry) this.#byNumber.delete(entry.number);
      }
      slab.used = this.#room;
      return slab;
    }
  }
}

function newSlab(): Slab {
  return { bytes: new ArrayBuffer(SLAB_BYTES), used: 0, touched: false, entries: [] };
}
