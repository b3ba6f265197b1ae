/**
 * The quick tests of a room in one process: to start one and to load the library takes longer than
 * most files of tests take to run.
 *
 * All are loaded before the first of them runs, and report to the one `t` of the process. So a file
 * awaits none of its tests, makes its folders within them, and puts back what it changes in the
 * process. A room whose tests are mostly processes of their own has none of this: `.taprc` names
 * it, and its files run apart.
 */
import { readdirSync } from 'node:fs';
import t from 'tap';

/** Runs the quick tests in a compiled folder of `test/`. */
export function runRoom(folder: string): void {
  const isQuick = (name: string) => name.endsWith('.test.js') && !name.endsWith('.slow.test.js');
  t.test('the files of the room load', async () => {
    for (const name of readdirSync(folder).filter(isQuick).sort()) {
      await import(`${folder}/${name}`);
    }
  });
}
