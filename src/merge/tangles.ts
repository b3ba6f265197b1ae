/**
 * Tangles: where histories relate several entries of one tree to one of another, since earlier
 * merges made one of two, or two of one, and not all in the same way.
 *
 * Where both sides have the same of it, key by key, there is nothing to ask. Else one side's
 * entries stand, and what is below the other's goes under the one of its key, or else the first.
 * What the other side has beside, with contents that none of these have, is another entry.
 */
import { sameStream, sameStreams, streamNames, streamOf } from '../tree/equal.js';
import type { NodeCache } from '../tree/node-cache.js';
import { conflictAtKey } from './report.js';
import type { Judge } from './resolve.js';
import {
  type Entity,
  leaveOpen,
  otherSide,
  SIDES,
  type Site,
  VERSIONS,
  type Version,
} from './site.js';

/** Makes the entities of sites that are one, and not one to one. */
export function untangle(
  cache: NodeCache,
  sites: readonly Site[],
  judge: Judge,
  newEntity: () => Entity,
): void {
  const tangle = tangleOf(sites);
  const { base, ours, theirs } = tangle;
  if (isAgreed(cache, tangle)) {
    const count = Math.max(base.length, ours.length, theirs.length);
    for (let i = 0; i < count; i++) assign(newEntity(), [base[i], ours[i], theirs[i]]);
    return;
  }
  const [b, o, t] = [base[0], ours[0], theirs[0]];
  const verdict = judge.place(
    conflictAtKey(
      b?.key ?? [o?.key ?? '', t?.key ?? ''].sort()[0] ?? '',
      { kind: 'moved', why: 'tangled' },
      [b, o, t],
      SIDES,
    ),
  );
  if (verdict !== 'ours' && verdict !== 'theirs') {
    for (const site of [...base, ...ours, ...theirs]) {
      const entity = newEntity();
      assign(entity, [site]);
      if (site.version === 'base') entity.fate = 'gone';
      else leaveOpen(entity, 'all');
    }
    return;
  }
  const losers = tangle[otherSide(verdict)];
  const first = newEntity();
  first.pinned = verdict;
  assign(first, [b, o, t]);
  const rest = [...base.slice(1), ...losers.slice(1)];
  for (const site of tangle[verdict].slice(1)) {
    const entity = newEntity();
    entity.pinned = verdict;
    assign(entity, [site, ...rest.filter(({ key }) => key === site.key)]);
  }
  const known = [...base, ...tangle[verdict], losers[0]];
  for (const site of rest.filter(({ entity }) => entity === undefined)) {
    if (site.version !== 'base' && isStranger(cache, site, known)) assign(newEntity(), [site]);
    else {
      site.entity = first;
      first.extra.push(site);
    }
  }
}

/** Whether a site has streams, and others have none of them. */
function isStranger(cache: NodeCache, site: Site, others: readonly (Site | undefined)[]): boolean {
  const names = streamNames(site.parts);
  if (names.length === 0) return false;
  return names.every((name) => {
    const own = streamOf(site.parts, name);
    return others.every((one) => !sameStream(cache, own, streamOf(one?.parts, name)));
  });
}

type Tangle = Readonly<Record<Version, readonly Site[]>>;

function tangleOf(sites: readonly Site[]): Tangle {
  const sorted = [...sites].sort(byKey);
  const [base, ours, theirs] = VERSIONS.map((version) => {
    return sorted.filter((site) => site.version === version);
  }) as [Site[], Site[], Site[]];
  return { base, ours, theirs };
}

/** Whether a side is not concerned, or both have the same entries. */
function isAgreed(cache: NodeCache, { ours, theirs }: Tangle): boolean {
  if (ours.length === 0 || theirs.length === 0) return true;
  if (ours.length !== theirs.length) return false;
  return ours.every((site, i) => {
    const other = theirs[i] as Site;
    return site.key === other.key && sameStreams(cache, site.parts, other.parts);
  });
}

function assign(entity: Entity, sites: readonly (Site | undefined)[]): void {
  for (const site of sites) {
    if (site === undefined) continue;
    entity[site.version] = site;
    site.entity = entity;
  }
}

function byKey(a: Site, b: Site): number {
  return a.key < b.key ? -1 : 1;
}
