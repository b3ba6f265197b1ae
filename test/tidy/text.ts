/**
 * Rules about the text of files: size of functions and lines, header comments, file names, words
 * that do not belong in a finished text, where errors are made, what the docs must name.
 *
 * Forbidden words are spelled in halves here, so that this file passes its own rule.
 */
import ts from 'typescript';
import { everyNode, type File, isSource, isTypeScript, lineOf, parse } from './project.js';

export const limits = {
  /** Beyond it a file may be more than one idea: a question, never a failure. */
  fileLines: 600,
  functionLines: 70,
  lineColumns: 100,
} as const;

function linesOf(text: string): string[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines;
}

/** Files of which to ask whether they are one idea. */
export function longFiles(files: readonly File[]): string[] {
  const questions: string[] = [];
  for (const file of files.filter(isTypeScript)) {
    const count = linesOf(file.text).length;
    if (count > limits.fileLines) questions.push(`${file.path} has ${count} lines: one idea?`);
  }
  return questions;
}

/** Lines of TypeScript that are too wide, code and comments alike; a column is a code point. */
export function longLines(files: readonly File[]): string[] {
  const complaints: string[] = [];
  for (const file of files.filter(isTypeScript)) {
    for (const [index, line] of linesOf(file.text).entries()) {
      const columns = line.length <= limits.lineColumns ? line.length : [...line].length;
      if (columns > limits.lineColumns)
        complaints.push(`${file.path}:${index + 1} has ${columns} columns`);
    }
  }
  return complaints;
}

/** Functions, methods, accessors and arrows, measured from their first to their last line. */
export function longFunctions(files: readonly File[]): string[] {
  const complaints: string[] = [];
  for (const file of files.filter(isTypeScript)) {
    const tree = parse(file);
    everyNode(tree, (node) => {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return;
      const first = lineOf(tree, node.getStart(tree));
      const count = lineOf(tree, node.getEnd()) - first + 1;
      if (count <= limits.functionLines) return;
      complaints.push(`${file.path}:${first} is a function of ${count} lines`);
    });
  }
  return complaints;
}

/** A file says what it is before anything else; a script's first line may come before that. */
export function missingHeaders(files: readonly File[]): string[] {
  return files
    .filter(isTypeScript)
    .filter((file) => !/^(?:#!.*\n)?\s*\/[*/]/.test(file.text))
    .map((file) => `${file.path} has no header comment`);
}

const vagueName = /(?:^|[/.-])(?:utils?|helpers?|commons?|misc|managers?)(?:[.-]|$)/;

/** Names that say nothing, of files and of folders. */
export function vagueNames(files: readonly File[]): string[] {
  return files
    .filter(isTypeScript)
    .filter((file) => file.path.split('/').some((part) => vagueName.test(part)))
    .map((file) => `${file.path}: a name that says nothing of what is within`);
}

const joined = (...halves: string[]): string => halves.join('');

const forbiddenWords: readonly RegExp[] = [
  new RegExp(`\\b(?:${joined('TO', 'DO')}|${joined('FIX', 'ME')}|${joined('XX', 'X')})\\b`),
  new RegExp(
    `(?<![\\w.*])/(?:${joined('wo', 'rk')}|${joined('ro', 'ot')}|${joined('Us', 'ers')})/`,
  ),
  new RegExp(
    `\\b(?:${joined('DES', 'IGN')}|${joined('MEAS', 'URED')}|${joined('STY', 'LE')})\\.md\\b`,
  ),
  /\bdebugger;/,
  /^(?:<{7}|>{7}) /m,
];

/**
 * Notes to oneself, machine paths, references to papers that are not here, leftovers of a merge.
 */
export function forbiddenText(files: readonly File[]): string[] {
  const complaints: string[] = [];
  for (const file of files) {
    for (const [index, line] of linesOf(file.text).entries()) {
      const found = forbiddenWords.map((word) => word.exec(line)?.[0]).find(Boolean);
      if (found !== undefined) complaints.push(`${file.path}:${index + 1} has ${found}`);
    }
  }
  return complaints;
}

/** The codes that `interface ErrorData` declares. */
export function errorCodes(errors: File): string[] {
  const codes: string[] = [];
  everyNode(parse(errors), (node) => {
    if (!ts.isInterfaceDeclaration(node) || node.name.text !== 'ErrorData') return;
    for (const member of node.members) {
      if (member.name !== undefined && ts.isIdentifier(member.name)) codes.push(member.name.text);
    }
  });
  return codes;
}

/** A heading for each code, once, and no heading for a code that is no more. */
export function errorHeadings(codes: readonly string[], document: string): string[] {
  const headings = [...document.matchAll(/^#{2,4} `?(REGALIA_\w+)`?\s*$/gm)].map(
    (match) => match[1],
  );
  const complaints: string[] = [];
  for (const code of codes) {
    const count = headings.filter((heading) => heading === code).length;
    if (count !== 1) complaints.push(`docs/errors.md has ${count} headings for ${code}`);
  }
  for (const heading of headings) {
    if (!codes.includes(heading as string))
      complaints.push(`docs/errors.md explains ${heading}, no code`);
  }
  return complaints;
}

/** An error is made by a maker of the ground, so that its message and evidence have one home. */
export function errorsMadeOutside(files: readonly File[], ground: string): string[] {
  const complaints: string[] = [];
  for (const file of files.filter((each) => isSource(each) && !each.path.startsWith(ground))) {
    const tree = parse(file);
    everyNode(tree, (node) => {
      if (!ts.isNewExpression(node) || !ts.isIdentifier(node.expression)) return;
      if (node.expression.text !== 'RegaliaError') return;
      const line = lineOf(tree, node.getStart(tree));
      complaints.push(`${file.path}:${line} makes a RegaliaError: use a maker of ${ground}`);
    });
  }
  return complaints;
}

/**
 * The block marked `where` in ARCHITECTURE.md answers a newcomer's questions, one a line, with the
 * files to read first: `how a key is parsed   src/tree/key.ts`.
 */
export function lostAnswers(files: readonly File[], block: readonly string[]): string[] {
  const complaints: string[] = [];
  for (const line of block) {
    const named = line.match(/\bsrc\/[\w./-]*\w/g) ?? [];
    if (named.length === 0) complaints.push(`no file answers: ${line.trim()}`);
    for (const path of named) {
      if (!files.some((file) => file.path === path)) complaints.push(`there is no ${path}`);
    }
  }
  return complaints;
}
