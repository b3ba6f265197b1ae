/** `regalia rules`: how a store keeps the contents of its streams, and how it shall. */
import {
  isRegaliaError,
  type Regalia,
  type RegaliaOptions,
  type StorageRule,
} from '../../index.js';
import { withStore } from '../open.js';
import { type Output, shown } from '../output.js';
import { RULE_OPTIONS, ruleLine, ruleOf } from '../storage-rules.js';
import { defineVerb, type ExitCode, UsageError } from '../verb.js';

export default defineVerb({
  name: 'rules',
  summary: 'tell how contents are kept, of all streams or of one; set it with an option',
  usage: 'STORE [STREAM]',
  details: `
Without STREAM options set the rule of all streams that have none of their own.

none      a content lies on one volume       striped   chunk by chunk over all volumes
mirrored  on so many volumes                 coded     as shards, any PARITY of which may be
                                                       lost: 4+2 unless told, on 6 volumes

New contents follow a rule from then on. \`regalia repair\` gives those that are there the
copies and shards that it asks for; how they were compressed stays.`,
  options: RULE_OPTIONS,
  async run({ args, options, out }) {
    const [folder, stream] = args as [string, string?];
    const rule = ruleOf(options);
    if (rule === undefined) {
      return withStore(folder, { readOnly: true }, (store) => tell(out, store, stream));
    }
    const change = stream === undefined ? { default: rule } : { streams: { [stream]: rule } };
    return changing(folder, { ...change, create: false }, (store) => tell(out, store, stream));
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

async function tell(out: Output, store: Regalia, stream: string | undefined): Promise<ExitCode> {
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
