/** Storage rules as options give them, and the line in which they are shown, in the same words. */
import type { Redundancy, RedundancyOption, StorageRule, StreamOptions } from '../index.js';
import { byteCount } from './progress.js';
import { sizeOf } from './quantities.js';
import { type OptionSpecs, UsageError } from './verb.js';

export const RULE_OPTIONS = {
  compression: { type: 'string', placeholder: 'LEVEL', help: 'none, or 1 to 19: levels of zstd' },
  redundancy: {
    type: 'string',
    placeholder: 'HOW',
    help: 'none, striped, mirrored:COPIES, coded or coded:DATA+PARITY',
  },
  from: {
    type: 'string',
    placeholder: 'BYTES',
    help: 'the least content that is coded (64MiB unless told)',
  },
} as const satisfies OptionSpecs;

/** What the options of `RULE_OPTIONS` ask for; undefined where they ask for nothing. */
export function ruleOf(options: {
  readonly compression?: string;
  readonly redundancy?: string;
  readonly from?: string;
}): StreamOptions | undefined {
  const { compression, redundancy } = options;
  const from = sizeOf('from', options.from);
  const how = redundancy === undefined ? undefined : redundancyOf(redundancy, from);
  if (from !== undefined && how?.kind !== 'coded') {
    throw new UsageError('--from goes with --redundancy coded');
  }
  if (compression === undefined && how === undefined) return undefined;
  return {
    ...(compression !== undefined && { compression: compressionOf(compression) }),
    ...(how !== undefined && { redundancy: how }),
  };
}

function compressionOf(text: string): 'none' | number {
  if (text === 'none') return text;
  if (/^\d{1,2}$/.test(text)) return Number(text);
  throw new UsageError(`--compression is none or 1 to 19, not ${JSON.stringify(text)}`);
}

function redundancyOf(text: string, from: number | undefined): RedundancyOption {
  if (text === 'none' || text === 'striped') return { kind: text };
  const [, copies] = /^mirrored:(\d{1,3})$/.exec(text) ?? [];
  if (copies !== undefined) return { kind: 'mirrored', copies: Number(copies) };
  const [coded, , data, parity] = /^coded(:(\d{1,3})\+(\d{1,3}))?$/.exec(text) ?? [];
  if (coded === undefined) {
    const forms = RULE_OPTIONS.redundancy.help;
    throw new UsageError(`--redundancy is ${forms}, not ${JSON.stringify(text)}`);
  }
  return {
    kind: 'coded',
    ...(data !== undefined && parity !== undefined && { data: +data, parity: +parity }),
    ...(from !== undefined && { from }),
  };
}

/** `content       compression 3     redundancy mirrored:2`, in the words of the options. */
export function ruleLine(name: string, { compression, redundancy }: StorageRule): string {
  const facts = `compression ${String(compression).padEnd(4)}  redundancy ${howOf(redundancy)}`;
  return `${name.padEnd(16)}  ${facts}`;
}

function howOf(redundancy: Redundancy): string {
  if (redundancy.kind === 'mirrored') return `mirrored:${redundancy.copies}`;
  if (redundancy.kind !== 'coded') return redundancy.kind;
  const { data, parity, from } = redundancy;
  return `coded:${data}+${parity} from ${byteCount(from)}`;
}
