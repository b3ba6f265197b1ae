/**
 * Files that take the place of others: whole, for their owner alone, and nothing left beside them.
 */
import fs from 'node:fs';
import path from 'node:path';
import t from 'tap';
import * as fsync from '../../src/ground/fsync.js';

for (const [name, replace] of [
  ['replaceFile', fsync.replaceFile],
  ['replaceFileNow', async (file: string, text: string) => fsync.replaceFileNow(file, text)],
] as const) {
  t.test(`${name} puts a file in the place of another`, async (t) => {
    const folder = t.testdir({ it: 'before' });
    const file = path.join(folder, 'it');
    await replace(file, 'after');
    t.equal(fs.readFileSync(file, 'utf8'), 'after');
    t.equal(fs.statSync(file).mode & 0o777, 0o600);
    t.strictSame(fs.readdirSync(folder), ['it']);
    await replace(path.join(folder, 'new'), 'made');
    t.strictSame(fs.readdirSync(folder).sort(), ['it', 'new']);
  });

  t.test(`${name} leaves what was there where it fails`, async (t) => {
    const folder = t.testdir({ it: { within: 'a folder is in the way' } });
    await t.rejects(replace(path.join(folder, 'it'), 'after'));
    t.equal(fs.readFileSync(path.join(folder, 'it', 'within'), 'utf8'), 'a folder is in the way');
    await t.rejects(replace(path.join(folder, 'absent', 'it'), 'after'), { code: 'ENOENT' });
  });
}

t.test("files and folders are flushed, and what is absent is the system's error", async (t) => {
  const folder = t.testdir({ it: 'bytes' });
  const file = path.join(folder, 'it');
  for (const one of [file, folder]) {
    await fsync.flush(one);
    fsync.flushNow(one);
  }
  await t.rejects(fsync.flush(path.join(folder, 'absent')), { code: 'ENOENT' });
  t.throws(() => fsync.flushNow(path.join(folder, 'absent')), { code: 'ENOENT' });
});
