/**
 * The quick tests of a room in one process: to start one and to load the library takes longer than
 * most files of tests take to run.
 *
 * They run one after the other, and report to the one `t` of the process; so a file makes its
 * folders within its tests, and puts back what it changes in the process. A room whose tests are
 * mostly processes of their own has none of this: `.taprc` names it, and its files run apart.
 */
import { readdirSync } from 'node:fs';

/** Loads the quick tests in a compiled folder of `test/`. */
export async function runRoom(folder: string): Promise<void> {
  for (const name of readdirSync(folder).sort()) {
    const quick = name.endsWith('.test.js') && !name.endsWith('.slow.test.js');
    if (quick) await import(`${folder}/${name}`);
  }
}
