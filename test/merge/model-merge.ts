/**
 * The obvious merge, on models without buckets in which nothing moved: no addresses, no nodes,
 * everything compared in full.
 */
import { byName, type Entry, isNothing } from '../tree/model.js';

export interface ModelMerge {
  /** What counts only where there is no conflict. */
  merged: Entry;
  /** 'kind key stream', sorted. */
  conflicts: string[];
}

/** Resolves a conflict between streams, or says that nobody does. */
export type ModelJudge = (
  ours: string | undefined,
  theirs: string | undefined,
) => 'ours' | 'theirs' | undefined;

export function mergeModels(
  base: Entry | undefined,
  ours: Entry,
  theirs: Entry,
  judge: ModelJudge = () => undefined,
): ModelMerge {
  const merging = new Merging(judge);
  const merged = merging.both('', base, ours, theirs);
  return { merged, conflicts: merging.conflicts.sort() };
}

class Merging {
  readonly conflicts: string[] = [];
  readonly #judge: ModelJudge;

  constructor(judge: ModelJudge) {
    this.#judge = judge;
  }

  both(key: string, b: Entry | undefined, o: Entry, t: Entry): Entry {
    const merged: Entry = { streams: new Map(), children: new Map() };
    for (const stream of names(b?.streams, o.streams, t.streams)) {
      const contents = this.#stream(key, stream, b, o, t);
      if (contents !== undefined) merged.streams.set(stream, contents);
    }
    for (const name of names(b?.children, o.children, t.children)) {
      const [x, y, z] = [b?.children.get(name), o.children.get(name), t.children.get(name)];
      const child = this.#entry(`${key}/${name}`, x, y, z);
      if (child !== undefined && !isNothing(child)) merged.children.set(name, child);
    }
    return merged;
  }

  #entry(key: string, b?: Entry, o?: Entry, t?: Entry): Entry | undefined {
    if (o !== undefined && t !== undefined) return this.both(key, b, o, t);
    const kept = o ?? t;
    if (b === undefined || kept === undefined) return kept;
    if (!hasGrown(b, kept)) return undefined;
    this.conflicts.push(`${o === undefined ? 'removed/changed' : 'changed/removed'} ${key}`);
    return kept;
  }

  #stream(key: string, stream: string, b: Entry | undefined, o: Entry, t: Entry) {
    const [was, ours, theirs] = [b, o, t].map((entry) => entry?.streams.get(stream));
    if (ours === theirs || was === theirs) return ours;
    if (was === ours) return theirs;
    const judged = this.#judge(ours, theirs);
    if (judged === 'ours') return ours;
    if (judged === 'theirs') return theirs;
    const changed = ours === undefined ? 'removed/changed' : 'changed/removed';
    const both = was === undefined ? 'both-added' : 'both-changed';
    const kind = ours !== undefined && theirs !== undefined ? both : changed;
    this.conflicts.push(`${kind} ${key || '/'} ${stream}`);
    return ours;
  }
}

/** Whether streams or entries were changed or added: what was removed is no change. */
function hasGrown(before: Entry, after: Entry): boolean {
  for (const [stream, contents] of after.streams) {
    if (before.streams.get(stream) !== contents) return true;
  }
  for (const [name, child] of after.children) {
    const was = before.children.get(name);
    if (was === undefined || hasGrown(was, child)) return true;
  }
  return false;
}

function names(...maps: (Map<string, unknown> | undefined)[]): string[] {
  const all = maps.flatMap((map) => [...(map?.keys() ?? [])]);
  return [...new Set(all)].sort(byName);
}
