/**
 * Shows that each tidy rule can fail: every rule gets a small planted project that breaks it, and
 * one that does not.
 */
import t from 'tap';
import {
  barrels,
  deadFiles,
  floorBreaches,
  importCycles,
  packageBreaches,
  parseFloors,
  parsePackages,
} from './imports.js';
import { type File, importsOf } from './project.js';
import {
  errorCodes,
  errorHeadings,
  forbiddenText,
  longFiles,
  longFunctions,
  longLines,
  missingHeaders,
  vagueNames,
} from './text.js';

function planted(files: Record<string, string>): File[] {
  return Object.entries(files).map(([path, text]) => ({ path, text }));
}

const document = `# Map
\`\`\`floors
9  src/fs/        the filesystem face; only src/index.ts
8  src/index.ts   the surface
2  src/tree/      nodes
2  src/chunks/    slices
1  src/blocks/    blocks
-  src/ground/bytes.ts   ground
-  src/ground/errors.ts  ground
\`\`\`
\`\`\`packages
lmdb   src/blocks/lmdb*.ts
cbor-x src/streams/cbor*.ts
\`\`\`
`;
const rooms = parseFloors(document);

t.test('imports are found in every form', async (t) => {
  const [file] = planted({
    'src/tree/a.ts': [
      "import { b } from './b.js';",
      "import type { c } from '../blocks/c.js';",
      "export { d } from './d.js';",
      "type E = import('./e.js').E;",
      "await import('@scope/name/deep');",
      "new Worker(new URL('./f.js', import.meta.url));",
      'await import(`./verbs/${verb}.js`);',
      "import 'node:fs';",
    ].join('\n'),
  });
  t.strictSame(
    importsOf(file as File).map((each) => `${each.line} ${each.target}`),
    [
      '1 src/tree/b.ts',
      '2 src/blocks/c.ts',
      '3 src/tree/d.ts',
      '4 src/tree/e.ts',
      '5 @scope/name',
      '6 src/tree/f.ts',
      '7 src/tree/verbs/',
      '8 node:fs',
    ],
  );
});

t.test('an import down, within the room, or on the ground is allowed', async (t) => {
  const files = planted({
    'src/tree/a.ts': "import '../blocks/b.js'; import './c.js'; import '../bytes.js';",
    'src/ground/bytes.ts': "import './errors.js';",
    'src/fs/mount.ts': "import '../index.js'; import './wire.js';",
    'test/tree/a.test.ts': "import '../../src/index.js';",
  });
  t.strictSame(floorBreaches(files, rooms), []);
});

t.test(
  'an import up, sideways, past its only door, or outside all rooms is a breach',
  async (t) => {
    const breach = (path: string, target: string): string =>
      floorBreaches(planted({ [path]: `import '${target}';` }), rooms).join();
    t.match(breach('src/blocks/b.ts', '../tree/a.js'), /up from floor 1 to floor 2/);
    t.match(breach('src/ground/bytes.ts', './blocks/b.js'), /up from floor -1/);
    t.match(breach('src/tree/a.ts', '../chunks/c.js'), /sideways on floor 2/);
    t.match(breach('src/fs/mount.ts', '../tree/a.js'), /uses only src\/index.ts/);
    t.match(breach('src/tree/a.ts', '../attic/x.js'), /in no room/);
    t.match(breach('src/attic/x.ts', '../bytes.js'), /in no room/);
    t.throws(() => parseFloors('```floors\nnonsense\n```'), /not a line/);
    t.throws(() => parseFloors('# nothing'), /no block marked floors/);
  },
);

t.test('a cycle is found, also through types', async (t) => {
  const files = planted({
    'src/tree/a.ts': "import type { B } from './b.js';",
    'src/tree/b.ts': "import './c.js';",
    'src/tree/c.ts': "import './a.js';",
  });
  t.strictSame(importCycles(files), [
    'import cycle: src/tree/a.ts → src/tree/b.ts → src/tree/c.ts → src/tree/a.ts',
  ]);
  t.strictSame(importCycles(files.slice(0, 2)), []);
});

t.test('a barrel is found', async (t) => {
  const complaints = barrels(
    planted({
      'src/index.ts': "export * from './tree/a.js';",
      'src/tree/all.ts': "export { a } from './a.js';",
      'src/tree/star.ts': "export * from './a.js';\nexport const b = 1;",
      'src/tree/index.ts': 'export const c = 1;',
      'src/tree/fine.ts': "export { a } from './a.js';\nexport const b = 1;",
    }),
    ['src/index.ts'],
  );
  t.equal(complaints.length, 3);
});

t.test('a package is imported only where it belongs', async (t) => {
  const packages = parsePackages(document);
  const files = (path: string, name: string): File[] => planted({ [path]: `import '${name}';` });
  t.strictSame(packageBreaches(files('src/engine/lmdb.ts', 'lmdb'), packages), []);
  t.strictSame(packageBreaches(files('src/blocks/lmdb-file.ts', 'lmdb'), packages), []);
  t.strictSame(packageBreaches(files('src/tree/a.ts', 'node:fs'), packages), []);
  t.match(packageBreaches(files('src/engine/memory.ts', 'lmdb'), packages), [/only src/]);
  t.match(packageBreaches(files('src/tree/cbor.ts', 'cbor-x'), packages), [/only src/]);
  t.match(packageBreaches(files('src/tree/a.ts', 'left-pad'), packages), [/no file may/]);
});

t.test('a file that no entry reaches is dead', async (t) => {
  const files = planted({
    'src/index.ts': "import './used.js'; await import(`./verbs/${verb}.js`);",
    'src/used.ts': '',
    'src/verbs/put.ts': '',
    'src/dead.ts': "import './alone.js';",
    'src/alone.ts': '',
    'test/dead.test.ts': "import '../src/dead.js';",
  });
  const complaints = deadFiles(files, ['src/index.ts', 'src/cli/main.ts']);
  t.match(complaints, [/^src\/dead.ts is dead/, /^src\/alone.ts is dead/]);
  t.equal(complaints.length, 2);
  t.strictSame(
    deadFiles(files, ['src/cli/main.ts']),
    [],
    'without an entry there is nothing to say',
  );
});

t.test('sizes: files, functions and lines', async (t) => {
  const lines = (count: number): string => 'x();\n'.repeat(count);
  t.equal(longFiles(planted({ 'src/a.ts': lines(400), 'test/a.test.ts': lines(600) })).length, 0);
  t.equal(longFiles(planted({ 'src/a.ts': lines(401), 'test/a.test.ts': lines(601) })).length, 2);
  const forms = (count: number): string =>
    [
      `function f() {\n${lines(count)}}`,
      `const g = () => {\n${lines(count)}};`,
      `class C {\nm() {\n${lines(count)}}\nget p() {\n${lines(count)}}\n}`,
    ].join('\n');
  t.equal(longFunctions(planted({ 'src/a.ts': forms(68) })).length, 0);
  t.equal(longFunctions(planted({ 'src/a.ts': forms(69) })).length, 4);
  t.equal(longLines(planted({ 'src/a.ts': `// ${'y'.repeat(117)}\n` })).length, 0);
  t.equal(longLines(planted({ 'src/a.ts': `// ${'y'.repeat(118)}\n` })).length, 1);
});

t.test('headers and names', async (t) => {
  const said = {
    'src/a.ts': '/** What it is. */',
    'src/cli/main.ts': '#!/usr/bin/env node\n/** It. */',
  };
  t.equal(missingHeaders(planted(said)).length, 0);
  t.equal(missingHeaders(planted({ 'src/a.ts': "import './b.js';\n/** Late. */" })).length, 1);
  t.equal(vagueNames(planted({ 'src/tree/node.ts': '', 'src/commonest.ts': '' })).length, 0);
  const vague = {
    'src/utils.ts': '',
    'src/helpers/a.ts': '',
    'test/tree-common.ts': '',
    'src/util.test.ts': '',
  };
  t.equal(vagueNames(planted(vague)).length, 4);
});

t.test('words that do not belong in a finished text', async (t) => {
  const bad = [
    ['TO', 'DO'],
    ['FIX', 'ME:'],
    ['see /wo', 'rk/x'],
    ['(/ro', 'ot/x)'],
    ['as DES', 'IGN.md says'],
    ['<<<<', '<<< ours'],
  ].map((halves) => halves.join(''));
  for (const text of bad) t.equal(forbiddenText(planted({ 'docs/a.md': text })).length, 1, text);
  const good = 'to do, framework/x, network, mastodon, `/photos/work/a`, design';
  t.strictSame(forbiddenText(planted({ 'docs/a.md': good })), []);
});

t.test('each error code has one heading, and each heading a code', async (t) => {
  const [errors] = planted({
    'src/ground/errors.ts':
      'interface ErrorData { REGALIA_A: {}; REGALIA_B: {} }\ninterface Other { REGALIA_Z: {} }',
  });
  const codes = errorCodes(errors as File);
  t.strictSame(codes, ['REGALIA_A', 'REGALIA_B']);
  t.strictSame(errorHeadings(codes, '## REGALIA_A\n\n### `REGALIA_B`\n'), []);
  t.match(errorHeadings(codes, '## REGALIA_A\n'), [/0 headings for REGALIA_B/]);
  t.match(errorHeadings(codes, '## REGALIA_A\n## REGALIA_B\n## REGALIA_C\n'), [
    /REGALIA_C, no code/,
  ]);
  t.match(errorHeadings(codes, '## REGALIA_A\n## REGALIA_A\n## REGALIA_B\n'), [/2 headings/]);
});
