/** Small files: read where they are files, refused at once where something else is. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { readRegular } from '../../src/ground/regular-file.js';
import { works } from '../engine/child.js';

t.test('a file is read, also through a link', async (t) => {
  const folder = t.testdir();
  const file = path.join(folder, 'file');
  writeFileSync(file, 'what is in it');
  symlinkSync(file, path.join(folder, 'link'));
  for (const name of ['file', 'link']) {
    t.equal(readRegular(path.join(folder, name)).toString(), 'what is in it');
  }
  t.throws(() => readRegular(path.join(folder, 'none')), { code: 'ENOENT' });
});

t.test('a folder, a device and a pipe are refused', async (t) => {
  const folder = t.testdir();
  mkdirSync(path.join(folder, 'folder'));
  const others = [path.join(folder, 'folder'), '/dev/null'];
  if (works('mkfifo', '--version')) {
    execFileSync('mkfifo', [path.join(folder, 'pipe')]);
    others.push(path.join(folder, 'pipe'));
  }
  for (const other of others) {
    t.throws(() => readRegular(other), { code: 'REGALIA_FORMAT' }, other);
  }
});
