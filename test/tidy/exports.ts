/**
 * Exports that nothing needs.
 *
 * An export of src is needed where another file of src imports it, where an entry exports it, or
 * where the declaration of such an export names it as a type. What its own file uses may be
 * exported for a test or a bench that looks at it from outside. All else is a complaint: what only
 * tests use is no part of the library and belongs to test/, what nobody imports is not exported.
 */
import ts from 'typescript';
import { everyNode, type File, isTypeScript, lineOf, parse, resolve } from './project.js';

/** One file's declarations, exports and imports by name. */
interface Module {
  readonly path: string;
  readonly tree: ts.SourceFile;
  /** Exported name to the name it has within. */
  readonly exports: Map<string, { readonly local: string; readonly line: number }>;
  /** Name within to where it comes from. */
  readonly imports: Map<string, Origin>;
  /** What it passes on: exported name to where it comes from. */
  readonly passes: Map<string, Origin>;
  /** Modules of which it takes everything: by a star, as a namespace, or at run time. */
  readonly wholes: Set<string>;
}

interface Origin {
  readonly path: string;
  readonly name: string;
}

export function needlessExports(files: readonly File[], entries: readonly string[]): string[] {
  const modules: Modules = new Map(
    files.filter(isTypeScript).map((file) => [file.path, moduleOf(file)] as const),
  );
  const inside = [...modules.values()].filter(({ path }) => path.startsWith('src/'));
  const outside = [...modules.values()].filter(({ path }) => !path.startsWith('src/'));
  const needed = withTypes([...usedBy(inside, modules), ...ofEntries(entries, modules)], modules);
  const watched = new Set([...usedBy(outside, modules)].map(idOf));
  const complaints: string[] = [];
  for (const { path, tree, exports } of inside) {
    for (const [name, { local, line }] of exports) {
      const id = idOf({ path, name });
      if (needed.has(id)) continue;
      const within = usesWithin(tree, local);
      if (within && watched.has(id)) continue;
      const why = within ? 'only its own file uses it' : 'nothing in src uses it';
      complaints.push(`${path}:${line} exports ${name}: ${why}`);
    }
  }
  return complaints;
}

type Modules = ReadonlyMap<string, Module>;

function idOf({ path, name }: Origin): string {
  return `${path} ${name}`;
}

/** What these modules import and pass on. */
function* usedBy(users: readonly Module[], modules: Modules): Generator<Origin> {
  for (const { imports, passes, wholes } of users) {
    yield* imports.values();
    yield* passes.values();
    for (const whole of wholes) {
      for (const { path, exports } of modules.values()) {
        if (path !== whole && !(whole.endsWith('/') && path.startsWith(whole))) continue;
        for (const name of exports.keys()) yield { path, name };
      }
    }
  }
}

function* ofEntries(entries: readonly string[], modules: Modules): Generator<Origin> {
  for (const path of entries) {
    const module = modules.get(path);
    if (module === undefined) continue;
    for (const name of [...module.exports.keys(), ...module.passes.keys()]) yield { path, name };
  }
}

/** These exports, where they come from, and all that their declarations name, bodies apart. */
function withTypes(used: readonly Origin[], modules: Modules): Set<string> {
  const needed = new Set<string>();
  const open = [...used];
  for (let origin = open.pop(); origin !== undefined; origin = open.pop()) {
    const module = modules.get(origin.path);
    if (module === undefined || needed.has(idOf(origin))) continue;
    needed.add(idOf(origin));
    const from = module.passes.get(origin.name);
    if (from !== undefined) open.push(from);
    const local = module.exports.get(origin.name)?.local;
    if (local === undefined) continue;
    for (const name of namesIn(declarationsOf(module.tree, local))) {
      open.push(module.imports.get(name) ?? { path: origin.path, name });
    }
  }
  return needed;
}

function declarationsOf(tree: ts.SourceFile, name: string): ts.Node[] {
  return tree.statements.filter((each) => declaredNames(each).includes(name));
}

/** Identifiers of declarations, but for those in bodies, initializers and private members. */
function namesIn(nodes: readonly ts.Node[]): Set<string> {
  const names = new Set<string>();
  const descend = (node: ts.Node): void => {
    if (ts.isIdentifier(node)) names.add(node.text);
    if (ts.isBlock(node) || (ts.isClassElement(node) && isPrivate(node))) return;
    const initializer = (node as { initializer?: ts.Node }).initializer;
    ts.forEachChild(node, (child) => {
      if (child !== initializer) descend(child);
    });
  };
  for (const node of nodes) descend(node);
  return names;
}

function isPrivate({ name }: ts.ClassElement): boolean {
  return name !== undefined && ts.isPrivateIdentifier(name);
}

/** Whether a statement of the file names it, other than the one that declares or exports it. */
function usesWithin(tree: ts.SourceFile, name: string): boolean {
  const names = (node: ts.Node): boolean =>
    (ts.isIdentifier(node) && node.text === name) || ts.forEachChild(node, names) === true;
  return tree.statements.some(
    (each) => !ts.isExportDeclaration(each) && !declaredNames(each).includes(name) && names(each),
  );
}

function declaredNames(statement: ts.Statement): string[] {
  if (ts.isVariableStatement(statement)) {
    return statement.declarationList.declarations.flatMap(({ name }) => boundNames(name));
  }
  const { name } = statement as { name?: ts.Node };
  return name !== undefined && ts.isIdentifier(name) ? [name.text] : [];
}

function boundNames(name: ts.BindingName): string[] {
  if (ts.isIdentifier(name)) return [name.text];
  return name.elements.flatMap((each) =>
    ts.isOmittedExpression(each) ? [] : boundNames(each.name),
  );
}

function moduleOf(file: File): Module {
  const tree = parse(file);
  const module: Module = {
    path: file.path,
    tree,
    exports: new Map(),
    imports: new Map(),
    passes: new Map(),
    wholes: new Set(),
  };
  for (const statement of tree.statements) {
    if (ts.isImportDeclaration(statement)) readImport(module, statement);
    else if (ts.isExportDeclaration(statement)) readExport(module, statement);
    else if (ts.isExportAssignment(statement)) {
      module.exports.set('default', { local: 'default', line: lineOf(tree, statement.pos) });
    } else readDeclaration(module, statement);
  }
  everyNode(tree, (node) => readDynamic(module, node));
  return module;
}

function readImport(module: Module, { importClause, moduleSpecifier }: ts.ImportDeclaration): void {
  const path = resolve(module.path, (moduleSpecifier as ts.StringLiteral).text);
  if (importClause?.name !== undefined) {
    module.imports.set(importClause.name.text, { path, name: 'default' });
  }
  const named = importClause?.namedBindings;
  if (named === undefined) return;
  if (ts.isNamespaceImport(named)) module.wholes.add(path);
  else {
    for (const { name, propertyName } of named.elements)
      module.imports.set(name.text, { path, name: (propertyName ?? name).text });
  }
}

function readExport(module: Module, statement: ts.ExportDeclaration): void {
  const { exportClause, moduleSpecifier } = statement;
  const from = moduleSpecifier && resolve(module.path, (moduleSpecifier as ts.StringLiteral).text);
  if (exportClause === undefined || ts.isNamespaceExport(exportClause)) {
    if (from !== undefined) module.wholes.add(from);
    return;
  }
  for (const { name, propertyName } of exportClause.elements) {
    const local = (propertyName ?? name).text;
    if (from !== undefined) module.passes.set(name.text, { path: from, name: local });
    else {
      const line = lineOf(module.tree, statement.getStart(module.tree));
      module.exports.set(name.text, { local, line });
    }
  }
}

function readDeclaration(module: Module, statement: ts.Statement): void {
  const modifiers = ts.canHaveModifiers(statement) ? ts.getModifiers(statement) : undefined;
  const has = (kind: ts.SyntaxKind): boolean =>
    modifiers?.some((one) => one.kind === kind) === true;
  if (!has(ts.SyntaxKind.ExportKeyword)) return;
  const line = lineOf(module.tree, statement.getStart(module.tree));
  if (has(ts.SyntaxKind.DefaultKeyword)) module.exports.set('default', { local: 'default', line });
  else for (const name of declaredNames(statement)) module.exports.set(name, { local: name, line });
}

/** `import('…')` at run time takes all; as a type, it takes what its qualifier names. */
function readDynamic(module: Module, node: ts.Node): void {
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    const path = resolve(module.path, (node.argument.literal as ts.StringLiteral).text);
    const name =
      node.qualifier && ts.isIdentifier(node.qualifier) ? node.qualifier.text : undefined;
    if (name === undefined) module.wholes.add(path);
    else module.imports.set(`${path} ${name}`, { path, name });
    return;
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) return;
  const [first] = node.arguments;
  if (first === undefined) return;
  if (ts.isStringLiteralLike(first)) module.wholes.add(resolve(module.path, first.text));
  if (ts.isTemplateExpression(first)) {
    module.wholes.add(resolve(module.path, first.head.text.replace(/[^/]*$/, '')));
  }
}
