/** The lines in which verbs show commits, entries and sizes to people. */
import { decodeStat, type FileStat } from '../fs/stat.js';
import type { CommitInfo, Entry } from '../index.js';
import { shown } from './output.js';

/** An address as people type it again: enough digits to be the only one. */
export function brief(address: string): string {
  return address.slice(address.indexOf(':') + 1).slice(0, 12);
}

/** `0a1b2c3d4e5f  2026-11-21 12:33:05  message`, times in UTC. */
export function commitLine({ commit, time, message, parents }: CommitInfo): string {
  const merge = parents.length > 1 ? `  (${parents.map(brief).join(' ')})` : '';
  const first = message.split('\n')[0] as string;
  return `${brief(commit)}  ${timeText(time)}  ${shown(first)}${merge}`;
}

export function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString().slice(0, 19).replace('T', ' ');
}

/**
 * A commit as programs are told of it: all fields are there, `actor` is null where nobody signed.
 */
export function commitRow(commit: CommitInfo): object {
  return { ...commit, actor: commit.actor ?? null };
}

/** What is printed of a commit that was made, or of one that was not needed. */
export function commitNote(result: CommitInfo & { readonly changed?: boolean }): string {
  return result.changed === false ? 'nothing has changed' : commitLine(result);
}

/** What kind of thing an entry is: of a file as its stat tells, else a bucket or an entry. */
export function kindOf(entry: Entry): FileStat['kind'] | 'bucket' | 'entry' {
  if (entry.bucket !== undefined) return 'bucket';
  return statOf(entry)?.kind ?? 'entry';
}

function statOf(entry: Entry): FileStat | undefined {
  const bytes = entry.get('stat')?.inline;
  try {
    return bytes && decodeStat(bytes);
  } catch {
    // Anyone may keep a stream of that name.
    return undefined;
  }
}

/** An entry as programs are told of it. */
export function entryRow(entry: Entry): object {
  const { key, name, streams, bucket, totals } = entry;
  const { entries, bytes } = totals;
  return {
    key,
    name,
    kind: kindOf(entry),
    streams,
    entries,
    bytes,
    ...(bucket !== undefined && { bucket }),
  };
}

/** `directory     12,345,678      1,204  name/` */
export function entryLine(entry: Entry): string {
  const { bytes, entries } = entry.totals;
  const sizes = `${digits(bytes, 15)}  ${digits(entries, 9)}`;
  return `${kindOf(entry).padEnd(9)}  ${sizes}  ${nameLine(entry)}`;
}

/** A name, with a slash behind what others lie beneath. */
export function nameLine(entry: Entry): string {
  return `${shown(entry.name)}${entry.hasChildren || entry.bucket !== undefined ? '/' : ''}`;
}

export function digits(number: number, width: number): string {
  return number.toLocaleString('en-US').padStart(width);
}

/** How many, for people. */
export function count(number: number): string {
  return number.toLocaleString('en-US');
}
