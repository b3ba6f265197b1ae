/**
 * Patterns by which keys are found: automata over a key's text as bytes, '/a/b', which a search
 * walks beside a tree or beside the index of a pack. The top, '/', is never among what is found.
 */
import { badOption } from '../ground/errors.js';
import { NAME_BYTES_MAX } from '../ground/limits.js';
import { flag, type Kinds, limit, text, whole } from '../ground/options.js';
import { nameBytes } from '../ground/text.js';
import { type Automaton, editDistance, glob, prefix } from '../kernels/automata.js';
import type { Names } from './key.js';

const SLASH = 0x2f;

/** How a pattern is meant, and how many keys to find. */
export interface FindOptions {
  /** The pattern is what keys begin with, as it stands. */
  readonly prefix?: boolean | undefined;
  /**
   * The pattern is a key, as it stands; found is what so many insertions, removals and replacements
   * of a character turn into it.
   */
  readonly edits?: number | undefined;
  /** How many keys to find at most. */
  readonly limit?: number | undefined;
}

export const FIND_KINDS: Kinds<FindOptions> = { prefix: flag, edits: whole(), limit };

const PATTERN = text();

/**
 * The automaton of a pattern. A glob without '/' is one of the last name alone, and otherwise the
 * first '/' may be left out. REGALIA_OPTION.
 */
export function keyAutomaton(pattern: string, options: FindOptions): Automaton<unknown> {
  const { prefix: begins = false, edits } = options;
  PATTERN.check('pattern', pattern);
  if (begins && edits !== undefined) throw badOption('prefix', 'absent beside edits', 'true');
  if (!begins && edits === undefined) {
    return glob(pattern.includes('/') ? absolute(pattern) : `/**/${pattern}`);
  }
  if (edits !== undefined) return editDistance(absolute(pattern), edits);
  const bytes = nameBytes(absolute(pattern));
  if (bytes === undefined) throw badOption('pattern', 'text that a key may begin with', pattern);
  return prefix(bytes) as Automaton<unknown>;
}

/** The names of the key below which all lies that a pattern can match: those that stand in it. */
export function namesAbove(automaton: Automaton<unknown>): Names {
  const ahead = automaton.ahead(automaton.start());
  const names: Uint8Array[] = [];
  for (let start = 1; ; ) {
    const end = ahead.indexOf(SLASH, start);
    if (end <= start || end - start > NAME_BYTES_MAX) return names;
    names.push(ahead.slice(start, end));
    start = end + 1;
  }
}

function absolute(pattern: string): string {
  return pattern.startsWith('/') ? pattern : `/${pattern}`;
}
