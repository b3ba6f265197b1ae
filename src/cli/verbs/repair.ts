/** `regalia repair`: brings contents back to what their rules ask for. */
import type { Regalia, RepairResult, RescanResult } from '../../index.js';
import { writing } from '../open.js';
import { byteCount, type Output, type Progress, shown } from '../output.js';
import { durationOf } from '../quantities.js';
import { count } from '../show.js';
import { defineVerb } from '../verb.js';

export default defineVerb({
  name: 'repair',
  summary: 'restore lost copies and shards of contents, and code contents that are old enough',
  usage: 'STORE',
  details: `
Copies and shards that are lost or damaged are made again on other volumes, from sound ones. The
exit code is 1 where contents are lost, or where there are too few volumes for the rules: bring
back a volume or add one, then run it again.`,
  options: {
    rested: {
      type: 'string',
      placeholder: 'TIME',
      help: 'code what is that old, such as 12h, 30m or 0; default 1d',
    },
    index: { type: 'boolean', help: 'first rebuild the index from what is on the volumes' },
  },
  async run({ args, options, out, signal, progress }) {
    const restedMs = durationOf('rested', options.rested);
    return writing(args[0] as string, {}, async (_, store) => {
      const index =
        options.index === true ? await rescan(store, signal, progress('index')) : undefined;
      const line = progress('repair');
      const repaired = await store.repair({
        signal,
        restedMs,
        onProgress: ({ chunks, groups }) => line.update(chunks + groups),
      });
      line.end();
      await out.row({ ...repaired, ...(index !== undefined && { index }) });
      if (index !== undefined) await out.note(indexLine(index));
      await noteRepair(out, repaired);
      return repaired.lost + repaired.thin > 0 ? 1 : 0;
    });
  },
});

async function rescan(store: Regalia, signal: AbortSignal, line: Progress): Promise<RescanResult> {
  const result = await store.rescan({
    signal,
    onProgress: ({ records }) => line.update(records),
  });
  line.end();
  return result;
}

function indexLine({ records, chunks, copies, groups, shards, damaged }: RescanResult): string {
  const found = `${count(chunks)} chunks, ${count(copies)} copies, ${count(groups)} groups`;
  const rest = `${count(shards)} shards added; ${count(damaged)} damaged`;
  return `index     ${count(records)} records read: ${found}, ${rest}`;
}

async function noteRepair(out: Output, result: RepairResult): Promise<void> {
  const { chunks, groups, copiesRestored, shardsRestored, coded, thin, lost } = result;
  await out.note(`read      ${count(chunks)} chunks, ${count(groups)} groups of shards`);
  await out.note(`restored  ${count(copiesRestored)} copies, ${count(shardsRestored)} shards`);
  const made = `${byteCount(coded.bytes)} as ${byteCount(coded.shardBytes)} of shards`;
  await out.note(`coded     ${count(coded.chunks)} chunks, ${made}`);
  if (thin > 0) await out.note(`thin      ${count(thin)}: there are too few volumes for the rules`);
  if (lost > 0) await out.note(`lost      ${count(lost)} chunks have no sound copy left here:`);
  for (const address of result.lostAddresses) await out.note(`          ${shown(address)}`);
}
