/** What reading a block may come to where it is not here, or is not what it was. */
import { isRegaliaError, RegaliaError } from '../errors.js';
import { type Address, addressText } from './address.js';

/** The error of a block that nothing gives; `failure` is what reading it by its id came to. */
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

/** Whether a block may be found elsewhere. */
export function isIntegrityError(error: unknown): boolean {
  if (isRegaliaError(error, 'REGALIA_CORRUPT') || isRegaliaError(error, 'REGALIA_FORMAT'))
    return true;
  return isRegaliaError(error, 'REGALIA_MISSING');
}
