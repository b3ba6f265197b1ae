/** The lines and rows in which verbs show commits, entries, findings, volumes and rules. */
import path from 'node:path';
import type { Finding } from '../fs/finding.js';
import { decodeStat, type FileStat } from '../fs/stat.js';
import type { CommitInfo, Entry, Redundancy, Regalia, StorageRule, VolumeInfo } from '../index.js';
import { byteCount, type Output, shown } from './output.js';
import { UsageError } from './verb.js';

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

/** A commit as programs see it: all fields are there, `actor` is null where nobody signed. */
export function commitRow(commit: CommitInfo): object {
  return { ...commit, actor: commit.actor ?? null };
}

/** The line about a commit that was made, or that was not needed. */
function commitNote(result: CommitInfo & { readonly changed?: boolean }): string {
  return result.changed === false ? 'nothing has changed' : commitLine(result);
}

/** Prints the commit that a verb made; `more` is for programs. */
export async function printCommit(
  out: Output,
  commit: CommitInfo & { readonly changed?: boolean },
  more: object = {},
): Promise<void> {
  await out.row({ ...commitRow(commit), ...more }, commitNote(commit));
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

/** An entry as programs see it. */
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

/** A name, with a slash after it where the entry has children. */
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

/** Digits of a volume's id that are shown. */
export const BRIEF = 8;
const DIGITS = /^[0-9a-f]{4,31}$/;

/** The library's name of a volume that is given by its folder, its id, or the id's first digits. */
export async function volumeOf(store: Regalia, which: string): Promise<string> {
  const volumes = await store.volumes();
  const isPath = volumes.some((volume) => volume.path === path.resolve(which));
  if (isPath || !DIGITS.test(which)) return which;
  const found = volumes.filter(({ id }) => id.startsWith(which));
  if (found.length > 1) throw new UsageError(`${which} begins the ids of ${found.length} volumes`);
  return found[0]?.id ?? which;
}

/** The volume at a folder or of an id, as it is now. */
export async function infoOf(store: Regalia, which: string): Promise<VolumeInfo | undefined> {
  const at = path.resolve(which);
  return (await store.volumes()).find((volume) => volume.id === which || volume.path === at);
}

/** Sizes are null where the volume is not here. */
export function volumeRow({ bytes, freeBytes, ...rest }: VolumeInfo): object {
  return { ...rest, bytes: bytes ?? null, freeBytes: freeBytes ?? null };
}

/** `0a1b2c3d  online     weight 1     12.3 MiB, 80.1 GiB free  /disks/a` */
export function volumeLine({ id, state, weight, bytes, freeBytes, path: at }: VolumeInfo): string {
  const sizes =
    bytes === undefined || freeBytes === undefined
      ? 'not here'
      : `${byteCount(bytes)}, ${byteCount(freeBytes)} free`;
  const facts = `${id.slice(0, BRIEF)}  ${state.padEnd(9)}  weight ${String(weight).padEnd(3)}`;
  return `${facts}  ${sizes.padEnd(26)}  ${shown(at)}`;
}

/** `content       compression 3     redundancy mirrored:2`, in the words of the options. */
export function ruleLine(name: string, { compression, redundancy }: StorageRule): string {
  const facts = `compression ${String(compression).padEnd(4)}  redundancy ${howOf(redundancy)}`;
  return `${name.padEnd(16)}  ${facts}`;
}

function howOf(redundancy: Redundancy): string {
  if (redundancy.kind === 'mirrored') return `mirrored:${redundancy.copies}`;
  if (redundancy.kind !== 'coded') return redundancy.kind;
  const { data, parity, from } = redundancy;
  return `coded:${data}+${parity} from ${byteCount(from)}`;
}
