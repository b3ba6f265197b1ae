/** `have`, `pack` and `unpack`: what replicas tell and send each other. */
import { Regalia } from '../../index.js';
import { isStore } from '../open.js';
import { byteCount, shown } from '../output.js';
import { numberOf } from '../quantities.js';
import { brief, printRefs } from '../show.js';
import { BUCKET, defineVerb, type ExitCode, textOf, UsageError } from '../verb.js';
import { MERGE_DETAILS, MERGE_OPTIONS, mergeFrom, mergeOptions } from './merge.js';

export const have = defineVerb({
  name: 'have',
  summary: 'print what this replica has, for `pack --have` of another',
  usage: 'STORE',
  options: BUCKET,
  async run({ out, reading }) {
    return reading(async (bucket) => {
      const have = await bucket.have();
      if (out.json) await out.row({ bucket: bucket.id, have });
      else await out.text(have.endsWith('\n') ? have : `${have}\n`);
    });
  },
});

export const pack = defineVerb({
  name: 'pack',
  summary: 'write what another replica lacks, or everything, to standard output',
  usage: 'STORE',
  details: `
    regalia have THEIRS > have
    regalia pack OURS --have have | regalia unpack THEIRS --merge

A pack is binary: redirect it into a file or a pipe. The same store and the same --have give the
same bytes, so --from continues a transfer that broke.`,
  options: {
    ...BUCKET,
    have: { argument: 'FILE', help: 'what the other has; `-` is standard input' },
    metadata: { help: 'leave out the contents of large streams' },
    from: { argument: 'BYTE', help: 'start at this byte, after a transfer that broke' },
  },
  async run(context) {
    const { args, options, out, signal, progress, reading } = context;
    if (out.isTerminal) {
      const example = `regalia pack ${args[0]} > FILE`;
      throw new UsageError(`a pack is binary: redirect it into a file or a pipe, as in ${example}`);
    }
    const { branch } = options;
    const from = numberOf('from', options.from);
    const file = options.have;
    const have = file === undefined ? undefined : await textOf(file, context);
    return reading(async (bucket) => {
      const branches = branch === undefined ? undefined : [branch];
      const contents = options.metadata !== true;
      let done = from ?? 0;
      for await (const chunk of bucket.export({ signal, have, from, contents, branches })) {
        await out.bytes(chunk);
        progress('pack', (done += chunk.length), undefined, 'bytes');
      }
    });
  },
});

export const unpack = defineVerb({
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
    merge: { help: 'merge what came into the branch' },
    metadata: { help: 'accept a pack without the contents of large streams' },
    shallow: { help: 'accept commits without what came before them' },
    reset: { help: 'move tracking branches also where that is not forward' },
    ...MERGE_OPTIONS,
  },
  async run(context) {
    const { args, options, out, input, signal, progress, writing } = context;
    const [folder] = args;
    if (options.resolve === '-') {
      throw new UsageError('--resolve cannot be standard input, which is the pack');
    }
    const how = await mergeOptions(context);
    const pack = input as AsyncIterable<Uint8Array>;
    const lacks = { contents: options.metadata !== true, shallow: options.shallow === true };
    if (!(await isStore(folder))) {
      const store = await Regalia.receive(folder, pack, lacks);
      await store.close();
      await out.row({ path: folder }, `a new replica at ${shown(folder)}`);
      return 0;
    }
    return writing(async (bucket) => {
      const onProgress = (done: number) => progress('unpack', done, undefined, 'bytes');
      const reset = options.reset === true;
      const { branches, ...counts } = await bucket.import(pack, {
        ...lacks,
        signal,
        onProgress,
        reset,
      });
      const { left, commits, blocks, bytes, cut } = counts;
      await out.row(counts, `${byteCount(bytes)}: ${commits} new commits, ${blocks} new blocks`);
      if (!out.json && cut > 0) await out.text(`${cut} commits without what came before them\n`);
      await printRefs(out, branches);
      for (const { name, commit } of out.json ? [] : left) {
        await out.text(`${brief(commit)}  ${shown(name)} stays: what came is not ahead of it\n`);
      }
      let exit: ExitCode = 0;
      for (const { name } of options.merge === true ? branches : []) {
        if (!name.endsWith(`/${bucket.branchName}`)) continue;
        const each = await mergeFrom(bucket, { branch: name }, how, out);
        if (each !== 0) exit = each;
      }
      return exit;
    });
  },
});
