/**
 * The obvious merge, on models: no addresses, no nodes, everything compared in full.
 */
import { byName, type Entry, listing } from '../tree/model.js';

export interface ModelMerge {
  merged: Entry;
  /** 'kind key stream', sorted. */
  conflicts: string[];
}

function text(entry: Entry | undefined): string {
  return entry === undefined ? 'nothing' : `entry ${listing(entry).join('\n')}`;
}

function same(a: Entry | undefined, b: Entry | undefined): boolean {
  return text(a) === text(b);
}

function names(...maps: (Map<string, unknown> | undefined)[]): string[] {
  const all = maps.flatMap((map) => [...(map?.keys() ?? [])]);
  return [...new Set(all)].sort(byName);
}

/** Resolves a conflict between streams, or says that nobody does. */
export type ModelJudge = (
  ours: string | undefined,
  theirs: string | undefined,
) => 'ours' | 'theirs' | undefined;

class Merging {
  readonly conflicts: string[] = [];
  readonly #judge: ModelJudge;

  constructor(judge: ModelJudge) {
    this.#judge = judge;
  }

  entry(key: string, b?: Entry, o?: Entry, t?: Entry): Entry | undefined {
    if (same(o, t) || same(b, t)) return o;
    if (same(b, o)) return t;
    if (o === undefined || t === undefined) {
      const kept = (o ?? t) as Entry;
      const bucket = kept.bucket !== undefined;
      const kind = bucket ? 'bucket' : o === undefined ? 'removed/changed' : 'changed/removed';
      this.conflicts.push(`${kind} ${key}`);
      return changedBuckets(b, kept) ? kept : o;
    }
    if (o.bucket !== undefined || t.bucket !== undefined) {
      this.conflicts.push(`bucket ${key}`);
      return o.bucket === undefined ? t : o;
    }
    return this.both(key, b?.bucket === undefined ? b : undefined, o, t);
  }

  both(key: string, b: Entry | undefined, o: Entry, t: Entry): Entry {
    const merged: Entry = { streams: new Map(), children: new Map() };
    for (const stream of names(b?.streams, o.streams, t.streams)) {
      const contents = this.stream(key, stream, b, o, t);
      if (contents !== undefined) merged.streams.set(stream, contents);
    }
    for (const name of names(b?.children, o.children, t.children)) {
      const [x, y, z] = [b?.children.get(name), o.children.get(name), t.children.get(name)];
      const child = this.entry(`${key}/${name}`, x, y, z);
      const stays = child && (child.streams.size + child.children.size > 0 || child.bucket);
      if (child !== undefined && stays) merged.children.set(name, child);
    }
    return merged;
  }

  stream(key: string, stream: string, b: Entry | undefined, o: Entry, t: Entry) {
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

/** Whether the entry has a bucket, at or below it, that the base has not, or has otherwise. */
function changedBuckets(base: Entry | undefined, entry: Entry): boolean {
  if (entry.bucket !== undefined) return !same(base, entry);
  for (const [name, child] of entry.children) {
    if (changedBuckets(base?.bucket === undefined ? base?.children.get(name) : undefined, child)) {
      return true;
    }
  }
  return false;
}

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
