/**
 * The WebAssembly that is checked in is what its sources give, and a runtime without any is served
 * by plain twins.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { instantiate } from '../../src/kernels/wasm-module.js';
import { bare } from '../bare.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));

t.test('a rebuild gives the modules byte for byte', async (t) => {
  const build = spawnSync(...bare(process.execPath, 'src/kernels/wasm/build.js', '--check'), {
    cwd: root,
    encoding: 'utf8',
  });
  t.equal(build.stderr, '');
  t.equal(build.status, 0);
});

t.test('bytes that are no module, or that cannot run here, give none', async (t) => {
  t.equal(instantiate(Buffer.from('no module').toString('base64')), undefined);
  t.equal(instantiate(''), undefined);
});

t.test('without WebAssembly contents are cut all the same', async (t) => {
  const script = `
    const { Cdc, compiledScan } = await import('./dist/src/kernels/cdc.js');
    if (compiledScan() !== undefined) throw new Error('there is WebAssembly');
    const bytes = Uint8Array.from({ length: 5000 }, (_, i) => (i * i) >>> 3);
    console.log(new Cdc({ bytesMin: 64, bytesAvg: 256, bytesMax: 1024 }).cut(bytes, 0, 5000));
  `;
  const run = (...options: string[]) =>
    spawnSync(...bare(process.execPath, ...options, '--input-type=module', '-e', script), {
      cwd: root,
      encoding: 'utf8',
    });
  const plain = run('--jitless');
  t.equal(plain.status, 0, plain.stderr);
  t.match(plain.stdout, /^\d+\n$/);
  t.match(run().stderr, /there is WebAssembly/);
});
