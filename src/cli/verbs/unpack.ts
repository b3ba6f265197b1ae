/** `regalia unpack`: imports a pack from standard input. */
import { type ImportOutcome, Regalia } from '../../index.js';
import { MERGE_DETAILS, MERGE_OPTIONS, mergeFrom, mergeOptions } from '../merging.js';
import { isStore, writing } from '../open.js';
import { byteCount, type Output, shown } from '../output.js';
import { printRefs } from '../show.js';
import { BUCKET, defineVerb, type ExitCode, UsageError } from '../verb.js';

export default defineVerb({
  name: 'unpack',
  summary: 'import a pack from standard input, and merge it with --merge',
  usage: 'STORE',
  details: `
Everything is checked before any of it becomes visible, on tracking branches replica/ID/BRANCH;
--merge merges those of the same name into the branch. Where there is no store, the pack makes one.
It can be read at once, and written to after \`regalia accept\` of a share from \`regalia grant\`.
${MERGE_DETAILS}`,
  options: {
    ...BUCKET,
    merge: { type: 'boolean', help: 'merge what came into the branch' },
    ...MERGE_OPTIONS,
  },
  async run({ args, options, out, input, signal, progress }) {
    const folder = args[0] as string;
    if (options.resolve === '-')
      throw new UsageError('--resolve cannot be standard input, which is the pack');
    const how = await mergeOptions(options, { input, signal });
    const line = progress('unpack');
    const pack = input as AsyncIterable<Uint8Array>;
    if (!(await isStore(folder))) {
      const store = await Regalia.receive(folder, pack);
      await store.close();
      await out.row({ path: folder }, `a new replica at ${shown(folder)}`);
      return 0;
    }
    return writing(folder, options, async (bucket) => {
      const onProgress = (bytes: number) => line.update(bytes, undefined, 'bytes');
      const outcome = await bucket.import(pack, { signal, onProgress });
      line.end();
      await print(outcome, out);
      let exit: ExitCode = 0;
      for (const { name } of options.merge === true ? outcome.branches : []) {
        if (!name.endsWith(`/${bucket.branchName}`)) continue;
        const each = await mergeFrom(bucket, { branch: name }, how, out);
        if (each !== 0) exit = each;
      }
      return exit;
    });
  },
});

async function print({ branches, ...counts }: ImportOutcome, out: Output): Promise<void> {
  const { commits, blocks, bytes } = counts;
  await out.row(counts, `${byteCount(bytes)}: ${commits} new commits, ${blocks} new blocks`);
  await printRefs(out, branches);
}
