/**
 * The project as the tidy rules see it: its committed text files, and for TypeScript the parsed
 * tree and the imports.
 *
 * Rules are functions from files to complaints, so that each can be shown to fail on a small
 * planted project. Paths are relative to the project's root with forward slashes; an import of a
 * file of ours is given as the path of its TypeScript source, an import of a package as the
 * package's name.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { posix } from 'node:path';
import ts from 'typescript';

export interface File {
  readonly path: string;
  readonly text: string;
}

export interface Import {
  /**
   * `src/tree/node.ts`, or `lmdb`, or `node:fs`. A folder (`src/cli/verbs/`) where the name is
   * computed.
   */
  readonly target: string;
  readonly line: number;
}

/** In a linked worktree of git, `.git` is a file that git writes. */
const skipped = new Set(['node_modules', 'dist', '.git', '.tap', 'coverage']);
const textName =
  /(?:^|\/)(?:[^./]+|\.[a-z]+|[^/]+\.(?:ts|js|mjs|cjs|json|jsonc|md|yml|yaml|sh|toml))$/;
const generatedName = /(?:^|\/)package-lock\.json$/;

/** Every text file below `root` that a person writes. */
export function projectFiles(root: URL): File[] {
  const files: File[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(new URL(folder, root), { withFileTypes: true })) {
      const path = folder + entry.name;
      if (skipped.has(entry.name)) continue;
      if (entry.isDirectory()) {
        walk(`${path}/`);
      } else if (entry.isFile() && textName.test(path) && !generatedName.test(path)) {
        files.push({ path, text: readFileSync(new URL(path, root), 'utf8') });
      }
    }
  };
  walk('');
  return files.sort((a, b) => (a.path < b.path ? -1 : 1));
}

export function isTypeScript(file: File): boolean {
  return file.path.endsWith('.ts') && !file.path.endsWith('.d.ts');
}

export function isSource(file: File): boolean {
  return file.path.startsWith('src/') && isTypeScript(file);
}

export function parse(file: File): ts.SourceFile {
  return ts.createSourceFile(file.path, file.text, ts.ScriptTarget.ES2022, false);
}

export function lineOf(tree: ts.SourceFile, position: number): number {
  return tree.getLineAndCharacterOfPosition(position).line + 1;
}

/** Calls `visit` for every node of the tree, parents first. */
export function everyNode(tree: ts.SourceFile, visit: (node: ts.Node) => void): void {
  const descend = (node: ts.Node): void => {
    visit(node);
    ts.forEachChild(node, descend);
  };
  ts.forEachChild(tree, descend);
}

/**
 * All imports of a file: static, re-exported, of types, dynamic, and workers named by `new
 * URL('./x.js', …)`.
 */
export function importsOf(file: File): Import[] {
  const tree = parse(file);
  const imports: Import[] = [];
  everyNode(tree, (node) => {
    const named = importedName(node);
    if (named === undefined) return;
    imports.push({ target: resolve(file.path, named), line: lineOf(tree, node.getStart(tree)) });
  });
  return imports;
}

function importedName(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) {
    return node.moduleSpecifier && literal(node.moduleSpecifier);
  }
  if (ts.isImportTypeNode(node)) {
    return ts.isLiteralTypeNode(node.argument) ? literal(node.argument.literal) : undefined;
  }
  if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
    return literal(node.arguments[0]);
  }
  if (
    ts.isNewExpression(node) &&
    ts.isIdentifier(node.expression) &&
    node.expression.text === 'URL'
  ) {
    const name = literal(node.arguments?.[0]);
    return name !== undefined && /^\.{1,2}\/.*\.js$/.test(name) ? name : undefined;
  }
  return undefined;
}

/**
 * The text of a string, or what a template begins with up to its last slash: the folder it chooses
 * from.
 */
function literal(node: ts.Node | undefined): string | undefined {
  if (node === undefined) return undefined;
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) return node.head.text.replace(/[^/]*$/, '');
  return undefined;
}

/** The path of what `from` imports as `name`: of a source of ours, or the name of a package. */
export function resolve(from: string, name: string): string {
  if (name.startsWith('.')) {
    return posix.join(posix.dirname(from), name).replace(/\.js$/, '.ts');
  }
  const parts = name.split('/');
  return name.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] as string);
}
