/** A program of somebody who uses the package, and its compilation by any release of TypeScript. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bare } from '../bare.js';

export const root: string = fileURLToPath(new URL('../../../', import.meta.url));

const PROGRAM = `
import { isRegaliaError, Regalia, RegaliaError } from 'regalia';
import { importTree } from 'regalia/fs';

const store = await Regalia.memory<{ title: string; acl: Uint8Array }>();
await store.transact((tx) => tx.put('/a', 'title', 'a title'));
const title: string | undefined = store.snapshot().get('/a', 'title')?.decoded();
for (const entry of store.snapshot().children('/', { prefix: 'a' })) console.log(entry.key, title);
try {
  store.branch('x');
} catch (error) {
  if (error instanceof RegaliaError && error.code === 'REGALIA_KEY') console.log(error.data.key);
  if (isRegaliaError(error, 'REGALIA_FULL')) console.log(error.data.path);
}
const { body } = await fetch('https://example.com');
if (body !== null) {
  await store.transact((tx) => tx.write('/a', 'acl', body));
  await store.import(body);
}
const loose = await Regalia.memory();
await loose.transact((tx) => importTree(tx, '.', '/files'));
await store.close();
`;

export type Resolution = 'node16' | 'nodenext' | 'bundler';

/**
 * What the compiler in that folder says of the program, line by line. `installed` is where the
 * package lies; default this project.
 */
export async function compileConsumer(
  compiler: string,
  resolution: Resolution,
  { installed = root, lib = 'es2022' }: { installed?: string; lib?: string } = {},
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'regalia-consumer-'));
  try {
    const modules = join(folder, 'node_modules');
    await mkdir(join(modules, '@types'), { recursive: true });
    await symlink(installed, join(modules, 'regalia'));
    await cp(join(root, 'node_modules/@types/node'), join(modules, '@types/node'), {
      recursive: true,
    });
    await cp(join(root, 'node_modules/undici-types'), join(modules, 'undici-types'), {
      recursive: true,
    });
    await writeFile(join(folder, 'package.json'), '{ "type": "module" }');
    await writeFile(join(folder, 'index.ts'), PROGRAM);
    const module = resolution === 'bundler' ? 'esnext' : resolution;
    const options = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022'];
    const resolving = ['--module', module, '--moduleResolution', resolution, '--lib', lib];
    const args = [join(compiler, 'bin/tsc'), ...options, ...resolving, '--types', 'node'];
    return await new Promise((resolve) => {
      execFile(...bare(process.execPath, ...args, 'index.ts'), { cwd: folder }, (error, said) => {
        resolve(error === null ? [] : [...said.split('\n').filter((line) => line !== '')]);
      });
    });
  } finally {
    await rm(folder, { recursive: true });
  }
}
