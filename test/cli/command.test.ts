/**
 * The command's frame: arguments, help, forms of output, errors, exit codes, signals and broken
 * pipes.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { PassThrough, Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { runCommand } from '../../src/cli/command.js';
import { byteCount, jsonLine, ProgressLine, shown } from '../../src/cli/output.js';
import { VERBS } from '../../src/cli/verbs.js';
import { nameText } from '../../src/ground/text.js';
import { bare } from '../bare.js';
import { FAKES } from './fake.js';

interface Ran {
  exit: number;
  out: string;
  err: string;
}

async function run(argv: string[], isTTY = false, verbs = FAKES): Promise<Ran> {
  const output = new PassThrough({ highWaterMark: 1 << 30 });
  let err = '';
  let now = 0;
  const exit = await runCommand(argv, verbs, {
    input: Readable.from([Buffer.from('in')]),
    output,
    terminal: { isTTY, columns: 40, write: (text) => (err += text) },
    signal: new AbortController().signal,
    version: '1.2.3',
    clock: () => (now += 50),
  });
  return { exit, out: String(output.read() ?? ''), err };
}

t.test('help lists all verbs, and explains each', async (t) => {
  for (const argv of [['--help'], ['-h'], ['help']]) {
    const { exit, out } = await run(argv);
    t.equal(exit, 0);
    t.match(out, /fake STORE DEED \[KEY\] {2}do what is asked\n/);
    t.match(out, /Exit codes: 0 /);
  }
  for (const argv of [
    ['fake', '--help'],
    ['fake', '-h'],
    ['help', 'fake'],
    ['fake', 'x', '--help'],
  ]) {
    const { exit, out } = await run(argv);
    t.equal(exit, 0);
    t.match(out, /^regalia fake STORE DEED \[KEY\] \[OPTIONS\]\n\nDo what is asked\.\n\nDeeds/);
    t.match(out, /-n, --count NUMBER {3}how many rows\n/);
    t.match(out, /--at COMMIT .*\n[\s\S]*--json /);
  }
  t.match(await run(['--version']), { exit: 0, out: '1.2.3\n' });
  t.match(await run(['--help'], false, VERBS), { exit: 0, err: '' });
});

t.test('wrong usage is 2, with a word on where to read more', async (t) => {
  const cases: [string[], RegExp][] = [
    [[], /^regalia: USAGE: a verb is missing\n {2}see `regalia --help`\n$/],
    [['fakes'], /there is no verb "fakes"; did you mean fake\?/],
    [['toString'], /there is no verb "toString"\n/],
    [['--jsn'], /--jsn must come after a verb/],
    [['fake', 'store'], /DEED is missing\n {2}see `regalia fake --help`/],
    [['fake', 'a', 'b', 'c', 'd'], /"d" is one too many/],
    [['fake', 'a', 'rows', '--nope'], /^regalia: USAGE: Unknown option '--nope'\n/],
    [['fake', 'a', 'rows', '--count'], /argument/],
    [['fake', 'a', 'rows', '--loud=x'], /does not take an argument/],
  ];
  for (const [argv, pattern] of cases) {
    const { exit, out, err } = await run(argv);
    t.equal(exit, 2, argv.join(' '));
    t.equal(out, '');
    t.match(err, pattern);
  }
  t.match(await run(['other', 'a', 'b', 'c']), { exit: 0 });
  t.match(await run(['fake', 'a', 'rows', '--', '--json']), { exit: 0, out: 'row 0\n' });
});

t.test('a row is a line for people and an object for programs', async (t) => {
  t.match(await run(['fake', 's', 'rows', '-n', '3']), { exit: 0, out: 'row 0\nrow 1\nrow 2\n' });
  const argv = ['fake', 's', 'rows', '/k', '--json', '--loud'];
  const { exit, out } = await run(argv);
  t.equal(exit, 1);
  const row = { store: 's', key: '/k', i: 0, big: String(2n ** 60n) };
  t.same(JSON.parse(out), row);
  t.equal((await run(['fake', 's', 'rows', '-n', '30000'])).out.split('\n').length, 30_001);
});

t.test('errors have their code, a hint, and an exit code', async (t) => {
  const full = await run(['fake', 's', 'fail']);
  t.equal(
    full.err,
    'regalia: REGALIA_FULL: no \\x1b[31mroom\n  make room on the device; ' +
      'nothing that was committed is lost\n',
  );
  t.equal(full.exit, 3);
  t.match(await run(['fake', 's', 'conflict']), { exit: 1, err: /REGALIA_CONFLICT: 1 conflict\n/ });
  t.match(await run(['fake', 's', 'bug']), { exit: 3, err: /BUG: TypeError: x is not[\s\S]* at / });
});

const NO_FACTS = { retryable: false, outcome: 'none' };

t.test('with --json an error is one line of JSON on standard error', async (t) => {
  const cases: [string[], number, object][] = [
    [
      ['fake', 's', 'fail', '--json'],
      3,
      { code: 'REGALIA_FULL', message: 'no \x1b[31mroom', data: { path: '/x' }, ...NO_FACTS },
    ],
    [
      ['fake', 's', 'conflict', '--json'],
      1,
      { code: 'REGALIA_CONFLICT', message: '1 conflict', data: { conflicts: [] }, ...NO_FACTS },
    ],
    [
      ['fake', '--json'],
      2,
      {
        ...{ code: 'USAGE', message: 'STORE is missing', data: { help: 'regalia fake --help' } },
        ...NO_FACTS,
      },
    ],
    [
      ['fakes', '--json'],
      2,
      {
        ...{ code: 'USAGE', message: 'there is no verb "fakes"; did you mean fake?' },
        ...{ data: { help: 'regalia --help' }, ...NO_FACTS },
      },
    ],
    [
      ['fake', 's', 'file', '--json'],
      3,
      {
        ...{ code: 'ENOENT', message: "no such file or directory, open '/none/x'" },
        data: { errno: 'ENOENT', operation: 'open', path: '/none/x' },
        ...{ retryable: false, outcome: 'unknown' },
      },
    ],
  ];
  for (const [argv, exit, error] of cases) {
    const ran = await run(argv);
    t.equal(ran.exit, exit);
    t.equal(ran.out, '');
    t.match(ran.err, /^[^\n]*\n$/);
    t.strictSame(JSON.parse(ran.err), { error });
  }
  const bug = await run(['fake', 's', 'bug', '--json']);
  t.equal(bug.exit, 3);
  t.match(JSON.parse(bug.err), {
    error: { code: 'BUG', message: /x is not/, data: { stack: / at / }, outcome: 'unknown' },
  });
  const file = await run(['fake', 's', 'file']);
  t.equal(file.err, "regalia: ENOENT: no such file or directory, open '/none/x'\n");
});

t.test('evidence may have big numbers and bytes', async (t) => {
  t.equal(
    jsonLine({ big: 2n ** 60n, bytes: Uint8Array.of(1, 255) }),
    `{"big":"${2n ** 60n}","bytes":"Af8="}`,
  );
});

t.test('a pack is not written to a terminal', async (t) => {
  const output = Object.assign(new PassThrough(), { isTTY: true });
  let err = '';
  const exit = await runCommand(['pack', '/none/store'], VERBS, {
    input: Readable.from([]),
    output,
    terminal: { isTTY: true, write: (text) => (err += text) },
    signal: new AbortController().signal,
    version: '',
    clock: () => 0,
  });
  t.equal(exit, 2);
  t.equal(output.read(), null);
  t.equal(
    err,
    'regalia: USAGE: a pack is binary: redirect it into a file or a pipe, ' +
      'as in regalia pack /none/store > FILE\n  see `regalia pack --help`\n',
  );
});

t.test('progress shows on a terminal alone, and is gone before other output', async (t) => {
  t.equal((await run(['fake', 's', 'rows', '-n', '9'])).err, '');
  const { err } = await run(['fake', 's', 'rows', '-n', '9'], true);
  t.match(err, /\r\x1b\[Kfaking: 0 %, 0 of 9/);
  t.ok(err.endsWith('\r\x1b[K'));
  const lines: string[] = [];
  let now = 0;
  const terminal = { isTTY: true, columns: 20, write: (text: string) => lines.push(text) };
  const progress = new ProgressLine(terminal, () => now);
  for (; now < 1_000; now += 10) progress.show('a rather long label', now, 1_000);
  t.equal(lines.length, 10);
  t.ok(lines.every((line) => line.length <= 19 + '\r\x1b[K'.length));
  progress.clear();
  progress.clear();
  t.equal(lines.length, 11);
  const wide = new ProgressLine({ ...terminal, columns: 80 }, () => (now += 1_000));
  wide.show('pack', 1_234_567);
  wide.show('pack', 512, 1_024, 'bytes');
  t.match(lines.slice(-2), [/pack: 1,234,567$/, /pack: 50 %, 512 bytes of 1\.0 KiB$/]);
  t.equal(byteCount(5 * 1024 ** 3), '5.0 GiB');
});

t.test('names from the store cannot steer the terminal or forge a line', async (t) => {
  t.equal(shown('plain é水 \u{1f600}'), 'plain é水 \u{1f600}');
  t.equal(shown('a\nb\x1b[2J\x7f\u0085'), 'a\\x0ab\\x1b[2J\\x7f\\u{85}');
  t.equal(shown(nameText(new Uint8Array([0x61, 0xff, 0xc3]))), 'a\\xff\\xc3');
  t.equal(shown('\u202egpj.exe\ud800'), '\\u{202e}gpj.exe\\u{d800}');
  t.equal(jsonLine({ n: 5n, name: '\udcff' }), '{"n":5,"name":"\\udcff"}');
});

t.test('a reader that has gone ends the verb quietly', async (t) => {
  let writes = 0;
  const output = new Writable({
    write(_chunk, _encoding, done) {
      writes++;
      done(writes > 2 ? Object.assign(new Error('EPIPE'), { code: 'EPIPE' }) : null);
    },
  });
  let err = '';
  const exit = await runCommand(['fake', 's', 'rows', '-n', '1000000000'], FAKES, {
    input: Readable.from([]),
    output,
    terminal: { write: (text) => (err += text) },
    signal: new AbortController().signal,
    version: '',
    clock: () => 0,
  });
  t.same({ exit, err, writes }, { exit: 0, err: '', writes: 3 });
});

t.test('an output that fails otherwise is a failure', async (t) => {
  const full = Object.assign(new Error('ENOSPC: full'), { code: 'ENOSPC', syscall: 'write' });
  const output = new Writable({ write: (_chunk, _encoding, done) => done(full) });
  let err = '';
  const exit = await runCommand(['fake', 's', 'rows'], FAKES, {
    input: Readable.from([]),
    output,
    terminal: { write: (text) => (err += text) },
    signal: new AbortController().signal,
    version: '',
    clock: () => 0,
  });
  t.same({ exit, err }, { exit: 3, err: 'regalia: ENOSPC: full\n' });
});

const FAKE = fileURLToPath(new URL('./fake.js', import.meta.url));

function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null }> {
  return new Promise((resolve) => child.on('exit', (code, signal) => resolve({ code, signal })));
}

t.test('as a process: codes, bytes, input, and a reader like head', async (t) => {
  const of = (...args: string[]) =>
    spawnSync(...bare(process.execPath, FAKE, ...args), { input: 'hello' });
  t.equal(of('nonsense').status, 2);
  t.equal(of('fake', 's', 'fail').status, 3);
  t.same(of('fake', 's', 'bytes').stdout, Buffer.from([0xff, 0, 0x0a]));
  t.equal(String(of('fake', 's', 'echo').stdout), 'hello');
  const script = `"${process.execPath}" "${FAKE}" fake s rows -n 1000000000 | head -n 2`;
  const head = spawnSync(...bare('sh', '-c', script), { timeout: 20_000 });
  t.same([head.status, String(head.stdout), String(head.stderr)], [0, 'row 0\nrow 1\n', '']);
});

t.test('Ctrl-C aborts the verb, and the process ends by that signal', async (t) => {
  const child = spawn(...bare(process.execPath, FAKE, 'fake', 's', 'wait'));
  let err = '';
  child.stderr.on('data', (text) => (err += text));
  child.stdout.once('data', () => child.kill('SIGINT'));
  t.same(await ended(child), { code: null, signal: 'SIGINT' });
  t.match(err, /REGALIA_ABORTED/);
});
