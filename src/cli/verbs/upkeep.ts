/** `verify`, `repair` and `gc`: faults are found, contents made whole, and space made free. */
import type { CollectResult, Fault, RepairResult, RescanResult } from '../../index.js';
import { timeText } from '../dates.js';
import { byteCount, count, shown } from '../output.js';
import { durationOf } from '../quantities.js';
import { defineVerb, UsageError } from '../verb.js';

export const verify = defineVerb({
  name: 'verify',
  summary: 'read and check everything that the store keeps',
  usage: 'STORE',
  details: `
Each fault is printed once, and the exit code is 1 if there is any. Every copy and every shard of
contents is read too. With --no-contents only metadata is read, and that the store knows where each
chunk is.`,
  options: {
    contents: { help: 'read contents too (the default)' },
    'no-contents': { help: 'read metadata only' },
    metadata: { help: 'for a replica that has metadata without contents' },
  },
  async run({ options, out, signal, progress, reading }) {
    const { contents, 'no-contents': without, metadata } = options;
    if (contents === true && without === true) {
      throw new UsageError('--contents and --no-contents exclude each other: use one of them');
    }
    return reading(async (_, store) => {
      const scrub = store.verify({
        signal,
        contents: metadata !== true,
        chunks: without !== true,
        onProgress: ({ blocks, total }) => progress('verify', blocks, total),
      });
      let found = 0;
      for await (const row of scrub) {
        if (row.kind !== 'summary') {
          found++;
          const { address = null, key = null } = row;
          await out.row({ ...row, address, key }, faultLine(row));
          continue;
        }
        const { kind: _kind, ...summary } = row;
        const { blocks, bytes, commits, faults } = row;
        const counts = `${count(blocks)} blocks, ${byteCount(bytes)}, ${count(commits)} commits`;
        await out.row(summary, `${counts}: ${faults === 0 ? 'sound' : `${count(faults)} faults`}`);
      }
      return found > 0 ? 1 : 0;
    });
  },
});

function faultLine({ kind, address, key, stream, row, what }: Fault): string {
  const places = [key, stream, address, row].filter((each) => each !== undefined);
  return `${kind}  ${places.map(shown).join('  ')}  ${shown(what)}`;
}

export const repair = defineVerb({
  name: 'repair',
  summary: 'restore lost copies and shards of contents, and code contents that are old enough',
  usage: 'STORE',
  details: `
Copies and shards that are lost or damaged are made again on other volumes, from sound ones. The
exit code is 1 where contents are lost, or where there are too few volumes for the rules: bring
back a volume or add one, then run it again.`,
  options: {
    rested: { argument: 'TIME', help: 'code what is that old, such as 12h, 30m or 0; default 1d' },
    index: { help: 'first rebuild the index from what is on the volumes' },
  },
  async run({ options, out, signal, progress, writing }) {
    const restedMs = durationOf('rested', options.rested);
    return writing(async (_, store) => {
      let index: RescanResult | undefined;
      if (options.index === true) {
        const onProgress = (done: { records: number }) => progress('index', done.records);
        index = await store.rescan({ signal, onProgress });
      }
      const repaired = await store.repair({
        signal,
        restedMs,
        onProgress: ({ chunks, groups }) => progress('repair', chunks + groups),
      });
      await out.row(index === undefined ? repaired : { ...repaired, index });
      const lines = [
        ...(index === undefined ? [] : [indexLine(index)]),
        ...repairedLines(repaired),
      ];
      for (const line of lines) await out.note(line);
      return repaired.lost + repaired.thin + repaired.unreadable > 0 ? 1 : 0;
    });
  },
});

function indexLine({ records, chunks, copies, groups, shards, damaged }: RescanResult): string {
  const found = `${count(chunks)} chunks, ${count(copies)} copies, ${count(groups)} groups`;
  const rest = `${count(shards)} shards added; ${count(damaged)} damaged`;
  return `index     ${count(records)} records read: ${found}, ${rest}`;
}

function repairedLines(result: RepairResult): string[] {
  const { chunks, groups, copiesRestored, shardsRestored, coded, thin, unreadable, lost } = result;
  const made = `${byteCount(coded.bytes)} as ${byteCount(coded.shardBytes)} of shards`;
  const lines = [
    `read      ${count(chunks)} chunks, ${count(groups)} groups of shards`,
    `restored  ${count(copiesRestored)} copies, ${count(shardsRestored)} shards`,
    `coded     ${count(coded.chunks)} chunks, ${made}`,
  ];
  if (thin > 0) lines.push(`thin      ${count(thin)}: there are too few volumes for the rules`);
  if (unreadable > 0) {
    const advice = 'they stay as they are: see that volumes are well, and repair again';
    lines.push(`unread    ${count(unreadable)} copies or shards cannot be read now; ${advice}`);
  }
  if (lost > 0) lines.push(`lost      ${count(lost)} chunks have no sound copy left here:`);
  if (lost > 0) lines.push(...result.lostAddresses.map((address) => `          ${shown(address)}`));
  return lines;
}

export const gc = defineVerb({
  name: 'gc',
  summary: 'free the space of contents that no commit refers to, and of copies given up',
  usage: 'STORE',
  details: `
What nothing refers to is condemned first, and removed by a run ten minutes or more later: a
transaction of another process may still need it. The exit code is 1 where something could not be
removed because it is damaged: repair the store, then run it again.`,
  options: { now: { help: 'do not wait; only if no other process writes to the store' } },
  async run({ options, out, signal, progress, writing }) {
    return writing(async (_, store) => {
      const result = await store.gc({
        signal,
        graceMs: options.now === true ? 0 : undefined,
        onProgress: ({ condemned, forgotten }) => progress('gc', condemned + forgotten),
      });
      const { due = null, deferred = null } = result;
      await out.row({ ...result, due, deferred });
      for (const line of collectedLines(result)) await out.note(line);
      return result.compacted.stuck > 0 ? 1 : 0;
    });
  },
});

function collectedLines(result: CollectResult): string[] {
  const { condemned, condemnedBytes, forgotten, compacted, due, deferred } = result;
  const { segments, freedBytes, movedBytes, stuck } = compacted;
  const lines = [
    `condemned  ${count(condemned)} chunks, ${byteCount(condemnedBytes)}`,
    `forgotten  ${count(forgotten)} chunks`,
    `freed      ${byteCount(freedBytes)} in ${count(segments)} segments`,
    `moved      ${byteCount(movedBytes)}`,
  ];
  if (condemned > 0 && due !== undefined) lines.push(`due        ${timeText(due)}`);
  if (deferred !== undefined) lines.push(`deferred   ${shown(deferred)}`);
  if (stuck > 0) lines.push(`stuck      ${count(stuck)} segments have damaged contents`);
  return lines;
}
