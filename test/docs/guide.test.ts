/** The examples of the documents compile, run, and print what they say. */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { programsOf, run, typeFaults } from './examples.js';

const root = new URL('../../../', import.meta.url);

for (const path of ['docs/guide.md', 'docs/merging.md', 'docs/errors.md']) {
  const url = new URL(path, root);
  await t.test(path, async (t) => {
    const programs = programsOf(readFileSync(url, 'utf8'));
    await t.test('its examples compile', async (t) => {
      t.same(await typeFaults(programs), []);
    });
    for (const program of programs) {
      await t.test(`${program.title} runs`, async (t) => {
        t.same(await run(program), program.prints);
      });
    }
  });
}
