/**
 * What README.md shows is true: its examples run as they stand, its verbs exist, and it can be
 * installed as it says.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import ts from 'typescript';
import { VERBS } from '../../src/cli/verbs.js';
import { bare } from '../bare.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const README = readFileSync(join(ROOT, 'README.md'), 'utf8');

/** A folder in which `regalia` is this project. */
function project(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-readme-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'node_modules'));
  symlinkSync(ROOT, join(dir, 'node_modules/regalia'));
  return dir;
}

function blocks(language: string): string[] {
  const pattern = new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\`$`, 'gm');
  return [...README.matchAll(pattern)].map((match) => match[1] as string);
}

/** `using` as older engines run it, as any TypeScript compiles it. */
function compiled(text: string): string {
  const { ES2022, ESNext } = { ES2022: ts.ScriptTarget.ES2022, ESNext: ts.ModuleKind.ESNext };
  return ts.transpileModule(text, { compilerOptions: { target: ES2022, module: ESNext } })
    .outputText;
}

function run(t: Test, text: string): string {
  const dir = project(t);
  writeFileSync(join(dir, 'example.mjs'), text);
  const { status, stdout, stderr } = spawnSync(...bare(process.execPath, 'example.mjs'), {
    cwd: dir,
  });
  t.equal(status, 0, String(stderr));
  return String(stdout);
}

t.test('the example with `using` runs', async (t) => {
  const [example, ...others] = blocks('ts');
  t.same(others, []);
  t.equal(run(t, compiled(example as string)), 'The cat\nany size, in bounded memory\ncat.jpg\n');
});

t.test('the examples in plain JavaScript run', async (t) => {
  const outputs = [
    /^The cat\n$/,
    /^false \/plan both-changed\nfeed the cat\n.*merge\n/,
    /^hello\n$/,
  ];
  const examples = blocks('js');
  t.equal(examples.length, outputs.length);
  for (const [i, example] of examples.entries()) t.match(run(t, example), outputs[i] as RegExp);
});

t.test('the examples have sound types', async (t) => {
  const dir = project(t);
  writeFileSync(join(dir, 'example.mts'), blocks('ts')[0] as string);
  const program = ts.createProgram([join(dir, 'example.mts')], {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: ['node'] },
    ...{ target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.NodeNext },
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.asynciterable.d.ts'],
    typeRoots: [join(ROOT, 'node_modules/@types')],
  });
  const messages = ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
  t.same(messages, []);
});

t.test('every verb is in the list, and every verb of the list exists', async (t) => {
  const list = blocks('sh').find((block) => block.includes('regalia import')) ?? '';
  const named = new Set<string>();
  for (const [, verb] of list.matchAll(/regalia (\w+)/g)) named.add(verb as string);
  for (const [, also] of list.matchAll(/# also: ([\w, ]+)/g)) {
    for (const verb of (also as string).split(', ')) named.add(verb);
  }
  t.same([...named].sort(), Object.keys(VERBS).sort());
});

const PACKAGE = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  scripts: Record<string, string>;
};

t.test('its first command runs the main job, its second one the tests', async (t) => {
  const lines = (blocks('sh')[0] as string).trimEnd().split('\n');
  const commands = lines.map((line) => line.split('#')[0]?.trim());
  t.same(commands, ['npm ci && npm run tour', 'npm ci && npm test']);
  for (const script of ['tour', 'test']) t.ok(PACKAGE.scripts[script], script);
});

t.test('it installs from the tarball that npm makes', async (t) => {
  const packed = spawnSync(...bare('npm', 'pack', '--dry-run', '--json', '--ignore-scripts'), {
    cwd: ROOT,
  });
  t.equal(packed.status, 0, String(packed.stderr));
  const [{ filename, files }] = JSON.parse(String(packed.stdout)) as [
    { filename: string; files: { path: string }[] },
  ];
  t.equal(filename, `${PACKAGE.name}-${PACKAGE.version}.tgz`);
  t.ok(README.includes(`npm install ../regalia/${filename}`));
  t.ok(README.includes(`"regalia": "file:../regalia/${filename}"`), 'what keeps the imports');
  const names = new Set(files.map(({ path }) => path));
  for (const path of ['dist/src/index.js', 'dist/src/index.d.ts', 'dist/src/cli/main.js']) {
    t.ok(names.has(path), path);
  }
});
