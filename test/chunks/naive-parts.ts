/**
 * The parts of a content, the slow and obvious way: every byte is looked at, all bytes are at hand.
 */
import type { ContentRef } from '../../src/chunks/content.js';
import { type ContentBlocks, ContentStore } from '../../src/chunks/content-store.js';
import { Cursor } from '../../src/chunks/cursor.js';
import type { Splitter } from '../../src/chunks/cutter.js';
import { isHole } from '../../src/chunks/manifest.js';

/** Lengths: those of holes are negative. */
export function naiveParts(bytes: Uint8Array, splitter: Splitter): number[] {
  const parts: number[] = [];
  let from = 0;
  const cutUntil = (end: number): void => {
    while (from < end) {
      const shown = Math.min(end, from + splitter.bytesMax);
      const until = splitter.cut(bytes, from, shown, from);
      parts.push(until - from);
      from = until;
    }
  };
  for (let at = 0; at < bytes.length; ) {
    let until = at;
    while (until < bytes.length && bytes[until] === 0) until++;
    if (until - at >= 65_536) {
      cutUntil(at);
      parts.push(at - until);
      from = until;
    }
    at = Math.max(until, at + 1);
  }
  cutUntil(bytes.length);
  return parts;
}

/** The same of a content that was written. */
export function partsOf(blocks: ContentBlocks, ref: ContentRef): number[] {
  const cursor = new Cursor(new ContentStore(blocks), ref);
  const parts: number[] = [];
  for (let at = 0; at < ref.length; ) {
    const { part } = cursor.partAt(at);
    parts.push(isHole(part) ? -part.length : part.length);
    at += part.length;
  }
  return parts;
}
