/**
 * The examples of a document, as programs: the blocks fenced as `ts` and `js` under one heading
 * are one module, run in an empty folder. What a `console.log` prints is what the comment behind it
 * says.
 *
 *     console.log(store.stats().entries); // 3
 *
 * Blocks fenced with a further word (`ts fragment`) are not run. `regalia` is the package itself,
 * as built.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspect } from 'node:util';
import ts from 'typescript';

export interface Program {
  /** The heading that it is under. */
  readonly title: string;
  readonly code: string;
  /** What it prints, line by line. */
  readonly prints: readonly string[];
}

/** The programs of a document, in its order. */
export function programsOf(document: string): Program[] {
  const programs: Program[] = [];
  for (const section of document.split(/^(?=#{1,4} )/m)) {
    const title = /^#+ (.*)$/m.exec(section)?.[1] ?? '';
    const blocks = [...section.matchAll(/^```[tj]s\n([\s\S]*?)^```$/gm)].map(([, code]) => code);
    if (blocks.length === 0) continue;
    const code = blocks.join('\n');
    const prints = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(
      ([, text]) => text ?? '',
    );
    programs.push({ title, code, prints });
  }
  return programs;
}

const built = new URL('../../', import.meta.url);
const options: ts.CompilerOptions = {
  target: ts.ScriptTarget.ES2022,
  lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.asynciterable.d.ts'],
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  strict: true,
  noEmit: true,
  skipLibCheck: true,
  types: ['node'],
};

/** What the compiler says of the programs: with the title of each that it finds fault with. */
export async function typeFaults(programs: readonly Program[]): Promise<string[]> {
  const folder = await mkdtemp(join(await placeOfPrograms(), 'types-'));
  try {
    const files = programs.map((_, i) => join(folder, `${i}.mts`));
    for (const [i, { code }] of programs.entries()) await writeFile(files[i] as string, code);
    const program = ts.createProgram(files, options);
    return ts.getPreEmitDiagnostics(program).map(({ file, messageText }) => {
      const title = programs[files.indexOf(file?.fileName ?? '')]?.title ?? file?.fileName;
      return `${title}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Runs a program, and returns what it printed. To run several, run one after the other. */
export async function run({ code }: Program): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'regalia-example-'));
  const place = await mkdtemp(join(await placeOfPrograms(), 'run-'));
  const before = process.cwd();
  const { log } = console;
  const printed: string[] = [];
  try {
    const file = join(place, 'program.mjs');
    const compilerOptions = { ...options, noEmit: false, module: ts.ModuleKind.ES2022 };
    const { outputText } = ts.transpileModule(code, { compilerOptions, fileName: 'program.mts' });
    await writeFile(file, outputText);
    console.log = (...parts: unknown[]) => printed.push(parts.map(shown).join(' '));
    process.chdir(folder);
    await import(pathToFileURL(file).href);
  } finally {
    console.log = log;
    process.chdir(before);
    await rm(folder, { recursive: true });
    await rm(place, { recursive: true });
  }
  return printed;
}

function shown(part: unknown): string {
  return typeof part === 'string' ? part : inspect(part, { breakLength: Infinity });
}

/** Within the package, so that its own name leads to it. */
async function placeOfPrograms(): Promise<string> {
  const place = fileURLToPath(new URL('docs-programs/', built));
  await mkdir(place, { recursive: true });
  return place;
}
