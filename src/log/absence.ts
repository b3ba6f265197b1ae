/**
 * What is not here, and why. Three cases that must not be taken for each other:
 *
 * - history is cut off at a commit, which says so in its entry, and what is asked lies beyond:
 *   REGALIA_HORIZON;
 * - a row that must be here is lost or damaged: REGALIA_CORRUPT;
 * - the caller asks for a commit by an address that nothing here promises: REGALIA_MISSING.
 */
import { type Address, addressText } from '../blocks/address.js';
import { RegaliaError } from '../ground/errors.js';
import type { LogEntry } from './entry.js';

/** REGALIA_HORIZON: history goes on in a commit that is not here. */
export function horizonError(commit: Address): RegaliaError<'REGALIA_HORIZON'> {
  const text = addressText(commit);
  return new RegaliaError('REGALIA_HORIZON', `history goes on in ${text}, which is not here`, {
    commit: text,
  });
}

/**
 * Why a parent is not here: REGALIA_HORIZON where its child says that history is cut off, else the
 * row was lost, which is REGALIA_CORRUPT.
 */
export function absentParent(
  child: LogEntry,
  parent: Address,
): RegaliaError<'REGALIA_HORIZON' | 'REGALIA_CORRUPT'> {
  if (child.cut) return horizonError(parent);
  const text = addressText(parent);
  return new RegaliaError('REGALIA_CORRUPT', `commit ${text} was here and is lost`, {
    what: 'table commits',
    expected: `commit ${text}, a parent of ${addressText(child.address)}`,
    actual: 'none',
  });
}

/** REGALIA_MISSING: the commit is not here. */
export function missingCommit(address: Address): RegaliaError<'REGALIA_MISSING'> {
  const text = addressText(address);
  return new RegaliaError('REGALIA_MISSING', `commit ${text} is not here`, { address: text });
}

/** REGALIA_CORRUPT: what is stored of the commit does not make it. */
export function corruptCommit(address: Address, cause: unknown): RegaliaError<'REGALIA_CORRUPT'> {
  const expected = addressText(address);
  return new RegaliaError(
    'REGALIA_CORRUPT',
    `commit ${expected} is damaged`,
    { what: 'commit', expected, actual: 'bytes that are no commit' },
    { cause },
  );
}
