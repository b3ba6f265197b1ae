/**
 * `regalia rules`: shows and changes how a store keeps the contents of its streams, and who decides
 * in it about entries and places; and what other verbs take of the latter for a new bucket.
 */
import {
  type EntryRule,
  isRegaliaError,
  type PlaceRule,
  type Redundancy,
  type RedundancyOption,
  type RuleOptions,
  type StorageRule,
  type StreamOptions,
} from '../../index.js';
import { byteCount, shown } from '../output.js';
import { oneOf, sizeOf } from '../quantities.js';
import { type Context, defineVerb, type OptionSpecs, UsageError } from '../verb.js';

const ENTRY_RULES: readonly EntryRule[] = ['conflict', 'keep', 'remove', 'newest'];
const PLACE_RULES: readonly PlaceRule[] = ['conflict', 'newest'];

/** Who decides in a bucket where nobody is asked. */
export const POLICY_RULES = {
  entries: {
    argument: 'POLICY',
    help: `removed on one side, changed on the other: ${ENTRY_RULES.join(', ')}`,
  },
  places: {
    argument: 'POLICY',
    help: `moves that contradict each other: ${PLACE_RULES.join(', ')}`,
  },
} as const satisfies OptionSpecs;

/** The library's options for those of `POLICY_RULES`; undefined where there are none. */
export function policyRules({
  entries,
  places,
}: Context<typeof POLICY_RULES>['options']): PolicyRules | undefined {
  if (entries === undefined && places === undefined) return undefined;
  return {
    entries: oneOf('entries', ENTRY_RULES, entries),
    places: oneOf('places', PLACE_RULES, places),
  };
}

type PolicyRules = Pick<RuleOptions, 'entries' | 'places'>;

const OPTIONS = {
  compression: { argument: 'LEVEL', help: 'none, or 1 to 19: levels of zstd' },
  redundancy: {
    argument: 'HOW',
    help: 'none, striped, mirrored:COPIES, coded or coded:DATA+PARITY',
  },
  from: { argument: 'BYTES', help: 'shorter contents are not coded; default 64MiB' },
  ...POLICY_RULES,
} as const satisfies OptionSpecs;

export const rules = defineVerb({
  name: 'rules',
  summary: 'show how contents are stored, for all streams or for one; change it with options',
  usage: 'STORE [STREAM]',
  details: `
Without STREAM the options change the rule of all streams that have no rule of their own.

none      a content is on one volume         striped   chunk by chunk over all volumes
mirrored  on so many volumes                 coded     as shards, any PARITY of which may be
                                                       lost; default 4+2, on 6 volumes

New contents follow the rule from then on. \`regalia repair\` makes the copies and shards that it
asks for of older contents. What is compressed already stays as it is.

--entries and --places say who decides in merges that are given no policy; the default, conflict,
asks. They belong to the store's history and go with it; what decides already stays.`,
  options: OPTIONS,
  async run({ args, options, out, opening }) {
    const [, stream] = args as [string, string?];
    const rule = ruleOf(options);
    const policies = policyRules(options);
    if (policies !== undefined && stream !== undefined) {
      throw new UsageError('--entries and --places are for all streams: leave out STREAM');
    }
    const change =
      stream === undefined ? { default: rule } : { streams: rule && { [stream]: rule } };
    const changes = rule !== undefined || policies !== undefined;
    const how = changes ? { ...change, ...policies, create: false } : { readOnly: true };
    try {
      return await opening(how, async (_, store) => {
        const all = store.storageRules();
        const own = Object.entries(all.streams);
        const rows: [string | null, StorageRule][] =
          stream === undefined
            ? [...own, [null, all.default]]
            : [[stream, own.find(([name]) => name === stream)?.[1] ?? all.default]];
        for (const [name, each] of rows) {
          await out.row({ stream: name, ...each }, ruleLine(shown(name ?? '(all others)'), each));
        }
        const { entries, places } = store.rules();
        if (stream !== undefined || (entries === 'conflict' && places === 'conflict')) return;
        await out.row({ entries, places }, `entries ${entries}  places ${places}`);
      });
    } catch (error) {
      // A rule that the store refuses was given on the command line.
      if (isRegaliaError(error, 'REGALIA_RULE')) throw new UsageError(error.message);
      throw error;
    }
  },
});

/** What the options ask for; undefined where they ask for nothing. */
function ruleOf(options: Context<typeof OPTIONS>['options']): StreamOptions | undefined {
  const { compression, redundancy } = options;
  const from = sizeOf('from', options.from);
  const how = redundancy === undefined ? undefined : redundancyOf(redundancy, from);
  if (from !== undefined && how?.kind !== 'coded') {
    throw new UsageError('--from goes with --redundancy coded');
  }
  if (compression === undefined && how === undefined) return undefined;
  return { compression: compressionOf(compression), redundancy: how };
}

function compressionOf(text: string | undefined): 'none' | number | undefined {
  if (text === undefined || text === 'none') return text;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new UsageError(`--compression must be none or 1 to 19, not ${JSON.stringify(text)}`);
}

function redundancyOf(text: string, from: number | undefined): RedundancyOption {
  if (text === 'none' || text === 'striped') return { kind: text };
  const [, copies] = /^mirrored:(\d{1,3})$/.exec(text) ?? [];
  if (copies !== undefined) return { kind: 'mirrored', copies: Number(copies) };
  const [coded, , data, parity] = /^coded(:(\d{1,3})\+(\d{1,3}))?$/.exec(text) ?? [];
  if (coded === undefined) {
    const forms = OPTIONS.redundancy.help;
    throw new UsageError(`--redundancy must be ${forms}, not ${JSON.stringify(text)}`);
  }
  const least = from === undefined ? {} : { from };
  if (data === undefined) return { kind: 'coded', ...least };
  return { kind: 'coded', data: +data, parity: +parity, ...least };
}

/** `content       compression 3     redundancy mirrored:2`, in the words of the options. */
function ruleLine(name: string, { compression, redundancy }: StorageRule): string {
  const facts = `compression ${String(compression).padEnd(4)}  redundancy ${howOf(redundancy)}`;
  return `${name.padEnd(16)}  ${facts}`;
}

function howOf(redundancy: Redundancy): string {
  if (redundancy.kind === 'mirrored') return `mirrored:${redundancy.copies}`;
  if (redundancy.kind !== 'coded') return redundancy.kind;
  const { data, parity, from } = redundancy;
  return `coded:${data}+${parity} from ${byteCount(from)}`;
}
