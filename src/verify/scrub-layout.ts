/**
 * Scrubs how streams are laid out: each where the rules of its bucket have it, as far as lengths
 * and names say, and what is inline in the encoding that they ask for.
 *
 *     up to inlineMax     in metadata: in the record, or in a block where it has no room
 *     above               a content
 *
 * Whether a child map lies in the record or beside it is asked only where the record has no room.
 */
import { isRegaliaError } from '../ground/errors.js';
import { decodeContents } from '../streams/encoding.js';
import type { Encoding, Rules, StreamRule } from '../streams/rule.js';
import type { CheckedRecord, RecordCheck } from '../tree/check-node.js';
import type { Names } from '../tree/key.js';
import { misplaced } from '../tree/placement.js';
import { INLINE, REFERENCED, readRecord } from '../tree/record.js';

/** What is wrong with a record in a node. */
export interface RecordFault {
  readonly kind: 'layout' | 'encoding';
  readonly what: string;
  /** From the node's map. */
  readonly names: Names;
  readonly stream: string | undefined;
}

export class LayoutScrub implements RecordCheck {
  readonly faults: RecordFault[] = [];
  readonly #rules: Rules;

  constructor(rules: Rules) {
    this.#rules = rules;
  }

  stream(record: CheckedRecord, name: string, form: number, length: number, start: number): void {
    const rule = this.#rules.ruleOf(name);
    const layout = layoutFault(rule, form, length);
    if (layout !== undefined) this.#add('layout', layout, record, name);
    const { encoding } = rule;
    if (form !== INLINE || encoding === 'bytes') return;
    const { bytes } = record.map;
    if (encoding === 'utf8' && isAscii(bytes, start, start + length)) return;
    const what = encodingFault(encoding, name, bytes.subarray(start, start + length));
    if (what !== undefined) this.#add('encoding', what, record, name);
  }

  full(record: CheckedRecord): void {
    const { map, index } = record;
    const what = misplaced(map.name(index), readRecord(map, index));
    if (what !== undefined) this.#add('layout', what, record, undefined);
  }

  #add(
    kind: RecordFault['kind'],
    what: string,
    record: CheckedRecord,
    stream: string | undefined,
  ): void {
    this.faults.push({ kind, what, names: record.names(), stream });
  }
}

function layoutFault({ inlineMax }: StreamRule, form: number, length: number): string | undefined {
  if ((form === REFERENCED) === length > inlineMax) return undefined;
  const where = form === REFERENCED ? 'a content' : 'metadata';
  return `${length} bytes are ${where}, and inlineMax is ${inlineMax}`;
}

/** Most texts are, and to see it costs less than to decode them. */
function isAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) if ((bytes[at] as number) >= 0x80) return false;
  return true;
}

function encodingFault(encoding: Encoding, stream: string, bytes: Uint8Array): string | undefined {
  try {
    decodeContents(encoding, stream, bytes);
    return undefined;
  } catch (error) {
    if (isRegaliaError(error, 'REGALIA_ENCODING')) return error.message;
    throw error;
  }
}
