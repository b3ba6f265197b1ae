/**
 * Rules about imports: floors, cycles, barrels, who may import which package or name what is kept
 * at a door, and files that nothing reaches.
 *
 * The floors are read from the block in ARCHITECTURE.md marked `floors`, one room a line:
 *
 *     2  src/tree/     free text
 *
 * Where that text has "only src/index.ts" the room imports nothing else from outside. A room is a
 * folder or a single file. An import stays in its room or goes to a lower floor; `-` is the ground,
 * which is one room. The block marked `packages` names the files that may import each package, and
 * the one marked `doors` what only its home and one other file may name.
 */
import ts from 'typescript';
import { everyNode, type File, importsOf, isSource, lineOf, parse } from './project.js';

export interface Room {
  readonly path: string;
  /** -1 is the ground. */
  readonly floor: number;
  /** The one file that this room may import from outside itself, if it is so limited. */
  readonly only?: string;
}

/** The lines of the first fenced block whose fence is marked `name`; throws where there is none. */
export function fencedBlock(document: string, name: string): string[] {
  const lines = document.split('\n');
  const start = lines.indexOf(`\`\`\`${name}`);
  const end = lines.indexOf('```', start + 1);
  if (start < 0 || end < 0) throw new Error(`ARCHITECTURE.md has no block marked ${name}`);
  return lines.slice(start + 1, end).filter((line) => line.trim() !== '');
}

export function parseFloors(document: string): Room[] {
  return fencedBlock(document, 'floors').map((line) => {
    const match = /^\s*(-|\d+)\s+(src\/\S+)(.*)$/.exec(line);
    if (match === null) throw new Error(`not a line of the floor table: ${line}`);
    const [, floor, path, words] = match as unknown as [string, string, string, string];
    const only = /only (src\/[\w./-]+)/.exec(words)?.[1];
    return { path, floor: floor === '-' ? -1 : Number(floor), ...(only && { only }) };
  });
}

/** The most specific room of a path: a file's own line before its folder's. */
function roomOf(path: string, rooms: readonly Room[]): Room | undefined {
  return (
    rooms.find((room) => room.path === path) ??
    rooms.find((room) => room.path.endsWith('/') && path.startsWith(room.path))
  );
}

export function floorBreaches(files: readonly File[], rooms: readonly Room[]): string[] {
  const complaints: string[] = [];
  for (const file of files.filter(isSource)) {
    const room = roomOf(file.path, rooms);
    if (room === undefined) {
      complaints.push(`${file.path} is in no room of the floor table`);
      continue;
    }
    for (const { target, line } of importsOf(file)) {
      if (!target.startsWith('src/')) continue;
      const breach = breachOf(room, roomOf(target, rooms), target);
      if (breach !== undefined)
        complaints.push(`${file.path}:${line} imports ${target}: ${breach}`);
    }
  }
  return complaints;
}

function breachOf(from: Room, to: Room | undefined, target: string): string | undefined {
  if (to === undefined) return 'which is in no room';
  if (to === from || to.floor === -1) return undefined;
  if (from.only !== undefined && target !== from.only) return `${from.path} uses only ${from.only}`;
  if (to.floor > from.floor) return `up from floor ${from.floor} to floor ${to.floor}`;
  if (to.floor === from.floor) return `sideways on floor ${from.floor}`;
  return undefined;
}

/** One complaint per cycle found, naming the files in order. */
export function importCycles(files: readonly File[]): string[] {
  const edges = edgesOf(files);
  const done = new Set<string>();
  const trail: string[] = [];
  const complaints: string[] = [];
  const visit = (path: string): void => {
    const at = trail.indexOf(path);
    if (at >= 0) complaints.push(`import cycle: ${[...trail.slice(at), path].join(' → ')}`);
    if (at >= 0 || done.has(path)) return;
    trail.push(path);
    for (const target of edges.get(path) ?? []) visit(target);
    trail.pop();
    done.add(path);
  };
  for (const path of edges.keys()) visit(path);
  return complaints;
}

function edgesOf(files: readonly File[]): Map<string, string[]> {
  return new Map(
    files.filter(isSource).map((file) => [file.path, importsOf(file).map((each) => each.target)]),
  );
}

/** A barrel only passes on what others define, and so hides what depends on what. */
export function barrels(files: readonly File[], surfaces: readonly string[]): string[] {
  const complaints: string[] = [];
  for (const file of files.filter((each) => isSource(each) && !surfaces.includes(each.path))) {
    const { statements } = parse(file);
    const passedOn = (statement: ts.Statement): statement is ts.ExportDeclaration =>
      ts.isExportDeclaration(statement) && statement.moduleSpecifier !== undefined;
    const onlyPasses =
      statements.some(passedOn) &&
      statements.every((each) => ts.isImportDeclaration(each) || ts.isExportDeclaration(each));
    const passesAll = statements.some((each) => passedOn(each) && each.exportClause === undefined);
    if (onlyPasses || passesAll || /\/index\.ts$/.test(file.path)) {
      complaints.push(
        `${file.path} is a barrel: only ${surfaces.join(' and ')} may pass on what others export`,
      );
    }
  }
  return complaints;
}

/** Package names to the patterns of the files that may import them. */
export function parsePackages(document: string): Map<string, string[]> {
  return new Map(
    fencedBlock(document, 'packages').map((line) => {
      const [name, ...patterns] = line.trim().split(/\s+/) as [string, ...string[]];
      return [name, patterns];
    }),
  );
}

export function packageBreaches(
  files: readonly File[],
  packages: ReadonlyMap<string, readonly string[]>,
): string[] {
  const complaints: string[] = [];
  for (const file of files.filter(isSource)) {
    for (const { target, line } of importsOf(file)) {
      if (target.startsWith('src/') || target.startsWith('node:')) continue;
      const patterns = packages.get(target) ?? [];
      if (patterns.some((pattern) => matches(file.path, pattern))) continue;
      const where = patterns.length === 0 ? 'no file' : `only ${patterns.join(', ')}`;
      complaints.push(`${file.path}:${line} imports ${target}: ${where} may`);
    }
  }
  return complaints;
}

/** Something that is kept at a door. */
export interface Kept {
  readonly name: string;
  readonly home: string;
  /** The files that may name it beside its home. */
  readonly users: readonly string[];
}

export function parseDoors(document: string): Kept[] {
  return fencedBlock(document, 'doors').map((line) => {
    const [name, home, ...users] = line.trim().split(/\s+/) as [string, string, ...string[]];
    return { name, home, users: users.filter((user) => user !== '-') };
  });
}

/** Where something is named that is kept at a door, or is not where the table says. */
export function doorBreaches(files: readonly File[], kept: readonly Kept[]): string[] {
  const complaints: string[] = [];
  const used = new Set<string>();
  for (const file of files.filter(isSource)) {
    const tree = parse(file);
    everyNode(tree, (node) => {
      if (!ts.isIdentifier(node)) return;
      const one = kept.find(({ name }) => name === node.text);
      if (one === undefined) return;
      used.add(`${one.name} ${file.path}`);
      if (file.path === one.home || one.users.includes(file.path)) return;
      const where = [one.home, ...one.users].join(' and ');
      const line = lineOf(tree, node.getStart(tree));
      complaints.push(`${file.path}:${line} names ${one.name}: only ${where} may`);
    });
  }
  for (const { name, home, users } of kept) {
    for (const path of [home, ...users].filter((path) => !used.has(`${name} ${path}`))) {
      complaints.push(`${path} does not name ${name}: the table of doors is wrong`);
    }
  }
  return complaints;
}

function matches(path: string, pattern: string): boolean {
  const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*');
  return new RegExp(`^${escaped}$`).test(path);
}

/** Source files that no entry reaches. Says nothing while there is no entry at all. */
export function deadFiles(files: readonly File[], entries: readonly string[]): string[] {
  const edges = edgesOf(files);
  const outside = files.filter((file) => entries.includes(file.path) && !isSource(file));
  for (const { path, imports } of outside.map((file) => ({
    path: file.path,
    imports: importsOf(file),
  }))) {
    edges.set(
      path,
      imports.map((each) => each.target),
    );
  }
  const reached = new Set<string>();
  const visit = (target: string): void => {
    if (target.endsWith('/')) {
      for (const path of edges.keys()) if (path.startsWith(target)) visit(path);
    } else if (edges.has(target) && !reached.has(target)) {
      reached.add(target);
      for (const next of edges.get(target) ?? []) visit(next);
    }
  };
  for (const entry of entries) visit(entry);
  if (reached.size === 0) return [];
  return [...edges.keys()]
    .filter((path) => !reached.has(path))
    .map((path) => `${path} is dead: nothing reaches it from ${entries.join(' or ')}`);
}
