/**
 * Conflicts as lines of JSON, and the same lines with answers in them. A line that settles a
 * conflict has its `key`, its `stream` if it has one, and one of `take` ('ours', 'theirs', 'base'),
 * `text` and `base64`.
 */
import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import type { Answer, MergeConflict, MergeConflictSide } from '../index.js';
import { UsageError } from './verb.js';

/** A conflict as programs are told of it: bytes as base64. */
export function conflictRow({ base, ours, theirs, ...where }: MergeConflict): object {
  return { ...where, base: sideRow(base), ours: sideRow(ours), theirs: sideRow(theirs) };
}

function sideRow(side: MergeConflictSide | undefined): object | undefined {
  if (side?.inline === undefined) return side;
  const { inline, ...rest } = side;
  return { ...rest, base64: Buffer.from(inline).toString('base64') };
}

/** Reads answers; `-` is standard input. Lines without an answer settle nothing. */
export async function answersFrom(file: string, input: NodeJS.ReadableStream): Promise<Answer[]> {
  const all = file === '-' ? await text(input) : await readFile(file, 'utf8');
  return all.split('\n').flatMap((line, index) => {
    const answer = line.trim() === '' ? undefined : answerOf(line, `${file}:${index + 1}`);
    return answer === undefined ? [] : [answer];
  });
}

function answerOf(line: string, where: string): Answer | undefined {
  const row = objectOf(line, where);
  const { key, stream } = row;
  if (typeof key !== 'string') throw new UsageError(`${where}: a key is missing`);
  if (stream !== undefined && typeof stream !== 'string') {
    throw new UsageError(`${where}: a stream is text`);
  }
  const take = takeOf(row, where);
  return take === undefined ? undefined : { key, stream, take };
}

function objectOf(line: string, where: string): Record<string, unknown> {
  let data: unknown;
  try {
    data = JSON.parse(line);
  } catch (error) {
    throw new UsageError(`${where}: ${(error as Error).message}`);
  }
  if (typeof data === 'object' && data !== null) return data as Record<string, unknown>;
  throw new UsageError(`${where}: an object is expected`);
}

function takeOf(row: Record<string, unknown>, where: string): Answer['take'] | undefined {
  const { take, text: words, base64 } = row;
  if (take === 'ours' || take === 'theirs' || take === 'base') return take;
  if (take !== undefined) throw new UsageError(`${where}: take is ours, theirs or base`);
  if (typeof words === 'string') return new TextEncoder().encode(words);
  if (typeof base64 === 'string') return new Uint8Array(Buffer.from(base64, 'base64'));
  return undefined;
}
