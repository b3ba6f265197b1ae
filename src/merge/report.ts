/** Conflicts as they are reported: with what each side has, and where. */
import { unhex } from '../ground/bytes.js';
import { streamOf } from '../tree/equal.js';
import type { Take, TreeConflict, TreeSide } from './conflict.js';
import type { Site } from './site.js';

type Kind = Pick<TreeConflict, 'kind' | 'why'> & { readonly stream?: string | undefined };

/** The sites of a conflict: the base's, ours, theirs. */
export type Sites = readonly [Site | undefined, Site | undefined, Site | undefined];

/** A conflict at a key; '' is the top's. */
export function conflictAtKey(
  key: string,
  { kind, why, stream }: Kind,
  [base, ours, theirs]: Sites,
  answers: readonly Take[],
): TreeConflict {
  return {
    key: key === '' ? '/' : key,
    stream,
    kind,
    why,
    base: sideOf(base, stream),
    ours: sideOf(ours, stream),
    theirs: sideOf(theirs, stream),
    answers,
  };
}

function sideOf(site: Site | undefined, stream: string | undefined): TreeSide | undefined {
  if (site === undefined || site.unknown?.place === true) return undefined;
  const key = site.key === '' ? '/' : site.key;
  const part = stream === undefined ? undefined : streamOf(site.parts, stream);
  if (stream !== undefined && part === undefined) return undefined;
  return { key, part, bucket: site.bucket === undefined ? undefined : unhex(site.bucket) };
}
