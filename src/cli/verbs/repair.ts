/** `regalia repair`: brings contents back to what their rules ask for. */
import type { RepairResult, RescanResult } from '../../index.js';
import { byteCount, count, shown } from '../output.js';
import { durationOf } from '../quantities.js';
import { defineVerb } from '../verb.js';

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
      const lines = [...(index === undefined ? [] : [indexLine(index)]), ...linesOf(repaired)];
      for (const line of lines) await out.note(line);
      return repaired.lost + repaired.thin > 0 ? 1 : 0;
    });
  },
});

function indexLine({ records, chunks, copies, groups, shards, damaged }: RescanResult): string {
  const found = `${count(chunks)} chunks, ${count(copies)} copies, ${count(groups)} groups`;
  const rest = `${count(shards)} shards added; ${count(damaged)} damaged`;
  return `index     ${count(records)} records read: ${found}, ${rest}`;
}

function linesOf(result: RepairResult): string[] {
  const { chunks, groups, copiesRestored, shardsRestored, coded, thin, lost } = result;
  const made = `${byteCount(coded.bytes)} as ${byteCount(coded.shardBytes)} of shards`;
  const lines = [
    `read      ${count(chunks)} chunks, ${count(groups)} groups of shards`,
    `restored  ${count(copiesRestored)} copies, ${count(shardsRestored)} shards`,
    `coded     ${count(coded.chunks)} chunks, ${made}`,
  ];
  if (thin > 0) lines.push(`thin      ${count(thin)}: there are too few volumes for the rules`);
  if (lost > 0) lines.push(`lost      ${count(lost)} chunks have no sound copy left here:`);
  if (lost > 0) lines.push(...result.lostAddresses.map((address) => `          ${shown(address)}`));
  return lines;
}
