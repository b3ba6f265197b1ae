/**
 * Brings entries of a tree to other keys, all at once, as one edit.
 *
 *     /a -> /x, /a/b -> /y
 *     at /x: what is at /a, but for b    at /y: what is at /a/b    at /a: nothing
 *
 * The edit is in the keys of the outcome: what goes out of a subtree that is itself moved goes out
 * of it at its new place. What is placed comes from the tree as it was. What a merge then does to
 * the outcome is laid over the edit, so that both are one.
 */
import { compareBytes } from '../ground/bytes.js';
import { nameBytes } from '../ground/text.js';
import type { EntryEdit } from '../tree/apply.js';
import type { RecordParts } from '../tree/record.js';
import { prefixes } from './moves.js';

/** An entry to bring elsewhere. No two have one target, and none has its target below itself. */
export interface Relocation {
  readonly from: string;
  readonly to: string;
  /** What is at `from` now. */
  readonly parts: RecordParts;
}

interface Draft {
  readonly name: Uint8Array;
  clear: boolean;
  parts: RecordParts | undefined;
  readonly children: Map<string, Draft>;
}

/** The edit of the top entry that brings everything to its place; undefined where all is there. */
export function relocate(relocations: readonly Relocation[]): EntryEdit | undefined {
  if (relocations.length === 0) return undefined;
  const targets = new Map(relocations.map(({ from, to }) => [from, to]));
  const top = newDraft('');
  for (const { from, to, parts } of relocations) {
    draftAt(top, placeOf(targets, from)).clear = true;
    draftAt(top, to).parts = parts;
  }
  return editOf(top);
}

/** Where the place that an entry leaves is in the outcome: it may lie in a subtree that moves. */
function placeOf(targets: ReadonlyMap<string, string>, from: string): string {
  for (const prefix of prefixes(from)) {
    if (prefix === from) continue;
    const target = targets.get(prefix);
    if (target !== undefined) return target + from.slice(prefix.length);
  }
  return from;
}

function draftAt(top: Draft, key: string): Draft {
  let at = top;
  for (const name of key.slice(1).split('/')) {
    let next = at.children.get(name);
    if (next === undefined) {
      next = newDraft(name);
      at.children.set(name, next);
    }
    at = next;
  }
  return at;
}

function newDraft(name: string): Draft {
  return {
    name: nameBytes(name) as Uint8Array,
    clear: false,
    parts: undefined,
    children: new Map(),
  };
}

/** Made level by level as it is asked for: keys may have two thousand names. */
function editOf({ name, clear, parts, children }: Draft): EntryEdit {
  const below = (): readonly EntryEdit[] => {
    const drafts = [...children.values()].sort((a, b) => compareBytes(a.name, b.name));
    return drafts.map(editOf);
  };
  return {
    bytes: name,
    start: 0,
    end: name.length,
    clear,
    parts,
    streams: [],
    below: children.size === 0 ? undefined : below,
  };
}

/**
 * The edit that does `first`, then `second`, level by level. Streams are edited by the second
 * alone.
 */
export function overlay(first: EntryEdit | undefined, second: EntryEdit): EntryEdit {
  if (first === undefined || second.clear || second.parts !== undefined) return second;
  const [a, b] = [first.below, second.below];
  const both = (): readonly EntryEdit[] => overlayLists(a?.() ?? [], b?.() ?? []);
  return { ...first, streams: second.streams, below: a && b ? both : (a ?? b) };
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
