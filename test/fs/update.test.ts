/**
 * Whatever a tree was before, an import leaves the store as a fresh import would: checked on random
 * pairs of trees.
 */

import { createHash } from 'node:crypto';
import {
  lstatSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { exportTree } from '../../src/fs/export.js';
import type { TreeReader } from '../../src/fs/face.js';
import { importTree, runImport } from '../../src/fs/import.js';
import { ModelTree } from './model.js';

/** A file's text, a link's target, or a directory, names as byte texts. */
type Sketch = { file: string } | { link: string } | { dir: Record<string, Sketch> };

const name = fc.constantFrom('a', 'b', 'ab', '\xff', '\xc3\xa9', '\xc3', '__proto__', '-', ' ');
const sketches = fc.letrec<{ dir: Sketch; any: Sketch }>((tie) => ({
  dir: fc
    .array(fc.tuple(name, tie('any')), { maxLength: 5 })
    .map((rows) => ({ dir: Object.fromEntries(rows) })),
  any: fc.oneof(
    { maxDepth: 3 },
    fc.constantFrom('', 'one', 'two', 'x'.repeat(700)).map((file) => ({ file })),
    fc.constantFrom('a', '../b').map((link) => ({ link })),
    tie('dir'),
  ),
})).dir;

function draw(sketch: Sketch, path: string): void {
  const real = Buffer.from(path, 'latin1');
  if ('file' in sketch) {
    writeFileSync(real, sketch.file);
  } else if ('link' in sketch) {
    symlinkSync(sketch.link, real);
  } else {
    mkdirSync(real);
    for (const [name, inner] of Object.entries(sketch.dir)) draw(inner, `${path}/${name}`);
  }
  // The same thing has the same time in both trees, and another thing another time.
  const digest = createHash('sha256').update(JSON.stringify(sketch)).digest();
  lutimesSync(real, 1, digest.readUInt32BE());
}

async function dump(store: TreeReader, key: string[]): Promise<string[]> {
  const lines: string[] = [];
  for (const entry of store.children(key)) {
    const streams = ['stat', 'content'].map(async (name) => {
      const bytes = await entry.get(name)?.bytes();
      return bytes && Buffer.from(bytes).toString('hex');
    });
    lines.push([...key, entry.name, ...(await Promise.all(streams))].join(' '));
    lines.push(...(await dump(store, [...key, entry.name])));
  }
  return lines;
}

async function freshImport(dir: string): Promise<string[]> {
  const store = new ModelTree();
  await importTree(store, dir, ['k']);
  return dump(store, []);
}

t.test(
  'an import onto any other tree equals a fresh one, and a round trip changes nothing',
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'regalia-update-'));
    t.teardown(() => rmSync(dir, { recursive: true, force: true }));
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(sketches, sketches, async (before, after) => {
        const [one, other, copy] = ['one', 'other', 'copy'].map((name) =>
          join(dir, `${++runs}${name}`),
        );
        draw(before, one);
        draw(after, other);
        const store = new ModelTree();
        await runImport(store, one, ['k'], { runNames: 2, runs: 2 });
        await importTree(store, other, ['k']);
        const expected = await freshImport(other);
        await exportTree(store, ['k'], copy);
        const { changed, removed } = await importTree(store, copy, ['k']);
        return (
          lstatSync(copy).isDirectory() &&
          (await dump(store, [])).join('\n') === expected.join('\n') &&
          changed + removed === 0
        );
      }),
      { numRuns: 60 },
    );
  },
);
