/**
 * The chapters about one store: a directory is imported, listed, forked, changed on both sides and
 * merged.
 */
import { importTree } from '../src/fs/import.js';
import { Walk } from '../src/fs/walk.js';
import type { DiffRow, Entry, Regalia, Snapshot } from '../src/index.js';
import { count, rate, seconds, size, type Voice } from './voice.js';

export interface TourContext {
  readonly store: Regalia;
  readonly voice: Voice;
  readonly signal: AbortSignal;
}

const PLAN = '/notes/plan';

export async function importDirectory({ store, voice, signal }: TourContext, dir: string) {
  voice.chapter('A directory becomes a commit');
  let total = 0;
  for (const event of new Walk(dir)) if (event.kind === 'enter' || event.kind === 'leaf') total++;
  const before = performance.now();
  const tx = store.begin();
  tx.put(PLAN, 'text', Buffer.from('walk the dog\nfeed the cat\n'));
  const onProgress = ({ entries }: { entries: number }) => voice.bar(entries, total, 'entries');
  const read = await importTree(tx, dir, '/files', { signal, onProgress });
  await tx.commit({ message: `import ${dir}`.toWellFormed(), signal });
  voice.endBar();
  const ms = performance.now() - before;
  voice.line(`${count(read.entries)} entries with ${size(read.bytes)} in ${seconds(ms)}`);
  voice.line(
    `${rate(read.entries, ms, 'entries')}, ${size((read.bytes * 1_000) / ms)}/s, one commit`,
  );
  if (read.findingCount > 0) voice.line(`${count(read.findingCount)} could not be read`);
  const again = performance.now();
  const second = store.begin();
  const seen = await importTree(second, dir, '/files', { signal });
  const { changed } = await second.commit({ signal });
  const took = seconds(performance.now() - again);
  const commits = changed ? 'another commit' : 'no commit';
  voice.line(`imported again in ${took}: ${count(seen.changed)} changed, ${commits}`);
}

export function lookAround({ store, voice }: TourContext): void {
  voice.chapter('What is in it: counts and sizes are part of the tree, so nothing is walked');
  const snapshot = store.snapshot();
  const before = performance.now();
  const largest = [...snapshot.children('/files')]
    .sort((a, b) => b.totals.bytes - a.totals.bytes)
    .slice(0, 5);
  const ms = performance.now() - before;
  for (const { key, totals } of [...largest, snapshot.entry('/') as Entry]) {
    const entries = `${count(totals.entries).padStart(9)} entries`;
    voice.line(`${size(totals.bytes).padStart(12)}  ${entries}  ${key}`);
  }
  voice.line(`found in ${ms.toFixed(1)} ms`);
  const { bytes, contentBytes, diskBytes, referencedBytes, inlineBytes } = store.stats();
  const logical = size(referencedBytes + inlineBytes);
  voice.line(`${logical} of streams need ${size(diskBytes)} on the disk:`);
  voice.line(`    ${size(bytes)} for metadata, ${size(contentBytes)} for contents`);
}

/**
 * Forks a branch, and changes both: a directory is renamed here, edited there, and one stream is
 * changed on both sides.
 */
export async function changeOnBothSides({ store, voice, signal }: TourContext): Promise<void> {
  voice.chapter('A fork: one tree, changed in two ways');
  const before = performance.now();
  const draft = await store.fork('draft');
  voice.line(`forked in ${(performance.now() - before).toFixed(1)} ms, however large the store is`);
  const snapshot = store.snapshot();
  const directory = firstDirectory(snapshot);
  const file = directory && firstFile(snapshot, directory.key);
  await store.transact(
    (tx) => {
      tx.put(PLAN, 'text', Buffer.from('walk the cat\nfeed the cat\n'));
      if (directory !== undefined) tx.move(directory.key, `${directory.key}.renamed`);
    },
    { message: 'main: another plan, and a directory renamed', signal },
  );
  await draft.transact(
    (tx) => {
      tx.put(PLAN, 'text', Buffer.from('walk the dog\nfeed the fish\n'));
      if (file !== undefined) tx.put(file.key, 'note', Buffer.from('written on draft'));
    },
    { message: 'draft: a third plan, and a note on a file', signal },
  );
  for (const [name, branch] of [['main', store] as const, ['draft', draft] as const]) {
    voice.line(`what changed on ${name} since the fork:`);
    for (const row of branch.diff(snapshot.base, name)) voice.line(`    ${diffLine(row)}`);
  }
}

export async function mergeBoth({ store, voice, signal }: TourContext): Promise<void> {
  voice.chapter('A merge, with one conflict that only you can resolve');
  const outcome = await store.merge('draft', { signal });
  for (const { key, stream, kind, base, ours, theirs } of outcome.conflicts) {
    voice.line(`conflict at ${key}, stream ${stream}: ${kind}`);
    for (const [side, has] of Object.entries({ base, ours, theirs })) {
      const text = Buffer.from(has?.inline ?? [])
        .toString()
        .trim()
        .replaceAll('\n', ', ');
      voice.line(`    ${side.padEnd(7)} ${text}`);
    }
  }
  const contents = Buffer.from('walk the cat\nfeed the fish\n');
  const answers = [{ key: PLAN, stream: 'text', contents }];
  const before = performance.now();
  const merged = await store.merge('draft', { answers, signal });
  const ms = (performance.now() - before).toFixed(1);
  voice.line(`answered and merged in ${ms} ms; draft's note followed the renamed directory:`);
  const rows = store.diff('draft', merged.commit.commit);
  for (const row of rows) voice.line(`    ${diffLine(row)}`);
  for (const { key, streams } of noted(store.snapshot())) {
    voice.line(`    ${key} has ${streams.join(', ')}`);
  }
  voice.line('the log:');
  for (const { commit, message, parents } of store.log({ limit: 5 })) {
    voice.line(
      `    ${commit.slice(7, 19)}  ${message}${parents.length > 1 ? '  (two parents)' : ''}`,
    );
  }
}

function firstDirectory(snapshot: Snapshot): Entry | undefined {
  for (const entry of snapshot.children('/files')) {
    if (entry.hasChildren && firstFile(snapshot, entry.key) !== undefined) return entry;
  }
  return undefined;
}

function firstFile(snapshot: Snapshot, key: string): Entry | undefined {
  for (const entry of snapshot.walk(key)) if (entry.get('content') !== undefined) return entry;
  return undefined;
}

/** What has the note that draft wrote, in the renamed directory. */
function* noted(snapshot: Snapshot): Generator<Entry> {
  for (const { name, key } of snapshot.children('/files')) {
    if (!name.endsWith('.renamed')) continue;
    for (const entry of snapshot.walk(key)) if (entry.get('note') !== undefined) yield entry;
  }
}

function diffLine({ key, stream, kind, from }: DiffRow): string {
  const was = from === undefined ? '' : ` from ${from}`;
  return `${kind.padEnd(7)} ${key}${stream === undefined ? '' : `, stream ${stream}`}${was}`;
}
