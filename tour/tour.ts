/**
 * A tour of Regalia on a real directory: everything that the library is for, in the order in which
 * a user meets it.
 *
 *     npm run tour [-- DIR]
 *
 * It works in a temporary folder that is removed at the end, also after an error and after Ctrl-C.
 * DIR is only read.
 */
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isRegaliaError, Regalia } from '../src/index.js';
import { changeOnBothSides, importDirectory, lookAround, mergeBoth } from './chapters.js';
import { exchange, verifyAll } from './replicas.js';
import { seconds, Voice } from './voice.js';

const started = performance.now();
const folder = mkdtempSync(path.join(tmpdir(), 'regalia-tour-'));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

// A reader that leaves early, as `head` does, has seen enough.
process.stdout.on('error', () => process.exit());

const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => {
    // The first one ends the tour in good order, the second one at once.
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  });
}

try {
  await tour(sourceDirectory());
} catch (error) {
  if (!isRegaliaError(error, 'REGALIA_ABORTED')) throw error;
  console.log('\n\nThe tour was stopped; nothing is left behind.');
  process.exitCode = 130;
}

async function tour(dir: string): Promise<void> {
  const voice = new Voice();
  const { signal } = stop;
  console.log(
    `A tour of Regalia, with ${dir}\n(what it writes is in ${folder}, and removed at the end)`,
  );
  const store = await Regalia.open(path.join(folder, 'store'));
  try {
    const context = { store, voice, signal };
    await importDirectory(context, dir);
    lookAround(context);
    await changeOnBothSides(context);
    await mergeBoth(context);
    const replica = await exchange(context, path.join(folder, 'replica'));
    try {
      await verifyAll(context, replica);
    } finally {
      await replica.close();
    }
  } finally {
    await store.close();
  }
  console.log(
    `\nThat was the tour, in ${seconds(performance.now() - started)}. Nothing is left behind.`,
  );
  console.log('The same at the command line: npx regalia --help');
}

/** The directory given, or the installed packages: everybody who runs this has those. */
function sourceDirectory(): string {
  const given = process.argv[2];
  const dir = path.resolve(given ?? new URL('../../node_modules', import.meta.url).pathname);
  if (statSync(dir, { throwIfNoEntry: false })?.isDirectory() === true) return dir;
  console.error(`${dir} is not a directory`);
  process.exit(2);
}
