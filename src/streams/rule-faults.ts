/**
 * How rules are refused: REGALIA_RULE for a field outside its limits, REGALIA_OPTION for what is no
 * rule at all, REGALIA_VERSION for stored numbers that a later release gave a meaning. Each error
 * says what was expected and found.
 */
import { RegaliaError } from '../ground/errors.js';

export function requireObject(what: unknown, option: string): asserts what is object {
  if (typeof what !== 'object' || what === null || Array.isArray(what)) {
    failOption(option, 'an object', shown(what));
  }
}

export function requireMember<T>(rule: string, member: T, members: readonly T[]): void {
  if (!members.includes(member)) failRule(rule, members.join(', '), shown(member));
}

export function requireInteger(rule: string, number: number, least: number, most: number): void {
  if (Number.isInteger(number) && number >= least && number <= most) return;
  failRule(rule, `an integer of ${least} to ${most}`, shown(number));
}

/** Any datum on one short line. */
export function shown(datum: unknown): string {
  const text = typeof datum === 'string' ? JSON.stringify(datum) : String(datum);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

export function ruleError(
  rule: string,
  expected: string,
  actual: string,
): RegaliaError<'REGALIA_RULE'> {
  const message = `the rule '${rule}' is refused: expected ${expected}, found ${actual}`;
  return new RegaliaError('REGALIA_RULE', message, { rule, expected, actual });
}

export function failRule(rule: string, expected: string, actual: string): never {
  throw ruleError(rule, expected, actual);
}

export function failOption(option: string, expected: string, actual: string): never {
  const message = `${option} is refused: expected ${expected}, found ${actual}`;
  throw new RegaliaError('REGALIA_OPTION', message, { option, expected, actual });
}

export function failVersion(what: string, expected: string, number: number): never {
  const actual = String(number);
  const message = `a later release wrote these rules: ${what} ${actual} is not known (${expected})`;
  throw new RegaliaError('REGALIA_VERSION', message, { what, expected, actual });
}
