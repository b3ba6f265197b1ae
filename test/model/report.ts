/** A finding for a reader: what it is, the smallest history that shows it, and its states. */
import { textOf } from './language.js';
import type { Outcome } from './run.js';

export function reportOf({ history, finding }: Outcome): string {
  const parts = [finding?.message, textOf(history), finding?.states, stackOf(finding?.cause)];
  return parts.filter((part) => part !== undefined && part !== '').join('\n\n');
}

function stackOf(cause: unknown): string | undefined {
  return cause instanceof Error ? cause.stack : undefined;
}
