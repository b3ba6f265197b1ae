/**
 * Haves: what a replica has of a bucket, so that another can work out what it lacks. A few lines
 * of text, for a file, a pipe or a message:
 *
 *     regalia have 1
 *     bucket 0123456789abcdef0123456789abcdef
 *     sha256:… main
 *     sha256:… replica/89ab…/main
 *
 * One line for each branch, tracking branches included: an address, a blank, the branch's name. A
 * branch has all that came before its head, so no more needs to be said.
 */
import { type Address, addressText, distinctAddresses, parseAddress } from '../blocks/address.js';
import type { Reads } from '../engine/engine.js';
import { hex, unhex } from '../ground/bytes.js';
import { malformed, type RegaliaError } from '../ground/errors.js';
import { HAVE_BYTES_MAX, HAVE_LINES_MAX } from '../ground/limits.js';
import { utf8Bytes, utf8Text } from '../ground/text.js';
import { branches, checkRefName } from '../log/branches.js';
import type { Want } from './pack-format.js';

const FIRST_LINE = 'regalia have 1';

interface Have {
  /** 16 bytes. */
  readonly bucket: Uint8Array;
  /** Each branch and its head, by name in bytewise order. */
  readonly heads: readonly Want[];
}

/** What this store has of a bucket. What is not on disk yet is left out: flush first. */
export function have(reads: Reads, bucket: Uint8Array): Have {
  const rows = branches(reads, bucket);
  return { bucket, heads: Array.from(rows, ({ name, head }) => ({ branch: name, commit: head })) };
}

export function haveCommits({ heads }: Have): Address[] {
  return distinctAddresses(heads.map(({ commit }) => commit));
}

export function encodeHave({ bucket, heads }: Have): Uint8Array {
  const lines = [FIRST_LINE, `bucket ${hex(bucket)}`];
  for (const { branch, commit } of heads) lines.push(`${addressText(commit)} ${branch}`);
  return utf8Bytes(`${lines.join('\n')}\n`);
}

/** The inverse of `encodeHave`, of anybody's bytes. REGALIA_FORMAT, at the first byte of a line. */
export function decodeHave(bytes: Uint8Array): Have {
  const text = bytes.length > HAVE_BYTES_MAX ? undefined : utf8Text(bytes);
  if (text === undefined) throw badLine(0, `UTF-8 of at most ${HAVE_BYTES_MAX} bytes`, 'others');
  const lines = text.replace(/\n$/, '').split('\n');
  if (lines.length > HAVE_LINES_MAX) {
    throw badLine(0, `at most ${HAVE_LINES_MAX} lines`, `${lines.length}`);
  }
  const [first = '', second = '', ...rest] = lines;
  if (first !== FIRST_LINE) throw badLine(0, FIRST_LINE, first);
  let at = first.length + 1;
  const id = /^bucket ([0-9a-f]{32})$/.exec(second)?.[1];
  const bucket = id === undefined ? undefined : unhex(id);
  if (bucket === undefined) throw badLine(at, 'bucket and its id', second);
  at += second.length + 1;
  const heads: Want[] = [];
  for (const line of rest) {
    heads.push(decodeLine(line, at));
    at += utf8Bytes(line).length + 1;
  }
  return { bucket, heads };
}

function decodeLine(line: string, at: number): Want {
  const blank = line.indexOf(' ');
  const branch = line.slice(blank + 1);
  const expected = 'an address and a branch';
  if (blank < 0) throw badLine(at, expected, line);
  try {
    checkRefName(branch);
    return { branch, commit: parseAddress(line.slice(0, blank)) };
  } catch (cause) {
    throw badLine(at, expected, line, cause);
  }
}

function badLine(
  at: number,
  expected: string,
  actual: string,
  cause?: unknown,
): RegaliaError<'REGALIA_FORMAT'> {
  const shown = actual.length > 100 ? `${actual.slice(0, 100)}…` : actual;
  return malformed('have', at, expected, shown, { cause });
}
