/**
 * What a merge of bases leaves unknown. Nobody answers it, so what conflicts stays open: it is kept
 * somewhere in the merged tree, and marked, so that it differs from everything that heads have.
 */
import type { Graph } from './graph.js';
import { keyIn } from './keys.js';
import type { Outcome } from './outcome.js';
import type { Entity, Unknown } from './site.js';
import { SIDES, samePlace } from './site.js';

/** Names that entries without a known place have at the top of a virtual base. */
const NOWHERE = '~unknown~';

/** Gives all that is open a place; then the unknowns of the result, by key. */
export function unknownsOf(graph: Graph): (outcome: Outcome) => Map<string, Unknown> {
  const { top, entities } = graph;
  const marks = new Map<Entity, Unknown>();
  let count = 0;
  for (const entity of entities) {
    const streams = entity.unknownStreams;
    const key = keyIn(entity);
    if (entity.fate === 'open') {
      const { open } = entity;
      const nowhere = open !== 'presence' || isTaken(entity, entities);
      if (nowhere) entity.place = { parent: top, name: freeName(top, () => count++) };
      const presence = open !== 'place';
      marks.set(entity, { place: nowhere, presence, key, streams: presence ? 'all' : streams });
      entity.fate = 'lives';
    } else if (entity.fate === 'lives') {
      const mark = { place: false, presence: false, key, streams };
      if (streams !== undefined) marks.set(entity, mark);
      inherit(entity, marks);
    }
  }
  return (outcome) => {
    const unknown = new Map<string, Unknown>();
    const names = new Set<string | undefined>();
    const shared = new Set<string | undefined>();
    for (const { place, key } of marks.values()) {
      if (place && names.has(key)) shared.add(key);
      if (place) names.add(key);
    }
    for (const [entity, mark] of marks) {
      const at = outcome.keyOf(entity);
      const { place, presence, streams } = mark;
      const isShared = place && (shared.has(mark.key) || outcome.isTaken(mark.key ?? ''));
      const key = isShared ? undefined : mark.key;
      if (at !== undefined) unknown.set(at, { place, presence, key, streams });
    }
    return unknown;
  };
}

/** Whether an entity has no place, or another that lives has the same. */
function isTaken({ place }: Entity, entities: readonly Entity[]): boolean {
  if (place === undefined) return true;
  return entities.some((one) => one.fate === 'lives' && samePlace(one.place, place));
}

/** What one side does not know of an entity, and the merge did not resolve, stays unknown. */
function inherit(entity: Entity, marks: Map<Entity, Unknown>): void {
  for (const side of SIDES) {
    const own = entity[side]?.unknown;
    if (own === undefined) continue;
    const known = marks.get(entity);
    const presence = own.presence || known?.presence === true;
    const place = own.place || known?.place === true;
    const { key } = own;
    marks.set(entity, { place, presence, key, streams: known?.streams ?? own.streams });
  }
}

function freeName(top: Entity, next: () => number): string {
  for (;;) {
    const name = `${NOWHERE}${next()}`;
    const taken = [top.base, top.ours, top.theirs].some((site) => site?.child(name) !== undefined);
    if (!taken) return name;
  }
}
