/**
 * Finding commits by what users say: an address, its first digits, a branch, a tag, or a date.
 */
import { type Address, addressText, isAddress, parseAddress } from '../blocks/address.js';
import type { Core } from '../commit/core.js';
import { unhex } from '../ground/bytes.js';
import { RegaliaError } from '../ground/errors.js';
import { PREFIX_DIGITS_MIN } from '../ground/limits.js';
import { atDate } from '../log/ancestry.js';
import { branch, tag } from '../log/branches.js';

/**
 * A commit: an address or its first 8 or more digits, a branch, a tag; or the last one not later
 * than a date.
 */
export type At =
  | string
  | { readonly commit: string }
  | { readonly branch: string }
  | { readonly tag: string }
  | { readonly date: Date | number };

/**
 * The commit of a bucket that `at` names. REGALIA_NOT_FOUND; REGALIA_FORMAT for what looks like a
 * bad address.
 */
export function resolveCommit(core: Core, bucket: Uint8Array, at: At, head: Address): Address {
  if (typeof at === 'string') return resolveName(core, bucket, at);
  if ('commit' in at) return known(core, parseAddress(at.commit));
  if ('date' in at) return dated(core, head, at.date);
  const { engine } = core;
  const found =
    'branch' in at ? branch(engine, bucket, at.branch)?.head : tag(engine, bucket, at.tag);
  if (found !== undefined) return found;
  const [what, name] = 'branch' in at ? ['branch', at.branch] : ['tag', at.tag];
  throw notFound(what, name);
}

function resolveName(core: Core, bucket: Uint8Array, name: string): Address {
  if (name.startsWith('sha256:') || name.startsWith('blake3:')) {
    const digits = name.slice(7);
    if (digits.length === 64) return known(core, parseAddress(name));
    return byDigits(core, bucket, digits) ?? fail('commit', name);
  }
  const { engine } = core;
  const named = branch(engine, bucket, name)?.head ?? tag(engine, bucket, name);
  return named ?? byDigits(core, bucket, name) ?? fail('branch, tag or commit', name);
}

/** A commit of the bucket by the first digits of its digest, if they name one alone. */
function byDigits(core: Core, bucket: Uint8Array, digits: string): Address | undefined {
  const usable = digits.length >= PREFIX_DIGITS_MIN && unhex(digits.padEnd(64, '0')) !== undefined;
  if (!usable) return undefined;
  let found: Address | undefined;
  for (const { address } of core.history.log(bucket, { reverse: true })) {
    if (!addressText(address).slice(7).startsWith(digits.toLowerCase())) continue;
    if (found !== undefined) throw notFound('single commit', digits);
    found = address;
  }
  return found;
}

function known(core: Core, address: Address): Address {
  if (isAddress(address) && core.history.entry(address) !== undefined) return address;
  throw notFound('commit', addressText(address));
}

function dated(core: Core, head: Address, date: Date | number): Address {
  const ms = typeof date === 'number' ? date : date.getTime();
  if (Number.isNaN(ms)) throw notFound('commit at a date', 'an invalid date');
  const entry = atDate(core.history, head, ms);
  return entry?.address ?? fail('commit not later than', new Date(ms).toISOString());
}

function fail(what: string, name: string): never {
  throw notFound(what, name);
}

export function notFound(what: string, name: string): RegaliaError {
  return new RegaliaError('REGALIA_NOT_FOUND', `there is no ${what} ${name}`, { what, name });
}
