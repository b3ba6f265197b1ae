/**
 * The rows of a map, as a function of what went where alone.
 *
 *     pairs   /a ~ /b, /a/x ~ /b/x, /c ~ /c      what is one entry in both trees
 *     rows    /a -> /b                           the rest goes along
 *
 * A key is rewritten by the longest `from` that it begins with, and back by the longest `to`. Two
 * keys are one entry exactly if each leads to the other. So there is a row where the rules would
 * lead elsewhere, parents first; where the way back would, until none does; and one that leads
 * nowhere where they would pair two strangers.
 */
import type { MapRow } from '../log/maps.js';
import { prefixes, type Relation } from './relation.js';

/** One entry in two trees. */
export interface Pair {
  readonly from: string;
  readonly to: string;
  /** Whether `from` is only where it last was, before it was removed there. */
  readonly returned: boolean;
}

/**
 * The rows for these pairs and all that goes along with them. `gone` are keys whose entries went;
 * `isTaken` says whether there is another entry at a key of the second tree. `came` are keys of
 * that tree to which something came from outside: what was there before, if anything was, is gone.
 */
export function rowsOf(
  pairs: Iterable<Pair>,
  gone: Iterable<string> = [],
  isTaken: (key: string) => boolean = () => false,
  came: Iterable<string> = [],
): MapRow[] {
  const sorted = [...pairs].sort((a, b) => compare(a.from, b.from) || compare(a.to, b.to));
  const rows = new Rows();
  for (const pair of sorted) if (!rows.lead(pair)) rows.add(pair);
  const left = [...gone].sort();
  const arrived = [...came].sort();
  for (let again = true; again; ) {
    again = false;
    for (const pair of sorted) {
      if (rows.pairs(pair.from, pair.to)) continue;
      again = rows.add(pair) || again;
    }
    for (const from of again ? [] : left) {
      const to = rows.forward(from);
      if (to === undefined || !rows.pairs(from, to) || !isTaken(to)) continue;
      again = rows.add({ from, to: undefined, returned: false }) || again;
    }
    for (const key of again ? [] : arrived) {
      if (rows.pairs(key, key)) again = rows.add({ from: key, to: undefined, returned: false });
    }
  }
  return rows.list();
}

class Rows {
  readonly #rows = new Map<string, MapRow[]>();
  readonly #back = new Map<string, string[]>();

  /** False where there is that row already. */
  add(row: MapRow): boolean {
    const rows = this.#rows.get(row.from) ?? [];
    if (rows.some(({ to }) => to === row.to)) return false;
    this.#rows.set(row.from, [...rows, row]);
    if (row.to !== undefined) this.#back.set(row.to, [...(this.#back.get(row.to) ?? []), row.from]);
    return true;
  }

  /** Whether these rows lead from one key to the other; to what came back by one that says so. */
  lead({ from, to, returned }: Pair): boolean {
    const rows = this.#longest(from);
    if (rows.length === 0) return from === to && !returned;
    return rows.some((row) => ledBy(row, from) === to && (row.returned || !returned));
  }

  /** The rows that a key is rewritten by: several only of what came back from several keys. */
  #longest(key: string): readonly MapRow[] {
    if (this.#rows.size === 0) return [];
    for (const prefix of prefixes(key)) {
      const rows = this.#rows.get(prefix);
      if (rows !== undefined) return rows;
    }
    return [];
  }

  forward(key: string): string | undefined {
    const [row] = this.#longest(key);
    return row === undefined ? key : ledBy(row, key);
  }

  pairs(from: string, to: string): boolean {
    if (this.#rows.size === 0) return from === to;
    return this.lead({ from, to, returned: false }) && this.backward(to).includes(from);
  }

  backward(key: string): string[] {
    for (const prefix of prefixes(key)) {
      const origins = this.#back.get(prefix);
      if (origins !== undefined) return origins.map((origin) => origin + key.slice(prefix.length));
    }
    return [key];
  }

  list(): MapRow[] {
    return [...this.#rows.values()].flat().sort((a, b) => (a.from < b.from ? -1 : 1));
  }
}

function ledBy({ from, to }: MapRow, key: string): string | undefined {
  return to === undefined ? undefined : to + key.slice(from.length);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The rows of all that a relation says, whatever is in its trees. */
export function relationRows(relation: Relation): MapRow[] {
  const bases = [...relation.bases()];
  const pairs = bases.flatMap((from) => {
    const returned = relation.returnsOf(from);
    const images = relation.imagesOf(from);
    const last = images.length > 0 ? images : relation.replacedOf(from);
    return last.map((to) => ({ from, to, returned: returned.includes(to) }));
  });
  const known = new Set(pairs.map(({ from }) => from));
  const gone = bases.filter((from) => !known.has(from));
  return rowsOf(pairs, gone, () => true);
}

/** Where rows lead from a key; undefined where what was there is gone. */
export function ledTo(rows: readonly MapRow[], key: string): string | undefined {
  const all = new Rows();
  for (const row of rows) all.add(row);
  return all.forward(key);
}

/** The keys from which rows lead to one. */
export function ledFrom(rows: readonly MapRow[], key: string): string[] {
  const back = new Rows();
  for (const row of rows) back.add(row);
  return back.backward(key);
}

/** The rows that lead back. */
export function inverted(rows: readonly MapRow[]): MapRow[] {
  const kept = new Rows();
  for (const row of rows) if (row.to !== undefined && !row.buried) kept.add(row);
  return rows.flatMap(({ from, to, buried }): MapRow[] => {
    if (buried) return [];
    if (to !== undefined) return [{ from: to, to: from, returned: false }];
    // Whoever is where it would have gone was not it.
    const stranger = kept.forward(from);
    if (stranger === undefined || !kept.pairs(from, stranger)) return [];
    return [{ from: stranger, to: undefined, returned: false }];
  });
}
