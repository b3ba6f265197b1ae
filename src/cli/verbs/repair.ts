/** `regalia repair`: contents brought back to what their rules ask for, from what is sound. */
import type { Regalia, RepairResult, RescanResult } from '../../index.js';
import { writing } from '../open.js';
import { type Output, shown } from '../output.js';
import { byteCount, type Progress } from '../progress.js';
import { durationOf } from '../quantities.js';
import { count } from '../show.js';
import { defineVerb } from '../verb.js';

export default defineVerb({
  name: 'repair',
  summary: 'make anew what contents have lost, and code what has rested, by their rules',
  usage: 'STORE',
  details: `
Copies and shards that are lost or damaged are made anew on other volumes, from what is
sound. The exit code is 1 where contents are lost, or where there are too few volumes for
what the rules ask for: bring back a volume, or add one, and run it again.`,
  options: {
    rested: {
      type: 'string',
      placeholder: 'TIME',
      help: 'code what was committed so long ago: 12h, 30m, 0; a day unless told',
    },
    index: { type: 'boolean', help: 'first take in what volumes hold and the index does not know' },
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
  const taken = `${count(chunks)} chunks, ${count(copies)} copies, ${count(groups)} groups`;
  const rest = `${count(shards)} shards taken in; ${count(damaged)} damaged`;
  return `index     ${count(records)} records read: ${taken}, ${rest}`;
}

async function noteRepair(out: Output, result: RepairResult): Promise<void> {
  const { chunks, groups, copiesRestored, shardsRestored, coded, thin, lost } = result;
  await out.note(`read      ${count(chunks)} chunks, ${count(groups)} groups of shards`);
  await out.note(`restored  ${count(copiesRestored)} copies, ${count(shardsRestored)} shards`);
  const made = `${byteCount(coded.bytes)} as ${byteCount(coded.shardBytes)} of shards`;
  await out.note(`coded     ${count(coded.chunks)} chunks, ${made}`);
  if (thin > 0) await out.note(`thin      ${count(thin)}: there are too few volumes for the rules`);
  if (lost > 0) await out.note(`lost      ${count(lost)} chunks have no sound source left here:`);
  for (const address of result.lostAddresses) await out.note(`          ${shown(address)}`);
}
