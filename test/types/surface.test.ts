/**
 * The types of the surface, as they are built: every type that a public signature names is exported
 * and has a comment, and so has every public method. And a program that uses them compiles as a
 * consumer's would, libraries checked as well.
 */
import { fileURLToPath } from 'node:url';
import t from 'tap';
import ts from 'typescript';
import { compileConsumer } from './consumer.js';

const built = fileURLToPath(new URL('../../src/', import.meta.url));
const entry = `${built}index.d.ts`;

const program = ts.createProgram([entry], {
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

/** What is exported, by its symbol. */
function exported(): Map<ts.Symbol, string> {
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

t.test('every type that a public signature names is exported', async (t) => {
  const all = exported();
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
  t.strictSame([...hidden].sort(), []);
});

t.test('everything that is exported has a comment, and so have methods', async (t) => {
  const bare: string[] = [];
  for (const [symbol, name] of exported()) {
    if (!symbol.declarations?.some(isOurs)) continue;
    if (comment(symbol) === '') bare.push(name);
    if ((symbol.flags & ts.SymbolFlags.Class) === 0) continue;
    for (const member of symbol.members?.values() ?? []) {
      const isMethod = (member.flags & (ts.SymbolFlags.Method | ts.SymbolFlags.Accessor)) !== 0;
      const isHidden = member.declarations?.some(isPrivate) || member.name.startsWith('__#');
      if (isMethod && !isHidden && comment(member) === '') bare.push(`${name}.${member.name}`);
    }
  }
  t.strictSame(bare.sort(), []);
});

t.test('a consumer compiles, with the libraries checked', async (t) => {
  t.strictSame(
    await compileConsumer(ts.sys.resolvePath('node_modules/typescript'), 'nodenext'),
    [],
  );
});
