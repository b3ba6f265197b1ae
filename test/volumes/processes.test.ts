/**
 * Contents written by several processes, and by one that is killed: what was acknowledged is read
 * whole, nothing is there by halves, and whoever comes next goes on.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { Regalia } from '../../src/index.js';
import { segmentFile, segmentsIn } from '../../src/volumes/volume-folder.js';
import { bare } from '../bare.js';
import { noise } from '../chunks/setup.js';
import { scrub } from '../verify/setup.js';
import { CHUNK, folderOf, OPTIONS, read, segmentBytes, within, write } from './setup.js';

const child = fileURLToPath(new URL('./writer-child.js', import.meta.url));

/**
 * Runs the child, kills it once it has told so many numbers and some time went by; resolves with
 * how many it told.
 */
function run(
  args: readonly (string | number)[],
  kill?: { after: number; delayMs: number },
): Promise<{ told: number; code: number | null; signal: string | null; errors: string }> {
  return new Promise((resolve) => {
    const writer = spawn(...bare(process.execPath, child, ...args.map(String)));
    let output = '';
    let errors = '';
    writer.stderr.on('data', (data: Buffer) => (errors += data.toString()));
    writer.stdout.on('data', (data: Buffer) => {
      output += data.toString();
      if (kill === undefined || output.split('\n').length <= kill.after) return;
      setTimeout(() => writer.kill('SIGKILL'), kill.delayMs);
    });
    writer.on('close', (code, signal) => {
      resolve({ told: output.split('\n').length - 1, code, signal, errors });
    });
  });
}

function contentOf(name: string, i: number, chunks: number): Uint8Array {
  return noise(chunks * CHUNK + i, name.charCodeAt(0) * 1_000 + i);
}

/** Whether an entry of the child's has the bytes that it shall; undefined where it is not there. */
async function right(store: Regalia, name: string, i: number, chunks: number) {
  const found = await read(store, `/${name}/${i}`);
  return found && Buffer.compare(found, contentOf(name, i, chunks)) === 0;
}

t.test(
  'two processes and this one write contents at once, each into segments of its own',
  async (t) => {
    const folder = folderOf(t);
    const place = path.join(folder, 'store');
    const volumes = [path.join(place, 'volumes', '1'), path.join(folder, 'a')];
    await within(place, OPTIONS, async (store) => {
      await store.addVolume(volumes[1] as string);
      const runs = [run([place, 'a', 12, 3]), run([place, 'b', 12, 3])];
      for (let i = 0; i < 12; i++) await write(store, `/c/${i}`, contentOf('c', i, 3));
      for (const { code, told, errors } of await Promise.all(runs)) {
        t.equal(code, 0, errors);
        t.equal(told, 12);
      }
      // What others have written is read through this handle, as through a new one.
      for (const name of ['a', 'b', 'c']) {
        for (let i = 0; i < 12; i++) t.equal(await right(store, name, i, 3), true, `${name} ${i}`);
      }
    });
    await within(place, OPTIONS, async (store) => {
      t.match(
        (await store.volumes()).map(({ state }) => state),
        ['online', 'online'],
      );
      for (const name of ['a', 'b', 'c']) {
        for (let i = 0; i < 12; i++) t.equal(await right(store, name, i, 3), true, `${name} ${i}`);
      }
      t.strictSame((await scrub(store)).faults, []);
    });
    const numbers = await Promise.all(
      volumes.map(async (at) => [...(await segmentsIn(at)).keys()]),
    );
    t.equal(new Set(numbers.flat()).size, numbers.flat().length, 'no number is used twice');
  },
);

t.test(
  'the same bytes that two processes write at once are right, and kept once from then on',
  async (t) => {
    const place = path.join(folderOf(t), 'store');
    await within(place, OPTIONS, async () => {});
    const volume = path.join(place, 'volumes', '1');
    const runs = await Promise.all([run([place, 'a', 6, 3]), run([place, 'a', 6, 3])]);
    // Both put the same entries: one may have met the other's, which is a conflict.
    t.ok(runs.some(({ code }) => code === 0));
    for (const { code, errors } of runs) t.ok(code === 0 || errors.includes('REGALIA_CONFLICT'));
    const size = segmentBytes(volume);
    const again = await run([place, 'a', 6, 3]);
    t.equal(again.code, 0, again.errors);
    await within(place, OPTIONS, async (store) => {
      for (let i = 0; i < 6; i++) t.equal(await right(store, 'a', i, 3), true, `${i}`);
      t.strictSame((await scrub(store)).faults, []);
    });
    t.equal(segmentBytes(volume), size);
  },
);

t.test('a process that is killed leaves what it acknowledged, and nothing by halves', async (t) => {
  const place = path.join(folderOf(t), 'store');
  await within(place, OPTIONS, async () => {});
  // 6 MiB a content: a kill some time behind an acknowledgement is within the write of the next
  // one.
  const chunks = 400;
  for (const [round, delayMs] of [0, 10, 40].entries()) {
    const name = String.fromCharCode(97 + round);
    const { told, signal } = await run([place, name, 40, chunks], { after: 1, delayMs });
    t.equal(signal, 'SIGKILL');
    t.ok(told >= 1 && told < 40, `${told} told`);
    await within(place, OPTIONS, async (store) => {
      for (let i = 0; i < told; i++) t.equal(await right(store, name, i, chunks), true, `${i}`);
      // One more may have landed whole, untold.
      t.not(await right(store, name, told, chunks), false);
      t.equal(await right(store, name, told + 1, chunks), undefined);
      t.strictSame((await scrub(store)).faults, []);
      await write(store, `/after/${round}`, contentOf('z', round, 3));
      t.equal((await store.volumes())[0]?.state, 'online');
    });
  }
  await within(place, OPTIONS, async (store) => {
    for (let round = 0; round < 3; round++) {
      const found = await read(store, `/after/${round}`);
      t.ok(found && Buffer.compare(found, contentOf('z', round, 3)) === 0);
    }
  });
});

t.test('files that are in the way of new segments are passed over', async (t) => {
  const place = path.join(folderOf(t), 'store');
  const volume = path.join(place, 'volumes', '1');
  await within(place, OPTIONS, (store) => write(store, '/f', noise(CHUNK, 1)));
  const last = Math.max(...(await segmentsIn(volume)).keys());
  // As after a power cut that undid the numbers that were given out.
  const inTheWay = [1, 2, 3].map((i) => path.join(volume, segmentFile(last + i)));
  for (const file of inTheWay) writeFileSync(file, 'torn');
  await within(place, OPTIONS, async (store) => {
    await write(store, '/g', noise(CHUNK, 2));
    const found = await read(store, '/g');
    t.ok(found && Buffer.compare(found, noise(CHUNK, 2)) === 0);
    t.strictSame((await scrub(store)).faults, []);
  });
  for (const size of [...(await segmentsIn(volume)).values()].slice(1, 4)) t.equal(size, 4);
});
