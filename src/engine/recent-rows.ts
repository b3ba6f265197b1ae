/**
 * Recent rows: what the write-ahead log has and the tables do not have yet, kept in memory and laid
 * over the tables.
 *
 * Invariants:
 * - a key has a version for each record that changed it, the newest first, so that one who may not
 *   see the last records sees the row as it was before them;
 * - records come in order of their positions, and go in that order, once they are in the tables
 *   that are read. Until then they may be met beside newer tables: a reader says from which
 *   position on records count.
 */
import type { Table } from './engine.js';
import type { KeptKey, KeptRange } from './kept-keys.js';
import { OrderedKeys } from './ordered-keys.js';
import type { Changes } from './overlay.js';

/** What a record made of a row; bytes undefined where it deleted it. */
export interface Version {
  readonly position: number;
  readonly bytes: Uint8Array | undefined;
  before: Version | undefined;
}

/** Which records count: those above the position that the tables have, up to another. */
export interface Span {
  readonly above: number;
  readonly until: number;
}

/** A number of rows in the order of a range. */
export interface Listed {
  readonly rows: readonly (readonly [KeptKey, Uint8Array | undefined])[];
  /** Behind it there may be more; undefined where there are none. */
  readonly last: KeptKey | undefined;
}

const NOTHING: Listed = { rows: [], last: undefined };

/** What a number of records came to, up to a position. */
export interface Slice {
  readonly position: number;
  readonly changes: Changes;
}

class RecentTable {
  readonly versions = new Map<KeptKey, Version>();
  /** In order, from the first range on. */
  #keys: OrderedKeys | undefined;

  set(key: KeptKey, version: Version): void {
    if (this.#keys !== undefined && !this.versions.has(key)) this.#keys.add(key);
    this.versions.set(key, version);
  }

  delete(key: KeptKey): void {
    if (this.versions.delete(key)) this.#keys?.remove(key);
  }

  list(range: KeptRange, count: number): KeptKey[] {
    if (this.#keys === undefined) {
      this.#keys = new OrderedKeys();
      for (const key of this.versions.keys()) this.#keys.add(key);
    }
    return this.#keys.list(range, count);
  }
}

export class RecentRows {
  readonly #tables = new Map<Table, RecentTable>();
  /** Oldest first. */
  #records: Slice[] = [];
  /** How many of the records are gone. */
  #gone = 0;
  /** Versions of rows, a measure of what there is. */
  #rows = 0;

  get rows(): number {
    return this.#rows;
  }

  /** The last record that is not gone. */
  get #last(): Slice | undefined {
    return this.#records.length > this.#gone ? this.#records[this.#records.length - 1] : undefined;
  }

  /** Adds what the newest record changes, or more of it. The bytes are never changed. */
  add(position: number, changes: Changes): void {
    const last = this.#last;
    if (last?.position !== position) this.#records.push({ position, changes });
    for (const [table, rows] of changes) {
      const recent = this.#table(table);
      for (const [key, bytes] of rows) {
        const there = recent.versions.get(key);
        const isSame = there?.position === position;
        recent.set(key, { position, bytes, before: isSame ? there.before : there });
        if (!isSame) this.#rows++;
        if (last?.position === position) addChange(last.changes, table, key, bytes);
      }
    }
  }

  /** Takes the newest record away, if it has that position. */
  undo(position: number): void {
    const last = this.#last;
    if (last?.position !== position) return;
    this.#records.pop();
    for (const [table, rows] of last.changes) {
      const recent = this.#table(table);
      for (const key of rows.keys()) {
        const before = recent.versions.get(key)?.before;
        if (before === undefined) recent.delete(key);
        else recent.set(key, before);
        this.#rows--;
      }
    }
  }

  /** Records up to this position are in the tables. */
  drop(position: number): void {
    while (this.#gone < this.#records.length) {
      const record = this.#records[this.#gone];
      if (record.position > position) break;
      this.#gone++;
      for (const [table, rows] of record.changes) this.#drop(this.#table(table), rows, position);
    }
    if (this.#gone < this.#records.length / 2) return;
    this.#records = this.#records.slice(this.#gone);
    this.#gone = 0;
  }

  #drop(recent: RecentTable, rows: ReadonlyMap<KeptKey, unknown>, position: number): void {
    this.#rows -= rows.size;
    for (const key of rows.keys()) {
      let version = recent.versions.get(key);
      if (version === undefined) continue;
      if (version.position <= position) {
        recent.delete(key);
        continue;
      }
      while (version.before !== undefined && version.before.position > position) {
        version = version.before;
      }
      version.before = undefined;
    }
  }

  clear(): void {
    this.#tables.clear();
    this.#records = [];
    this.#gone = 0;
    this.#rows = 0;
  }

  /** The row as the records of a span have it; undefined where none of them changed it. */
  find(table: Table, key: KeptKey, { above, until }: Span): Version | undefined {
    let version = this.#tables.get(table)?.versions.get(key);
    while (version !== undefined && version.position > until) version = version.before;
    return version === undefined || version.position <= above ? undefined : version;
  }

  /** Whether there may be rows of a table. */
  has(table: Table): boolean {
    const recent = this.#tables.get(table);
    return recent !== undefined && recent.versions.size > 0;
  }

  /** The first `count` keys of a range, with the rows as the records of a span have them. */
  list(table: Table, range: KeptRange, count: number, span: Span): Listed {
    if (!this.has(table)) return NOTHING;
    const keys = this.#table(table).list(range, count);
    const rows: (readonly [KeptKey, Uint8Array | undefined])[] = [];
    for (const key of keys) {
      const version = this.find(table, key, span);
      if (version !== undefined) rows.push([key, version.bytes]);
    }
    return { rows, last: keys.length < count ? undefined : keys[keys.length - 1] };
  }

  /** The keys of a table that the records of a span changed, with their rows. */
  *all(table: Table, span: Span): Generator<readonly [KeptKey, Uint8Array | undefined]> {
    for (const key of this.#tables.get(table)?.versions.keys() ?? []) {
      const version = this.find(table, key, span);
      if (version !== undefined) yield [key, version.bytes];
    }
  }

  /** What the newest record changes, if it has that position. */
  changesOf(position: number): Changes {
    const last = this.#last;
    return last?.position === position ? last.changes : new Map();
  }

  /** The oldest records of a span, about so many rows; undefined where there are none. */
  oldest({ above, until }: Span, rows: number): Slice | undefined {
    const changes: Changes = new Map();
    let position: number | undefined;
    let count = 0;
    for (let i = this.#gone; i < this.#records.length && count < rows; i++) {
      const record = this.#records[i];
      if (record.position <= above) continue;
      if (record.position > until) break;
      position = record.position;
      for (const [table, changed] of record.changes) {
        for (const [key, bytes] of changed) addChange(changes, table, key, bytes);
        count += changed.size;
      }
    }
    return position === undefined ? undefined : { position, changes };
  }

  #table(table: Table): RecentTable {
    let recent = this.#tables.get(table);
    if (recent === undefined) this.#tables.set(table, (recent = new RecentTable()));
    return recent;
  }
}

function addChange(
  changes: Changes,
  table: Table,
  key: KeptKey,
  bytes: Uint8Array | undefined,
): void {
  let rows = changes.get(table);
  if (rows === undefined) changes.set(table, (rows = new Map()));
  rows.set(key, bytes);
}
