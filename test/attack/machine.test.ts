/**
 * A machine that fails: no descriptors, little address space, calls of the system that end with an
 * error, files that are something else. Each call ends with the right answer or with a code. Nobody
 * takes what passes for a loss.
 */
import { execFile, execFileSync } from 'node:child_process';
import { cpSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Regalia } from '../../src/index.js';
import { bare } from '../bare.js';
import { works } from '../engine/child.js';
import { runs } from '../runs.js';
import { noise } from '../store/setup.js';

const CHILD = fileURLToPath(new URL('./machine-child.js', import.meta.url));

interface Said {
  readonly name: string;
  readonly outcome: string;
  readonly retryable?: boolean;
  readonly message?: string;
}

interface Run {
  readonly said: readonly Said[];
  readonly signal: string | null;
  readonly stderr: string;
}

/** Runs the child under a command. */
function run(args: readonly string[], under: readonly string[] = []): Promise<Run> {
  const [program = '', ...rest] = [...under, process.execPath, CHILD, ...args];
  return new Promise((resolve) => {
    execFile(
      ...bare(program, ...rest),
      { timeout: 60_000, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        const said = stdout
          .split('\n')
          .filter((line) => line.startsWith('{'))
          .map((line) => JSON.parse(line) as Said);
        // A shell reports the signal that its child died of as 128 and its number.
        const code = typeof error?.code === 'number' ? error.code : 0;
        const signal = error?.signal ?? (code > 128 ? `${code - 128}` : null);
        resolve({ said, signal, stderr });
      },
    );
  });
}

async function stored(folder: string): Promise<string> {
  const place = path.join(folder, 'store');
  const store = await Regalia.open(place, { workers: 0 });
  await store.transact((tx) => tx.write('/c', 'content', noise(50_000)));
  await store.close();
  return place;
}

/** What was not right of a run: a death, or what has no code. */
function faultsOf({ said, signal, stderr }: Run): string[] {
  const uncoded = said.filter(({ outcome }) => !/^(done|REGALIA_\w+)$/.test(outcome));
  const faults = uncoded.map(({ name, outcome }) => `${name}: ${outcome}`);
  if (signal !== null) faults.push(`died of ${signal}`);
  else if (said.length === 0) faults.push(`said nothing: ${stderr.slice(0, 300)}`);
  return faults;
}

const pipes = works('mkfifo', '--version');
const traces = works('strace', '-V') && works('strace', '-o', '/dev/null', 'true');
const limits = works('prlimit', '--version');
/** As many as a process may have at most: node takes them all. NaN where there is no limit. */
const descriptors = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }));
const hasMany = !(descriptors < 4_096);

/** Each run is a process, and some of them run under strace. */
const SLOW = { timeout: 120_000 } as const;

/** Skipped where a program is lacking. */
function on(isHere: boolean, program: string): object {
  return isHere ? SLOW : { skip: `needs ${program}` };
}

/** Skipped where a program is lacking, and to be done where it is not. */
function toDo(isHere: boolean, program: string, todo: string): object {
  return isHere ? { ...SLOW, todo } : { skip: `needs ${program}` };
}

t.test('little address space ends in a code', on(limits, 'prlimit'), async (t) => {
  const place = await stored(t.testdir());
  const faults: string[] = [];
  for (const gib of [2, 4, 16, 64, 512]) {
    const ran = await run([place, 'write'], ['prlimit', `--as=${gib * 2 ** 30}`]);
    faults.push(...faultsOf(ran).map((fault) => `${gib} GiB: ${fault}`));
  }
  t.same(faults, []);
});

t.test('500 stores are open in one process', on(hasMany, 'descriptors'), async (t) => {
  const { said, signal } = await run([t.testdir(), 'many', '500']);
  t.equal(signal, null);
  t.match(said, [{ outcome: 'done' }]);
});

t.test('few descriptors end in a code', on(limits, 'prlimit'), async (t) => {
  const place = await stored(t.testdir());
  const faults: string[] = [];
  for (let free = 0; free < 12; free++) {
    const ran = await run([place, 'few', `${free}`]);
    faults.push(...faultsOf(ran).map((fault) => `${free} free: ${fault}`));
    const final = ran.said.filter(({ outcome, retryable }) => outcome !== 'done' && !retryable);
    if (final.length > 0) faults.push(`${free} free: told not to try again`);
  }
  t.same(faults, []);
});

t.test('without descriptors nothing is lost', on(limits, 'prlimit'), async (t) => {
  const place = await stored(t.testdir());
  const { said } = await run([place, 'starve']);
  const isLoss = ({ outcome, message = '' }: Said): boolean => {
    const text = `${outcome} ${message}`.replaceAll(/\S*\/\S*/g, '');
    return /MISSING|CORRUPT|missing|corrupt|lost/.test(text);
  };
  t.ok(said.length > 3);
  t.same(said.filter(isLoss), []);
});

/** Calls on a file of the engine, and the errors that they end with. */
const CALLS = {
  sound: ['data.mdb pread64 EIO', 'data.mdb statx EIO', 'data.mdb fdatasync EIO'],
  deadly: [
    'data.mdb openat EMFILE',
    'data.mdb openat EACCES',
    'data.mdb mmap ENOMEM',
    'lock.mdb openat EMFILE',
    'lock.mdb openat EACCES',
    'lock.mdb mmap ENOMEM',
    'lock.mdb fcntl EIO',
    'lock.mdb fcntl ENOLCK',
  ],
} as const;

/** A copy of a store that does not look like one: its witness is its own; and other data. */
function copied(from: string, data?: Uint8Array): string {
  const place = `${from}-copied`;
  const file = path.join(place, 'gen-000001', 'data.mdb');
  cpSync(from, place, { recursive: true });
  if (data !== undefined) writeFileSync(file, data, { flag: 'r+' });
  const { ino, birthtimeNs } = statSync(file, { bigint: true });
  writeFileSync(path.join(place, 'WITNESS'), `inode ${ino} born ${birthtimeNs}\n`);
  return place;
}

/** The faults of runs in which the first of such calls, the second and so on ends with an error. */
async function injected(from: string, calls: readonly string[], times: number): Promise<string[]> {
  const faults: string[] = [];
  for (const one of calls) {
    const [file = '', call = '', error = ''] = one.split(' ');
    for (let when = 1; when <= times; when++) {
      const place = copied(from);
      const only = ['-P', path.join(place, 'gen-000001', file), '-e', `trace=${call}`];
      const inject = ['-e', `inject=${call}:error=${error}:when=${when}`];
      const ran = await run(
        [place, 'write'],
        ['strace', '-f', '-o', '/dev/null', ...only, ...inject],
      );
      faults.push(...faultsOf(ran).map((fault) => `${one} ${when}: ${fault}`));
      rmSync(place, { recursive: true });
    }
  }
  return faults;
}

t.test(
  'a call that fails ends in a code',
  { ...SLOW, skip: !traces && 'needs strace' },
  async (t) => {
    t.same(await injected(await stored(t.testdir()), CALLS.sound, 1), []);
  },
);

const DEADLY = 'lmdb-js uses what it has freed where LMDB fails within an open that could succeed';
t.test(
  'a call that fails while it opens is no death',
  toDo(traces, 'strace', DEADLY),
  async (t) => {
    t.same(await injected(await stored(t.testdir()), CALLS.deadly, 3), []);
  },
);

const ifPipes = { ...SLOW, skip: !pipes && 'needs mkfifo' };
t.test('a pipe in the place of a file never blocks', ifPipes, async (t) => {
  const from = await stored(t.testdir());
  const blocked: string[] = [];
  for (const file of ['CURRENT', 'WITNESS', path.join('volumes', '1', 'VOLUME')]) {
    const place = `${from}-piped`;
    cpSync(from, place, { recursive: true });
    rmSync(path.join(place, file));
    execFileSync('mkfifo', [path.join(place, file)]);
    for (const how of ['read', 'write']) {
      const ran = await run([place, how]);
      blocked.push(...faultsOf(ran).map((fault) => `${file}, ${how}: ${fault}`));
    }
    rmSync(place, { recursive: true });
  }
  t.same(blocked, []);
});

const PAGE_BYTES = 4_096;

/** Where numbers of pages may stand in the one leaf of the free list: see lmdb-examine.ts. */
function freePages(data: Buffer): number[] {
  const metas = [0, PAGE_BYTES].map((at) => ({
    transaction: data.readBigUInt64LE(at + 152),
    root: data.readBigUInt64LE(at + 88),
  }));
  metas.sort((a, b) => Number(b.transaction - a.transaction));
  const leaf = Number(metas[0]?.root) * PAGE_BYTES;
  const places: number[] = [];
  for (let at = leaf + data.readUInt16LE(leaf + 22); at + 8 <= leaf + PAGE_BYTES; at += 2) {
    const number = data.readBigUInt64LE(at);
    if (number > 0n && number < BigInt(data.length / PAGE_BYTES)) places.push(at);
  }
  return places;
}

t.test('a free page that is none makes no file grow, and no process die', SLOW, async (t) => {
  const from = await stored(t.testdir());
  const sound = readFileSync(path.join(from, 'gen-000001', 'data.mdb'));
  const faults: string[] = [];
  const places = freePages(sound);
  for (let i = 0; i < places.length; i += Math.ceil(places.length / runs(60))) {
    const place = places[i] as number;
    const damaged = Buffer.from(sound);
    damaged[place + 3] = (damaged[place + 3] as number) ^ 4;
    const to = copied(from, damaged);
    const ran = await run([to, 'write']);
    faults.push(...faultsOf(ran).map((fault) => `${place}: ${fault}`));
    const { size } = statSync(path.join(to, 'gen-000001', 'data.mdb'));
    if (size > sound.length + 1_048_576) faults.push(`${place}: ${size} bytes`);
    rmSync(to, { recursive: true });
  }
  t.same(faults, []);
});
