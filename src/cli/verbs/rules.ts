/** `regalia rules`: shows and changes how a store keeps the contents of its streams. */
import {
  isRegaliaError,
  type Regalia,
  type RegaliaOptions,
  type StorageRule,
} from '../../index.js';
import { withStore } from '../open.js';
import { type Output, shown } from '../output.js';
import { RULE_OPTIONS, ruleOf } from '../quantities.js';
import { ruleLine } from '../show.js';
import { defineVerb, type ExitCode, UsageError } from '../verb.js';

export default defineVerb({
  name: 'rules',
  summary: 'show how contents are stored, for all streams or for one; change it with options',
  usage: 'STORE [STREAM]',
  details: `
Without STREAM the options change the rule of all streams that have no rule of their own.

none      a content is on one volume         striped   chunk by chunk over all volumes
mirrored  on so many volumes                 coded     as shards, any PARITY of which may be
                                                       lost; default 4+2, on 6 volumes

New contents follow the rule from then on. \`regalia repair\` makes the copies and shards that it
asks for of older contents. What is compressed already stays as it is.`,
  options: RULE_OPTIONS,
  async run({ args, options, out }) {
    const [folder, stream] = args as [string, string?];
    const rule = ruleOf(options);
    if (rule === undefined) {
      return withStore(folder, { readOnly: true }, (store) => print(out, store, stream));
    }
    const change = stream === undefined ? { default: rule } : { streams: { [stream]: rule } };
    return changing(folder, { ...change, create: false }, (store) => print(out, store, stream));
  },
});

/** A rule that the store refuses was given on the command line. */
async function changing(
  folder: string,
  options: RegaliaOptions,
  use: (store: Regalia) => Promise<ExitCode>,
): Promise<ExitCode> {
  try {
    return await withStore(folder, options, use);
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_RULE')) throw new UsageError(error.message);
    throw error;
  }
}

async function print(out: Output, store: Regalia, stream: string | undefined): Promise<ExitCode> {
  const rules = store.storageRules();
  const own = Object.entries(rules.streams);
  const row = (name: string | null, rule: StorageRule) =>
    out.row({ stream: name, ...rule }, ruleLine(shown(name ?? '(all others)'), rule));
  if (stream !== undefined) {
    await row(stream, own.find(([name]) => name === stream)?.[1] ?? rules.default);
    return 0;
  }
  for (const [name, rule] of own) await row(name, rule);
  await row(null, rules.default);
  return 0;
}
