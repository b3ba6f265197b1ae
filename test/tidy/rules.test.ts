/**
 * Shows that each tidy rule can fail: every rule gets a small planted project that breaks it, and
 * one that does not.
 */
import t from 'tap';
import { needlessExports } from './exports.js';
import {
  barrels,
  deadFiles,
  doorBreaches,
  fencedBlock,
  floorBreaches,
  importCycles,
  packageBreaches,
  parseDoors,
  parseFloors,
  parsePackages,
} from './imports.js';
import { type File, importsOf } from './project.js';
import {
  errorCodes,
  errorHeadings,
  errorsMadeOutside,
  forbiddenText,
  longFiles,
  longFunctions,
  longLines,
  lostAnswers,
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
0  src/engine/    the engine
-  src/ground/    ground
\`\`\`
\`\`\`packages
lmdb   src/engine/lmdb*.ts
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
    'src/tree/a.ts': "import '../blocks/b.js'; import './c.js'; import '../ground/bytes.js';",
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
    t.match(breach('src/ground/bytes.ts', '../blocks/b.js'), /up from floor -1/);
    t.match(breach('src/tree/a.ts', '../chunks/c.js'), /sideways on floor 2/);
    t.match(breach('src/fs/mount.ts', '../tree/a.js'), /uses only src\/index.ts/);
    t.match(breach('src/tree/a.ts', '../attic/x.js'), /in no room/);
    t.match(breach('src/attic/x.ts', '../ground/bytes.js'), /in no room/);
    t.throws(() => parseFloors('```floors\nnonsense\n```'), /not a line/);
    t.throws(() => parseFloors('# nothing'), /no block marked floors/);
  },
);

t.test('what is kept at a door is named nowhere else, and its table is right', async (t) => {
  const kept = parseDoors('```doors\nputRow src/tree/a.ts src/tree/b.ts\nrow src/tree/a.ts -\n```');
  const sound = {
    'src/tree/a.ts': 'export function putRow() {}\nfunction row() {}',
    'src/tree/b.ts': "import { putRow } from './a.js';",
  };
  t.strictSame(doorBreaches(planted(sound), kept), []);
  const whole = "import * as a from './a.js';\na.putRow();";
  t.strictSame(doorBreaches(planted({ ...sound, 'src/tree/c.ts': whole }), kept), [
    'src/tree/c.ts:2 names putRow: only src/tree/a.ts and src/tree/b.ts may',
  ]);
  t.strictSame(doorBreaches(planted({ ...sound, 'src/tree/b.ts': '' }), kept), [
    'src/tree/b.ts does not name putRow: the table of doors is wrong',
  ]);
});

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
  t.strictSame(packageBreaches(files('src/engine/lmdb-pages.ts', 'lmdb'), packages), []);
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

t.test('an export that nothing needs is found', async (t) => {
  const files = planted({
    'src/index.ts': "export { open } from './store.js';",
    'src/store.ts': [
      "import { find, type Found } from './tree.js';",
      'export interface Options { readonly depth: Depth }',
      'export type Depth = number;',
      'export function open(options: Options): Found { return find(options.depth); }',
    ].join('\n'),
    'src/tree.ts': [
      'export interface Found { readonly at: Place }',
      'export interface Place { readonly line: number }',
      'export function find(line: number): Found { return { at: plain(line) }; }',
      'export function plain(line: number): Place { return { line: line + STEP }; }',
      'export const STEP = 1;',
      'export function lost(): void {}',
      'export const [first, { second }] = [1, { second: 2 }];',
    ].join('\n'),
    'src/verbs/put.ts': 'export default 1;',
    'src/cli.ts': "await import(`./verbs/${kind}.js`); import * as all from './words.js';",
    'src/words.ts': 'export const word = 1;',
    'test/tree.test.ts': "import { lost, plain } from '../src/tree.js';",
  });
  t.strictSame(needlessExports(files, ['src/index.ts']), [
    'src/tree.ts:5 exports STEP: only its own file uses it',
    'src/tree.ts:6 exports lost: nothing in src uses it',
    'src/tree.ts:7 exports first: nothing in src uses it',
    'src/tree.ts:7 exports second: nothing in src uses it',
  ]);
});

t.test('an error made outside the ground is found', async (t) => {
  const text =
    "import { RegaliaError } from '../ground/errors.js';\nthrow new RegaliaError('X', '', {});";
  t.match(errorsMadeOutside(planted({ 'src/tree/a.ts': text }), 'src/ground/'), [
    /^src\/tree\/a.ts:2/,
  ]);
  t.strictSame(errorsMadeOutside(planted({ 'src/ground/errors.ts': text }), 'src/ground/'), []);
  t.strictSame(errorsMadeOutside(planted({ 'test/a.test.ts': text }), 'src/ground/'), []);
});

t.test('questions of newcomers are answered by files that exist', async (t) => {
  const files = planted({ 'src/tree/key.ts': '', 'src/ground/limits.ts': '' });
  const answers = (line: string): string[] =>
    lostAnswers(files, fencedBlock(['```where', line, '```'].join('\n'), 'where'));
  t.strictSame(answers('where a key is parsed   src/tree/key.ts, src/ground/limits.ts'), []);
  t.match(answers('where a key is parsed   src/tree/keys.ts'), [/no src\/tree\/keys.ts/]);
  t.match(answers('where a key is parsed   somewhere'), [/no file answers/]);
});

t.test('sizes: files, functions and lines', async (t) => {
  const lines = (count: number): string => 'x();\n'.repeat(count);
  t.equal(longFiles(planted({ 'src/a.ts': lines(600), 'docs/a.md': lines(700) })).length, 0);
  t.equal(longFiles(planted({ 'src/a.ts': lines(601), 'test/a.test.ts': lines(601) })).length, 2);
  const forms = (count: number): string =>
    [
      `function f() {\n${lines(count)}}`,
      `const g = () => {\n${lines(count)}};`,
      `class C {\nm() {\n${lines(count)}}\nget p() {\n${lines(count)}}\n}`,
    ].join('\n');
  t.equal(longFunctions(planted({ 'src/a.ts': forms(68) })).length, 0);
  t.equal(longFunctions(planted({ 'src/a.ts': forms(69) })).length, 4);
  for (const path of ['src/a.ts', 'test/a.ts', 'bench/a.ts', 'tour/a.ts']) {
    t.equal(longLines(planted({ [path]: `// ${'𝄞'.repeat(97)}\n` })).length, 0);
    t.equal(longLines(planted({ [path]: `// ${'y'.repeat(98)}\n` })).length, 1);
  }
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
