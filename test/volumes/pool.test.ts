/**
 * The pool gives what the calling thread gives, whatever becomes of its workers: they are killed
 * for real, by exits, errors and want of memory.
 */
import { spawnSync } from 'node:child_process';
import { setTimeout } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import t, { type Test } from 'tap';
import { addressOf } from '../../src/blocks/address.js';
import { BLOCK_HEADER, BlockKind, SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { turn } from '../../src/ground/pause.js';
import { Codec, compress, type Stored, type StoredChunk } from '../../src/volumes/codec.js';
import { Pool } from '../../src/volumes/pool.js';
import { bare } from '../bare.js';
import { noise, prose } from './frames.js';

type Way = 'exit' | 'throw' | 'memory';

const MIB = 1_048_576;
/** Enough that workers are started. */
const PAST_WARM_UP = 5 * MIB;

/** Made once for each length: making and compressing them takes longer than what is tested. */
const made = new Map<number, Uint8Array[]>();
const expectedOf = new Map<Uint8Array, Stored>();

function mixed(total: number): Uint8Array[] {
  const known = made.get(total);
  if (known !== undefined) return known;
  const chunks: Uint8Array[] = [];
  for (let bytes = 0, i = 0; bytes < total; i++) {
    const length = [1, 700, 65_536, 30_000, 262_144, 4_096][i % 6];
    chunks.push(i % 4 === 2 ? noise(length, i + 1) : prose(length, i + 1));
    bytes += length;
  }
  made.set(total, chunks);
  return chunks;
}

function expected(chunk: Uint8Array): Stored {
  const known = expectedOf.get(chunk) ?? compress(chunk, 1);
  expectedOf.set(chunk, known);
  return known;
}

/** Starts workers that die of a task, `deaths` times, and then ones that live. */
function dying(way: Way, after: number, deaths: number): () => Worker {
  let left = deaths;
  return () => {
    if (left-- <= 0) return new Worker(new URL('../../src/volumes/worker.js', import.meta.url));
    return new Worker(new URL('./dying-worker.js', import.meta.url), {
      workerData: { way, after },
      ...(way === 'memory' && { resourceLimits: { maxOldGenerationSizeMb: 24 } }),
      stderr: true,
    });
  };
}

async function storedChunks(pool: Pool, chunks: Uint8Array[]): Promise<StoredChunk[]> {
  const stored = await pool.compress(chunks, 1);
  return stored.map((each, i) => {
    const block = concatBytes([Uint8Array.of(BlockKind.chunk, 1, SHA256), chunks[i]]);
    return { ...each, plainLength: chunks[i].length, address: addressOf(SHA256, block) };
  });
}

/** Both tasks, each beside what one call on this thread gives. */
async function exercise(t: Test, pool: Pool, chunks: Uint8Array[]): Promise<void> {
  const stored = await storedChunks(pool, chunks);
  for (const [i, { codec, stored: bytes }] of stored.entries()) {
    const { codec: right, stored: rightBytes } = expected(chunks[i]);
    if (codec !== right || !equalBytes(bytes, rightBytes)) t.fail(`stored ${i}`);
    if (codec === Codec.plain && bytes !== chunks[i]) t.fail(`${i} came back as a copy`);
  }
  const blocks = await pool.decode(stored);
  t.equal(blocks.length, chunks.length);
  for (const [i, block] of blocks.entries()) {
    if (!sameContent(block, chunks[i])) t.fail(`block ${i} differs`);
  }
}

function sameContent(block: Uint8Array | undefined, chunk: Uint8Array): boolean {
  return block !== undefined && equalBytes(block.subarray(BLOCK_HEADER), chunk);
}

for (const workers of [0, 1, 3]) {
  t.test(`${workers} workers give what the calling thread gives`, async (t) => {
    const pool = new Pool({ workers });
    t.equal(pool.workers, 0, 'none before they are needed');
    await exercise(t, pool, mixed(PAST_WARM_UP));
    t.equal(pool.workers, workers);
    await exercise(t, pool, mixed(1_000));
    t.strictSame(await pool.compress([], 3), []);
    await pool.close();
    t.equal(pool.workers, 0);
  });
}

t.test('small work starts no worker', async (t) => {
  const pool = new Pool({ workers: 2 });
  for (let i = 0; i < 20; i++) await exercise(t, pool, mixed(4_000));
  t.equal(pool.workers, 0);
  await pool.close();
});

/** What is seen of each way to die. */
const ENDS = { exit: [/^3$/], throw: [/a bug/, /^1$/], memory: [/memory limit/, /^1$/] };

async function outlive(t: Test, way: Way, after: number): Promise<void> {
  let started = 0;
  const ends: string[] = [];
  const start = dying(way, after, 1);
  const pool = new Pool({
    workers: 1,
    start: () => {
      started++;
      const worker = start();
      worker.on('error', (error) => ends.push(`${error}`));
      worker.on('exit', (code) => ends.push(`${code}`));
      return worker;
    },
  });
  await exercise(t, pool, mixed(2 * PAST_WARM_UP));
  t.match(ends, ENDS[way]);
  await exercise(t, pool, mixed(PAST_WARM_UP));
  t.equal(started, 2);
  t.equal(pool.workers, 1);
  await pool.close();
}

for (const way of ['exit', 'throw', 'memory'] as const) {
  for (const after of [0, 5]) {
    const name = `a worker that dies (${way}) after ${after} tasks loses nothing, and is replaced`;
    t.test(name, (t) => outlive(t, way, after));
  }
}

t.test('a worker that is killed from outside loses nothing', async (t) => {
  const workers: Worker[] = [];
  const pool = new Pool({
    workers: 2,
    start: () => {
      workers.push(new Worker(new URL('../../src/volumes/worker.js', import.meta.url)));
      return workers.at(-1) as Worker;
    },
  });
  const chunks = mixed(3 * PAST_WARM_UP);
  const working = exercise(t, pool, chunks);
  for (let killed = 0; killed < 2; ) {
    await setTimeout(10);
    if (workers.length > killed) await workers[killed++].terminate();
  }
  await working;
  t.ok(workers.length > 2, `${workers.length} were started`);
  await exercise(t, pool, chunks);
  await pool.close();
});

t.test('deaths with answers in between end nothing', async (t) => {
  const pool = new Pool({ workers: 1, start: dying('exit', 5, 4) });
  for (let i = 0; i < 5; i++) await exercise(t, pool, mixed(PAST_WARM_UP));
  t.equal(pool.workers, 1);
  await pool.close();
});

t.test('after three deaths in a row all is done on the calling thread', async (t) => {
  let started = 0;
  const pool = new Pool({
    workers: 1,
    start: () => {
      started++;
      return dying('exit', 0, 1)();
    },
  });
  await exercise(t, pool, mixed(2 * PAST_WARM_UP));
  t.equal(started, 3);
  t.equal(pool.workers, 0);
  await exercise(t, pool, mixed(PAST_WARM_UP));
  t.equal(started, 3);
  const refused = new Pool({
    workers: 2,
    start: () => {
      throw new Error('no threads here');
    },
  });
  await exercise(t, refused, mixed(PAST_WARM_UP));
});

t.test('a task that fails there and here is REGALIA_WORKER', async (t) => {
  const expected = { code: 'REGALIA_WORKER', retryable: true, outcome: 'none' };
  const chunks = mixed(PAST_WARM_UP);
  for (const start of [dying('throw', 9, 1), dying('exit', 9, 1), dying('exit', 0, 0)]) {
    const pool = new Pool({ workers: 1, start });
    const stored = await storedChunks(pool, chunks);
    const address = stored[0].address.slice();
    address[0] = 9;
    await t.rejects(pool.decode([...stored, { ...stored[2], address }]), expected);
    await exercise(t, pool, chunks);
    await pool.close();
  }
});

t.test('an input that cannot be sent is REGALIA_WORKER, and the pool goes on', async (t) => {
  const pool = new Pool({ workers: 1 });
  const chunks = mixed(PAST_WARM_UP);
  const unreadable = {
    length: 70_000,
    get 0(): number {
      throw new Error('detached');
    },
  } as unknown as Uint8Array;
  const broken = pool.compress([...chunks, unreadable], 3);
  await t.rejects(broken, { code: 'REGALIA_WORKER', cause: { message: 'detached' } });
  await exercise(t, pool, chunks);
  await pool.close();
});

t.test('levels and numbers of workers are checked, through workers too', async (t) => {
  const pool = new Pool({ workers: 1 });
  const message = /a level of compression is 1 to 19/;
  const failed = { code: 'REGALIA_WORKER', cause: { message } };
  await t.rejects(pool.compress(mixed(PAST_WARM_UP), 20), failed);
  await t.rejects(pool.compress(mixed(1_000), 0), { message });
  await pool.close();
  for (const workers of [-1, 1.5, 65, Number.NaN]) {
    t.throws(() => new Pool({ workers }), /workers are 0 to 64/);
  }
});

for (const workers of [0, 2]) {
  t.test(`${workers} workers: a chunk that is not sound has no block`, async (t) => {
    const pool = new Pool({ workers });
    const chunks = mixed(PAST_WARM_UP);
    const stored = await storedChunks(pool, chunks);
    const flipped = stored[2].stored.slice();
    flipped[40_000] ^= 1;
    stored[2] = { ...stored[2], stored: flipped };
    stored[3] = { ...stored[3], address: stored[9].address };
    stored[4] = { ...stored[4], plainLength: stored[4].plainLength + 1 };
    stored[7] = { ...stored[7], plainLength: 2 ** 40 };
    stored[8] = { ...stored[8], codec: 9 };
    const decoded = await pool.decode(stored);
    const unsound = [...decoded.keys()].filter((i) => decoded[i] === undefined);
    t.strictSame(unsound, [2, 3, 4, 7, 8]);
    t.equal(decoded.length, chunks.length);
    await pool.close();
  });
}

t.test('close rejects what is under way, and what comes after', async (t) => {
  for (const workers of [0, 2]) {
    const pool = new Pool({ workers });
    const under: Promise<unknown>[] = [
      pool.compress(mixed(2 * PAST_WARM_UP), 3),
      pool.compress(mixed(MIB), 1),
    ];
    const rejected = under.map((each) => t.rejects(each, { code: 'REGALIA_CLOSED' }));
    await turn();
    await pool.close();
    await Promise.all(rejected);
    await t.rejects(pool.decode([]), { code: 'REGALIA_CLOSED' });
    await pool.close();
  }
});

t.test('the loop takes turns while the calling thread does all', async (t) => {
  const pool = new Pool({ workers: 0 });
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  await pool.compress(mixed(4 * MIB), 3);
  clearInterval(counting);
  t.ok(turns >= 5, `${turns} turns`);
});

t.test('a pool that was not closed lets the process end, but not before its answers', async (t) => {
  const url = (path: string) => JSON.stringify(new URL(path, import.meta.url).href);
  const program = `
    import { Pool } from ${url('../../src/volumes/pool.js')};
    const pool = new Pool({ workers: 2 });
    const chunks = Array.from({ length: 100 }, (_, i) => new Uint8Array(65_536).fill(i));
    const all = await pool.compress(chunks, 3);
    console.log(all.length, pool.workers);
  `;
  const child = spawnSync(...bare(process.execPath, '--input-type=module', '-e', program), {
    encoding: 'utf8',
    timeout: 20_000,
  });
  t.equal(child.stdout, '100 2\n');
  t.equal(child.status, 0, child.stderr);
});
