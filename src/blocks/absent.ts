/**
 * A block that could not be read: whether to look for it elsewhere, and what to say where it is
 * nowhere.
 */
import { isRegaliaError, RegaliaError } from '../ground/errors.js';
import { type Address, addressText } from './address.js';

/** Whether the block may be sound in another place: this one lacks it, or has other bytes. */
export function isIntegrityError(error: unknown): boolean {
  if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_FORMAT'))
    return true;
  return isRegaliaError(error, 'REGALIA_MISSING');
}

/** What to throw for a block that is nowhere, after `failure` where it should be. */
export function absentBlock(address: Address, what: string, failure: unknown): unknown {
  if (isRegaliaError(failure, 'REGALIA_CORRUPT')) return failure;
  const code = isRegaliaError(failure, 'REGALIA_FORMAT') ? 'REGALIA_CORRUPT' : 'REGALIA_MISSING';
  const text = addressText(address);
  const { source } = isRegaliaError(failure, 'REGALIA_MISSING') ? failure.data : {};
  const data = { address: text, what, expected: text, actual: 'nothing readable' };
  return new RegaliaError(
    code,
    source === undefined
      ? `${what} ${text} is not here`
      : `${what} ${text} is in ${source}, which is not here`,
    source === undefined ? data : { ...data, source },
    { cause: failure },
  );
}
