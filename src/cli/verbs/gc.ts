/** `regalia gc`: frees the space of contents that no commit refers to. */
import type { CollectResult } from '../../index.js';
import { byteCount, count, shown } from '../output.js';
import { timeText } from '../show.js';
import { defineVerb } from '../verb.js';

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
      for (const line of linesOf(result)) await out.note(line);
      return result.compacted.stuck > 0 ? 1 : 0;
    });
  },
});

function linesOf(result: CollectResult): string[] {
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
