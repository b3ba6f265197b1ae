/**
 * The types of the surfaces, as they are built, the main one and each subpath of the package: every
 * type that a public signature names is exported there and has a comment, and so has every public
 * method. And a program that uses them compiles as a consumer's would, libraries checked as well.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { compileConsumer, root } from './consumer.js';

const built = fileURLToPath(new URL('../../src/', import.meta.url));
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
};
/** The file of declarations of each subpath that is imported as code. */
const entries = Object.entries(manifest.exports).flatMap(([subpath, to]) =>
  typeof to === 'string' ? [] : [{ subpath, entry: join(root, to.types) }],
);

const files = entries.map(({ entry }) => entry);
const program = ts.createProgram(files, {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  types: ['node'],
});
const checker = program.getTypeChecker();

function target(symbol: ts.Symbol): ts.Symbol {
  return symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
}

/** What a module exports, by its symbol. */
function exported(entry: string): Map<ts.Symbol, string> {
  const file = program.getSourceFile(entry);
  const module = file && checker.getSymbolAtLocation(file);
  if (module === undefined) throw new Error(`${entry} is not built`);
  return new Map(checker.getExportsOfModule(module).map((one) => [target(one), one.name]));
}

function isOurs(declaration: ts.Declaration): boolean {
  return declaration.getSourceFile().fileName.startsWith(built);
}

function isPrivate(node: ts.Node): boolean {
  const flags = ts.ModifierFlags.Private;
  return ts.isClassElement(node) && (ts.getCombinedModifierFlags(node) & flags) !== 0;
}

/** The types of ours that a declaration names, its private members left out. */
function namedIn(declaration: ts.Declaration): ts.Symbol[] {
  const found: ts.Symbol[] = [];
  const visit = (node: ts.Node): void => {
    if (isPrivate(node)) return;
    const name = ts.isTypeReferenceNode(node)
      ? node.typeName
      : ts.isExpressionWithTypeArguments(node)
        ? node.expression
        : undefined;
    const symbol = name && checker.getSymbolAtLocation(name);
    if (symbol !== undefined) found.push(target(symbol));
    ts.forEachChild(node, visit);
  };
  visit(declaration);
  return found.filter((symbol) => {
    const isParameter = (symbol.flags & ts.SymbolFlags.TypeParameter) !== 0;
    return !isParameter && symbol.declarations?.some(isOurs) === true;
  });
}

function comment(symbol: ts.Symbol): string {
  return ts.displayPartsToString(symbol.getDocumentationComment(checker));
}

/** Types that signatures of the module name, and that it does not export. */
function hiddenIn(entry: string): string[] {
  const all = exported(entry);
  const hidden = new Set<string>();
  for (const [symbol, name] of all) {
    for (const declaration of symbol.declarations ?? []) {
      for (const named of namedIn(declaration)) {
        // The class of errors goes by the name of its type.
        if (name === 'RegaliaError' && named.name === 'Fault') continue;
        if (!all.has(named)) hidden.add(`${named.name}, named by ${name}`);
      }
    }
  }
  return [...hidden].sort();
}

/** What the module exports without a comment, methods of classes included. */
function bareIn(entry: string): string[] {
  const bare: string[] = [];
  for (const [symbol, name] of exported(entry)) {
    if (!symbol.declarations?.some(isOurs)) continue;
    if (comment(symbol) === '') bare.push(name);
    if ((symbol.flags & ts.SymbolFlags.Class) === 0) continue;
    for (const member of symbol.members?.values() ?? []) {
      const isMethod = (member.flags & (ts.SymbolFlags.Method | ts.SymbolFlags.Accessor)) !== 0;
      const isHidden = member.declarations?.some(isPrivate) || member.name.startsWith('__#');
      if (isMethod && !isHidden && comment(member) === '') bare.push(`${name}.${member.name}`);
    }
  }
  return bare.sort();
}

t.ok(entries.length > 2, 'there are subpaths');
for (const { subpath, entry } of entries) {
  t.test(`${subpath}: every type that a public signature names is exported`, async (t) => {
    t.strictSame(hiddenIn(entry), []);
  });

  t.test(`${subpath}: all that is exported has a comment, and so have methods`, async (t) => {
    t.strictSame(bareIn(entry), []);
  });
}

t.test('a consumer compiles, with the libraries checked', async (t) => {
  t.strictSame(
    await compileConsumer(ts.sys.resolvePath('node_modules/typescript'), 'nodenext'),
    [],
  );
});
