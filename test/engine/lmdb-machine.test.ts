/** What LMDB needs of the machine is looked at before it opens a file. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import t from 'tap';
import { openLmdb } from '../../src/engine/lmdb.js';
import { mapBytes } from '../../src/engine/lmdb-machine.js';
import { bare } from '../bare.js';
import { CHILD, works } from './child.js';

const MIB = 2 ** 20;
const GIB = 2 ** 30;

t.test('a map is as large as the address space allows', async (t) => {
  const endless = Number.POSITIVE_INFINITY;
  t.equal(mapBytes('x', 0, endless), 64 * GIB);
  t.equal(mapBytes('x', 20 * GIB, endless), 128 * GIB, 'which leaves room for four times the file');
  t.equal(mapBytes('x', 0, 512 * GIB), 64 * GIB);
  t.equal(mapBytes('x', 0, 4 * GIB), GIB);
  t.equal(mapBytes('x', 800 * MIB, GIB + 500 * MIB), 1_000 * MIB, 'never less than the file');
  const data = { errno: 'ENOMEM' };
  const lacks = { code: 'REGALIA_IO', retryable: true, data, message: /ulimit -v/ };
  t.throws(() => mapBytes('x', 0, 200 * MIB), lacks);
  t.throws(() => mapBytes('x', 900 * MIB, GIB), lacks);
});

const limits = works('prlimit', '--version');
t.test('at the end of a map is a code', { skip: !limits && 'needs prlimit' }, async (t) => {
  const folder = path.join(t.testdir(), 'store');
  const limit = `--as=${1_450 * MIB}`;
  const args = [limit, process.execPath, CHILD, 'fill', folder, 'none', '100000'];
  const out = execFileSync(...bare('prlimit', ...args), { encoding: 'utf8' });
  const [first, second] = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, never>);
  t.match(first, { full: { code: 'REGALIA_FULL', outcome: 'none', message: /open it again/ } });
  t.equal(first?.['count'], first?.['written'], 'what was acknowledged is there');
  t.match(first, { whole: true });
  t.match(second, { reopened: first?.['count'], freed: 'freed', again: 'written' });
  rmSync(folder, { recursive: true });
});

const NOBODY = 65_534;
t.test(
  'a file that may not be read or written is refused, for readers too',
  { skip: process.getuid?.() !== 0 && 'needs to be somebody else' },
  async (t) => {
    // Where anybody may go.
    const folder = mkdtempSync(path.join(tmpdir(), 'regalia-machine-'));
    t.teardown(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    const store = path.join(folder, 'store');
    await (await openLmdb(store)).close();
    chownSync(store, NOBODY, NOBODY);
    const opened = (mode: string): unknown => {
      const [program, args] = bare(process.execPath, CHILD, 'probe', store, mode);
      const as = { uid: NOBODY, gid: NOBODY, encoding: 'utf8' } as const;
      return JSON.parse(execFileSync(program, args, as));
    };
    for (const [file, mode, writer, reader] of [
      ['data.mdb', 0o600, undefined, undefined],
      ['data.mdb', 0o444, 'REGALIA_PERMISSION', undefined],
      ['data.mdb', 0o000, 'REGALIA_PERMISSION', 'REGALIA_PERMISSION'],
      ['lock.mdb', 0o444, 'REGALIA_PERMISSION', 'REGALIA_PERMISSION'],
      ['lock.mdb', 0o000, 'REGALIA_PERMISSION', 'REGALIA_PERMISSION'],
    ] as const) {
      for (const name of ['data.mdb', 'lock.mdb']) {
        chownSync(path.join(store, name), NOBODY, NOBODY);
        chmodSync(path.join(store, name), name === file ? mode : 0o600);
      }
      const said = [opened(''), opened('readOnly')] as { code?: string }[];
      t.same([said[0]?.code, said[1]?.code], [writer, reader], `${file} ${mode.toString(8)}`);
    }
  },
);

t.test('what is no file is refused', async (t) => {
  for (const name of ['data.mdb', 'lock.mdb']) {
    const store = path.join(t.testdir(), name);
    await (await openLmdb(store)).close();
    rmSync(path.join(store, name));
    mkdirSync(path.join(store, name));
    await t.rejects(openLmdb(store), { code: /REGALIA_(FORMAT|IO)/ });
    if (!works('mkfifo', '--version')) continue;
    rmSync(path.join(store, name), { recursive: true });
    execFileSync('mkfifo', [path.join(store, name)]);
    await t.rejects(openLmdb(store), { code: 'REGALIA_FORMAT' });
  }
});
