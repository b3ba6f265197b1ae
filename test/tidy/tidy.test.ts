/**
 * The style guide, as a test: the rules of imports.ts, exports.ts and text.ts over the project.
 *
 * Every breach is a failure of its own. That each rule can fail at all is shown in rules.test.ts.
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
import { type File, projectFiles } from './project.js';
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
const manifest = JSON.parse(file('package.json').text) as {
  readonly dependencies: object;
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
};

/** What a user reaches: the command, the main module and its subpaths. */
const surfaces = [
  ...Object.values(manifest.bin),
  ...Object.values(manifest.exports).map((one) => (typeof one === 'string' ? one : one.types)),
]
  .filter((path) => /\.(?:d\.ts|js)$/.test(path))
  .map((path) => path.replace('./dist/', '').replace(/(?:\.d\.ts|\.js)$/, '.ts'));
/** AssemblyScript is reached by its compiler alone. */
const compiled = files
  .map(({ path }) => path)
  .filter((path) => path.startsWith('src/kernels/wasm/') && path.endsWith('.ts'));
const entries = [...surfaces, ...compiled];

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
rule('what is kept at a door is named there', doorBreaches(files, parseDoors(architecture)));
rule('an entry reaches every source file', deadFiles(files, entries));
rule('exports are needed', needlessExports(files, entries));
rule('functions fit on a screen', longFunctions(files));
rule('lines fit', longLines(files));
rule('files say what they are', missingHeaders(files));
rule('names say what is within', vagueNames(files));
rule('texts are finished', forbiddenText(files));
rule(
  'each error code has its heading',
  errorHeadings(errorCodes(file('src/ground/errors.ts')), file('docs/errors.md').text),
);

rule('errors are made in one place', errorsMadeOutside(files, 'src/ground/'));
rule(
  'where things are is said, and they are there',
  lostAnswers(files, fencedBlock(architecture, 'where')),
);
for (const question of longFiles(files)) t.comment(question);

t.test('the packages table names the dependencies, all of them and no others', async (t) => {
  const named = [...parsePackages(architecture).keys()].sort();
  t.strictSame(named, Object.keys(manifest.dependencies).sort());
});

t.test('each room of tests is run by `npm test`, in one process or file by file', async (t) => {
  const roomsOf = (pattern: RegExp): string[] =>
    files.flatMap(({ path }) => pattern.exec(path)?.[1] ?? []);
  const [, apart = ''] = /dist\/test\/\{(.*)\}\//.exec(file('.taprc').text) ?? [];
  const run = [...roomsOf(/^test\/(\w+)\/room\.ts$/), ...apart.split(','), 'tidy'];
  t.strictSame(run.sort(), [...new Set(roomsOf(/^test\/(\w+)\/\w.*\.test\.ts$/))].sort());
});
