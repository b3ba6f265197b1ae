/** Consumers of the packed package, under releases of TypeScript from 5.4 to the newest. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import { compileConsumer, type Resolution, root } from './consumer.js';

const run = promisify(execFile);
const RELEASES = ['5.4', '5.5', '5.9', 'latest'];
const RESOLUTIONS: readonly Resolution[] = ['node16', 'nodenext', 'bundler'];

t.test('a consumer of the package compiles under every release and resolution', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'regalia-packed-'));
  try {
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', folder], { cwd: root });
    const [tarball = ''] = await readdir(folder);
    const into = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix'];
    await run('npm', [...into, join(folder, 'app'), join(folder, tarball)]);
    const installed = join(folder, 'app/node_modules/regalia');
    for (const release of RELEASES) {
      const place = join(folder, release);
      await run('npm', [...into, place, `typescript@${release}`]);
      const compiler = join(place, 'node_modules/typescript');
      for (const resolution of RESOLUTIONS) {
        for (const lib of ['es2022', 'es2022,dom,dom.iterable']) {
          const faults = await compileConsumer(compiler, resolution, { installed, lib });
          t.strictSame(faults, [], `${release}, ${resolution}, ${lib}`);
        }
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
