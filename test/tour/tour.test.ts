/** The tour runs on any directory, finds no faults, and leaves nothing behind, however it ends. */
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { bare } from '../bare.js';

const TOUR = fileURLToPath(new URL('../../tour/tour.js', import.meta.url));

function folders(t: Test): { source: string; temporary: string } {
  const dir = mkdtempSync(join(tmpdir(), 'regalia-tour-test-'));
  t.teardown(() => rmSync(dir, { recursive: true, force: true }));
  const [source, temporary] = [join(dir, 'source'), join(dir, 'tmp')];
  mkdirSync(join(source, 'deep/er'), { recursive: true });
  mkdirSync(temporary);
  return { source, temporary };
}

/** Runs the tour, as a process; `see` may interrupt it. */
async function tour(source: string, temporary: string, see?: (out: string) => boolean) {
  const env = { ...process.env, TMPDIR: temporary };
  const child = spawn(...bare(process.execPath, TOUR, source), { env });
  let out = '';
  let interrupted = false;
  const read = (text: Buffer) => {
    out += String(text);
    if (interrupted || see?.(out) !== true) return;
    interrupted = true;
    child.kill('SIGINT');
  };
  child.stdout.on('data', read);
  child.stderr.on('data', read);
  const code = await new Promise((resolve) => child.on('close', resolve));
  return { code, out, left: readdirSync(temporary) };
}

t.test('the tour goes through all chapters', async (t) => {
  const { source, temporary } = folders(t);
  for (let i = 0; i < 50; i++) writeFileSync(join(source, `deep/er/${i}`), `file ${i}`.repeat(i));
  const { code, out, left } = await tour(source, temporary);
  t.equal(code, 0, out);
  for (let chapter = 1; chapter <= 6; chapter++) t.match(out, new RegExp(`^${chapter}\\. `, 'm'));
  t.match(out, /54 entries|53 entries/);
  t.match(out, /of streams need .* on the disk:\n +\S+ \S+ for metadata, \S+ \S+ for contents\n/);
  t.match(out, /conflict at \/notes\/plan, stream text: both-changed/);
  t.match(out, /moved +\/files\/deep\.renamed from \/files\/deep/);
  t.match(out, /\/files\/deep\.renamed\/er\/0 has content, note, stat/);
  t.match(out, /the same commit/);
  t.match(out, /store .*: sound\n.*replica .*: sound/);
  t.same(left, []);
});

t.test('an empty directory is enough for it', async (t) => {
  const { source, temporary } = folders(t);
  rmSync(join(source, 'deep'), { recursive: true });
  const { code, out, left } = await tour(source, temporary);
  t.equal(code, 0, out);
  t.same(left, []);
});

t.test('Ctrl-C ends it, and nothing is left behind', async (t) => {
  const { source, temporary } = folders(t);
  for (let i = 0; i < 2_000; i++) writeFileSync(join(source, `${i}`), Buffer.alloc(9_000, `${i}`));
  const { code, out, left } = await tour(source, temporary, (text) => text.includes('1. '));
  t.equal(code, 130, out);
  t.match(out, /nothing is left behind/);
  t.same(left, []);
});

t.test('what is no directory is refused', async (t) => {
  const { source, temporary } = folders(t);
  const { code, out, left } = await tour(join(source, 'none'), temporary);
  t.equal(code, 2);
  t.match(out, /is not a directory/);
  t.same(left, []);
});
