/**
 * FORMAT.md and the code say the same: each example there is what the code makes, and the code
 * reads in it what was put in.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { hex, unhex } from '../../src/ground/bytes.js';
import { blockExamples } from './block-examples.js';
import { packExamples } from './pack-examples.js';
import { rowExamples } from './row-examples.js';
import { volumeExamples } from './volume-examples.js';
import { walExamples } from './wal-examples.js';

const text = readFileSync(new URL('../../../FORMAT.md', import.meta.url), 'utf8');

/** The bytes of each block fenced as ```hex NAME, what follows a semicolon left out. */
function shownExamples(document: string): Map<string, Uint8Array> {
  const shown = new Map<string, Uint8Array>();
  for (const [, name = '', lines = ''] of document.matchAll(/^```hex (.+)\n([^`]*)^```$/gm)) {
    const digits = lines.replace(/;.*$/gm, '').replace(/\s/g, '');
    const bytes = unhex(digits);
    if (bytes === undefined || shown.has(name)) throw new Error(`the example ${name} is no bytes`);
    shown.set(name, bytes);
  }
  return shown;
}

const shown = shownExamples(text);
const examples = [
  ...blockExamples,
  ...rowExamples,
  ...volumeExamples,
  ...walExamples,
  ...packExamples,
];

t.test('every example is shown, and no other', async (t) => {
  t.same([...shown.keys()].sort(), examples.map(({ name }) => name).sort());
});

for (const { name, bytes, read, holds } of examples) {
  t.test(`the code makes the bytes of ${name}, and reads them`, async (t) => {
    const document = shown.get(name) ?? new Uint8Array(0);
    t.equal(hex(bytes), hex(document));
    t.same(await read(document), holds);
  });
}

t.test('tables and limits in the text are those of the code', async (t) => {
  const { BlockKind } = await import('../../src/ground/block-header.js');
  for (const [kind, number] of Object.entries(BlockKind)) {
    t.match(text, new RegExp(`^\\| ${number} +\\| ${kind} `, 'm'), `${kind} is ${number}`);
  }
  const { BYTE_TABLES, INTEGER_TABLES } = await import('../../src/engine/engine.js');
  for (const table of [...BYTE_TABLES, ...INTEGER_TABLES]) t.match(text, `| \`${table}\``);
  const { WINDOW } = await import('../../src/tree/boundary.js');
  const { NODE_PLAIN_BYTES_MAX, RUN_BYTES_MAX } = await import('../../src/ground/limits.js');
  for (const limit of [NODE_PLAIN_BYTES_MAX, RUN_BYTES_MAX, WINDOW])
    t.match(text, limit.toLocaleString('en-US'));
});
