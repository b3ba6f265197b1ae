/**
 * What reads return: an entry with its streams, its place among others, and what lies beneath it.
 * An entry is a view of a record; nothing of it is decoded before it is asked for.
 */
import { hex } from '../ground/bytes.js';
import { Stream, type StreamHome } from '../streams/stream.js';
import { crossBorder, isBucket, type Spot } from '../tree/lookup.js';
import {
  CHILD_BUCKET,
  CHILD_NONE,
  findStream,
  type RecordParts,
  readRecord,
} from '../tree/record.js';

/** What lies beneath an entry. */
export interface EntryTotals {
  /** Entries, without this one. */
  readonly entries: number;
  readonly buckets: number;
  /** Logical bytes of streams, this entry's included. */
  readonly bytes: number;
}

export class Entry {
  readonly #view: StreamHome;
  readonly #outer: Spot;
  #spot: Spot | undefined;
  #parts: RecordParts | undefined;
  readonly #parent: string;

  /**
   * `parent` is the text of the key that holds it; '' for the top itself and for entries of the
   * top.
   */
  constructor(view: StreamHome, spot: Spot, parent: string) {
    this.#view = view;
    this.#outer = spot;
    this.#parent = parent;
  }

  /** Its name; bytes that are not UTF-8 are lone surrogates U+DC80 to U+DCFF. Empty for the top. */
  get name(): string {
    return this.#outer.node.nameText(this.#outer.index);
  }

  get nameBytes(): Uint8Array {
    return this.#outer.node.name(this.#outer.index);
  }

  /** Its key as text. */
  get key(): string {
    return `${this.#parent}/${this.name}`;
  }

  get #record(): RecordParts {
    this.#parts ??= readRecord(this.#place.node, this.#place.index);
    return this.#parts;
  }

  /** Where its streams and children are: for a bucket, within its root. */
  get #place(): Spot {
    if (this.#spot === undefined) {
      const { node, index } = this.#outer;
      this.#spot = isBucket(node, index) ? crossBorder(this.#view.cache, this.#outer) : this.#outer;
    }
    return this.#spot;
  }

  /** The names of its streams, in bytewise order. */
  get streams(): readonly string[] {
    return this.#record.shape.names;
  }

  /** A stream, or undefined where it has none of that name. */
  get(stream: string): Stream | undefined {
    const { node, index } = this.#place;
    const part = findStream(node, index, stream);
    return part && new Stream(this.#view, part, this.key, stream);
  }

  /** Whether anything lies beneath it. */
  get hasChildren(): boolean {
    return this.#record.child.form !== CHILD_NONE;
  }

  /** The id of the bucket that it is, as 32 hexadecimal digits; undefined where it is none. */
  get bucket(): string | undefined {
    const { child } = readRecord(this.#outer.node, this.#outer.index);
    return child.form === CHILD_BUCKET ? hex(child.bucket) : undefined;
  }

  get totals(): EntryTotals {
    const { child, streams } = this.#record;
    let bytes = 0;
    for (const { length } of streams) bytes += length;
    if (child.form === CHILD_NONE) return { entries: 0, buckets: 0, bytes };
    const { entries, buckets, inlineBytes, referencedBytes } = child.totals;
    return { entries, buckets, bytes: bytes + inlineBytes + referencedBytes };
  }
}
