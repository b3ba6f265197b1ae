/** The lines and rows in which verbs show commits, refs, findings and entries. */
import type { Finding } from '../fs/os.js';
import { decodeStat, type FileStat } from '../fs/stat.js';
import type { CommitInfo, Entry, ReflogRow } from '../index.js';
import { timeText } from './dates.js';
import { count, type Output, shown } from './output.js';

/** An address as people type it again: enough digits to be the only one. */
export function brief(address: string): string {
  return address.slice(address.indexOf(':') + 1).slice(0, 12);
}

/** `0a1b2c3d4e5f  2026-11-21 12:33:05.017 +01:00  message`. */
export function commitLine({ commit, time, message, parents }: CommitInfo): string {
  const merge = parents.length > 1 ? `  (${parents.map(brief).join(' ')})` : '';
  const first = message.split('\n')[0] as string;
  return `${brief(commit)}  ${timeText(time)}  ${shown(first)}${merge}`;
}

/** `12  2026-11-21 12:33:05.017 +01:00  reset  0a1b2c3d4e5f  message`. */
export function reflogLine(row: ReflogRow, { message }: CommitInfo): string {
  const { position, time, cause, commit, from, to } = row;
  const more = from === undefined ? (to === undefined ? '' : ` to ${to}`) : ` of ${shown(from)}`;
  const first = shown(message.split('\n')[0] as string);
  const how = `${cause}${more}`.padEnd(12);
  return `${`${position}`.padStart(6)}  ${timeText(time)}  ${how}  ${brief(commit)}  ${first}`;
}

/** A commit as programs see it: all fields are there, `actor` is null where nobody signed. */
export function commitRow(commit: CommitInfo): object {
  return { ...commit, actor: commit.actor ?? null };
}

/** Prints a commit that exists. */
export async function printLogged(out: Output, commit: CommitInfo): Promise<void> {
  await out.row(commitRow(commit), commitLine(commit));
}

/** Prints the commit that a verb made, or that was not needed; `more` is for programs. */
export async function printCommit(
  out: Output,
  commit: CommitInfo & { readonly changed?: boolean },
  more: object = {},
): Promise<void> {
  const line = commit.changed === false ? 'nothing has changed' : commitLine(commit);
  await out.row({ ...commitRow(commit), ...more }, line);
}

/** A branch or a tag: `0a1b2c3d4e5f  main`. */
export async function printRefs(
  out: Output,
  refs: Iterable<{ readonly name: string; readonly commit: string }>,
): Promise<void> {
  for (const ref of refs) await out.row(ref, `${brief(ref.commit)}  ${shown(ref.name)}`);
}

/** What an import or export could not do. */
export async function printFindings(out: Output, findings: readonly Finding[]): Promise<void> {
  for (const finding of findings) {
    const { code, path: where, message } = finding;
    await out.row(finding, `${code}  ${shown(where)}: ${shown(message)}`);
  }
}

/** The kind of an entry: of a file as its stat says, else a bucket or an entry. */
function kindOf(entry: Entry): FileStat['kind'] | 'bucket' | 'entry' {
  if (entry.bucket !== undefined) return 'bucket';
  const bytes = entry.get('stat')?.inline;
  try {
    return bytes === undefined ? 'entry' : decodeStat(bytes).kind;
  } catch {
    // Anyone may keep a stream of that name.
    return 'entry';
  }
}

/** An entry as programs see it. */
export function entryRow(entry: Entry): object {
  const { key, name, streams, bucket, totals } = entry;
  const { entries, bytes } = totals;
  const row = { key, name, kind: kindOf(entry), streams, entries, bytes };
  return bucket === undefined ? row : { ...row, bucket };
}

/** `directory     12,345,678      1,204  name/` */
export function entryLine(entry: Entry): string {
  const { bytes, entries } = entry.totals;
  const sizes = `${count(bytes, 15)}  ${count(entries, 9)}`;
  return `${kindOf(entry).padEnd(9)}  ${sizes}  ${nameLine(entry)}`;
}

/** A name, with a slash after it where the entry has children. */
export function nameLine(entry: Entry): string {
  return `${shown(entry.name)}${entry.hasChildren || entry.bucket !== undefined ? '/' : ''}`;
}
