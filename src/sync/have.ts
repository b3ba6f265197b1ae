/**
 * Haves: what a replica holds of a bucket, so that another can tell what it lacks. A few lines of
 * text, for a file, a pipe or a message:
 *
 *     regalia have 1
 *     bucket 0123456789abcdef0123456789abcdef
 *     sha256:… main
 *     sha256:… replica/89ab…/main
 *
 * One line per branch, tracking branches included: an address, a blank, the branch's name. A branch
 * holds all that came before its head, so no more needs to be said.
 */
import { type Address, addressKey, addressText, parseAddress } from '../blocks/address.js';
import type { Reads } from '../engine/engine.js';
import { hex, unhex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { HAVE_BYTES_MAX, HAVE_LINES_MAX } from '../ground/limits.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { branches, checkRefName } from '../log/branches.js';
import { BUCKET_ID_LENGTH } from '../log/commit.js';
import type { Want } from './pack-format.js';

const FIRST_LINE = 'regalia have 1';

export interface Have {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** Each branch and its head, by name in bytewise order. */
  readonly heads: readonly Want[];
}

/** What this store holds of a bucket. What is not on disk yet is not told: flush first. */
export function have(reads: Reads, bucket: Uint8Array): Have {
  const heads: Want[] = [];
  for (const { name, head } of branches(reads, bucket)) heads.push({ branch: name, commit: head });
  return { bucket, heads };
}

/** The commits of a have, each once. */
export function haveCommits({ heads }: Have): Address[] {
  return [...new Map(heads.map(({ commit }) => [addressKey(commit), commit])).values()];
}

export function encodeHave({ bucket, heads }: Have): Uint8Array {
  const lines = [FIRST_LINE, `bucket ${hex(bucket)}`];
  for (const { branch, commit } of heads) lines.push(`${addressText(commit)} ${branch}`);
  return utf8Bytes(`${lines.join('\n')}\n`);
}

/** The inverse of `encodeHave`, of anybody's bytes. REGALIA_FORMAT. */
export function decodeHave(bytes: Uint8Array): Have {
  const text = bytes.length > HAVE_BYTES_MAX ? undefined : utf8Text(bytes);
  if (text === undefined)
    throw malformed(1, `UTF-8 of at most ${HAVE_BYTES_MAX} bytes`, 'other bytes');
  const lines = text.replace(/\n$/, '').split('\n');
  if (lines.length > HAVE_LINES_MAX)
    throw malformed(1, `at most ${HAVE_LINES_MAX} lines`, `${lines.length}`);
  if (lines[0] !== FIRST_LINE) throw malformed(1, FIRST_LINE, String(lines[0]));
  const id = /^bucket ([0-9a-f]{32})$/.exec(lines[1] ?? '');
  const bucket = id === null ? undefined : unhex(id[1] as string);
  if (bucket?.length !== BUCKET_ID_LENGTH)
    throw malformed(2, 'bucket and its id', String(lines[1]));
  return { bucket, heads: lines.slice(2).map((line, i) => decodeLine(line, i + 3)) };
}

function decodeLine(line: string, number: number): Want {
  const blank = line.indexOf(' ');
  const branch = line.slice(blank + 1);
  try {
    if (blank < 0) throw malformed(number, 'an address and a branch', line);
    checkRefName(branch);
    return { branch, commit: parseAddress(line.slice(0, blank)) };
  } catch (cause) {
    throw malformed(number, 'an address and a branch', line, cause);
  }
}

function malformed(at: number, expected: string, actual: string, cause?: unknown): RegaliaError {
  const shown = actual.length > 100 ? `${actual.slice(0, 100)}…` : actual;
  const message = `line ${at} of a have is malformed: expected ${expected}, found ${shown}`;
  return new RegaliaError(
    'REGALIA_FORMAT',
    message,
    { what: 'have', at, expected, actual: shown },
    { cause },
  );
}
