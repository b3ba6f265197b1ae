/** `regalia unpack`: takes a pack in from standard input. */
import { type ImportOutcome, Regalia } from '../../index.js';
import { MERGE_DETAILS, MERGE_OPTIONS, mergeFrom, mergeOptions } from '../merging.js';
import { isStore, writing } from '../open.js';
import { type Output, shown } from '../output.js';
import { byteCount } from '../progress.js';
import { brief } from '../show.js';
import { BUCKET, defineVerb, type ExitCode, UsageError } from '../verb.js';

export default defineVerb({
  name: 'unpack',
  summary: 'take a pack in from standard input, and with --merge merge it',
  usage: 'STORE',
  details: `
Everything is checked before any of it is seen. It lands on tracking branches,
replica/ID/BRANCH; --merge merges those of the same name into the branch. Where there is no
store yet, one is made of the pack: it can be read, and written to once it \`accept\`ed a
share that another replica \`grant\`ed.
${MERGE_DETAILS}`,
  options: {
    ...BUCKET,
    merge: { type: 'boolean', help: 'merge what came into the branch' },
    ...MERGE_OPTIONS,
  },
  async run({ args, options, out, input, signal, progress }) {
    const folder = args[0] as string;
    if (options.resolve === '-') throw new UsageError('standard input is the pack already');
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
      const taken = await bucket.import(pack, { signal, onProgress });
      line.end();
      await tell(taken, out);
      let exit: ExitCode = 0;
      for (const { name } of options.merge === true ? taken.branches : []) {
        if (!name.endsWith(`/${bucket.branchName}`)) continue;
        const each = await mergeFrom(bucket, { branch: name }, how, out);
        if (each !== 0) exit = each;
      }
      return exit;
    });
  },
});

async function tell({ branches, ...counts }: ImportOutcome, out: Output): Promise<void> {
  const { commits, blocks, bytes } = counts;
  await out.row(counts, `${byteCount(bytes)}: ${commits} new commits, ${blocks} new blocks`);
  for (const branch of branches) {
    await out.row(branch, `${brief(branch.commit)}  ${shown(branch.name)}`);
  }
}
