/** The verbs of the command, in the order in which the help shows them: one file each, loaded when needed. */
import type { VerbTable } from './command.js';

export const VERBS: VerbTable = {};
