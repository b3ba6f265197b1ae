/**
 * The style guide, as a test: the rules of imports.ts and text.ts over the whole project.
 *
 * Every breach is a failure of its own. That each rule can fail at all is shown in rules.test.ts.
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
import { type File, projectFiles } from './project.js';
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

const root = new URL('../../../', import.meta.url);
const files = projectFiles(root);

function file(path: string): File {
  const found = files.find((each) => each.path === path);
  if (found === undefined) throw new Error(`the project has no ${path}`);
  return found;
}

function rule(name: string, complaints: readonly string[]): void {
  for (const complaint of complaints) t.fail(`${name}: ${complaint}`, { diagnostic: false });
  if (complaints.length === 0) t.pass(name);
}

const architecture = file('ARCHITECTURE.md').text;
const surfaces = ['src/index.ts', 'src/testing.ts'];
// A bench keeps the alternatives that it measures; AssemblyScript is reached by its compiler alone.
const entries = [
  ...surfaces,
  'src/cli/main.ts',
  'bench/key-maps.ts',
  // Kernels that nothing but a bench uses yet: runs of zeros, erasure codes.
  'bench/chunking.ts',
  'bench/erasure.ts',
  'src/kernels/wasm/cdc.ts',
  'src/kernels/wasm/gf256.ts',
];

rule(
  'imports go to a lower floor or stay in the room',
  floorBreaches(files, parseFloors(architecture)),
);
rule('imports make no cycle', importCycles(files));
rule('only the public surfaces pass on exports', barrels(files, surfaces));
rule(
  'packages are imported where they belong',
  packageBreaches(files, parsePackages(architecture)),
);
rule('an entry reaches every source file', deadFiles(files, entries));
rule('files are one idea long', longFiles(files));
rule('functions fit on a screen', longFunctions(files));
rule('lines fit', longLines(files));
rule('files say what they are', missingHeaders(files));
rule('names say what is within', vagueNames(files));
rule('texts are finished', forbiddenText(files));
rule(
  'each error code has its heading',
  errorHeadings(errorCodes(file('src/ground/errors.ts')), file('docs/errors.md').text),
);

t.test('the packages table names the dependencies, all of them and no others', async (t) => {
  const manifest = JSON.parse(file('package.json').text) as { dependencies: object };
  const named = [...parsePackages(architecture).keys()].sort();
  t.strictSame(named, Object.keys(manifest.dependencies).sort());
});
