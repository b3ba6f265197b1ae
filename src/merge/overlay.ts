/**
 * Two edits made one: what the first does to a tree, and then what the second does to the outcome.
 */
import { compareBytes } from '../ground/bytes.js';
import type { EntryEdit } from '../tree/apply.js';

/**
 * The edit that does `first`, then `second`, level by level. Streams are edited by the second
 * alone.
 */
export function overlay(first: EntryEdit | undefined, second: EntryEdit): EntryEdit {
  if (first === undefined || second.clear || second.parts !== undefined) return second;
  const [a, b] = [first.beneath, second.beneath];
  const both = (): readonly EntryEdit[] => overlayLists(a?.() ?? [], b?.() ?? []);
  return { ...first, streams: second.streams, beneath: a && b ? both : (a ?? b) };
}

function overlayLists(first: readonly EntryEdit[], second: readonly EntryEdit[]): EntryEdit[] {
  const list: EntryEdit[] = [];
  let at = 0;
  for (const edit of second) {
    let before = first[at];
    while (before !== undefined && compareBytes(before.bytes, edit.bytes) < 0) {
      list.push(before);
      before = first[++at];
    }
    const same = before !== undefined && compareBytes(before.bytes, edit.bytes) === 0;
    if (same) at++;
    list.push(same ? overlay(before, edit) : edit);
  }
  return list.concat(first.slice(at));
}
