/**
 * Traits: what a block is by its bytes, as far as those that name it promise it. The two must
 * agree, so that no reader finds another kind, level, length or sum than it was promised.
 */
import { ADDRESS_LENGTH, type Address, addressText } from '../blocks/address.js';
import type { Manifest } from '../chunks/manifest.js';
import { BlockKind } from '../ground/block-header.js';
import { EMPTY } from '../ground/bytes.js';
import { malformed, type RegaliaError } from '../ground/errors.js';
import { decodeRules, type Rules } from '../streams/rule.js';
import {
  type CheckedNode,
  checkRoot,
  type RecordCheck,
  type Reference,
} from '../tree/check-node.js';
import { Node, readNodeHeader } from '../tree/node.js';
import { measure } from '../tree/record.js';
import { parseRoot } from '../tree/root.js';
import type { Shapes } from '../tree/shape.js';
import { addTotals, NO_TOTALS, sameTotals, type Totals, totalsWithin } from '../tree/totals.js';

/** What a block is, as far as those that name it must agree. */
export interface Traits {
  readonly kind: BlockKind;
  /** Of a node or manifest; of a root RULED or BARE. */
  readonly level: number;
  /** Logical bytes of a content or a metadata block. */
  readonly length: number;
  /** Of a node or root. */
  readonly totals: Readonly<Totals>;
  /** Names of the deepest key below, as far as it is known. */
  readonly levels: number;
  /** A node's first and last name. */
  readonly first: Uint8Array;
  readonly last: Uint8Array;
  /** Whether a manifest, and the last ones below it, end where nodes end. */
  readonly ended: boolean;
  /** Whether a content may be this block: a manifest of a single chunk or manifest is none. */
  readonly whole: boolean;
}

/** A block that is here, at a local id. */
export interface Known extends Traits {
  readonly id: number;
}

/** A root with the rules of a bucket, and one without, which is that of a tree of heads. */
export const RULED = 1;
export const BARE = 0;

export const PLAIN_TRAITS: Omit<Traits, 'kind'> = {
  level: 0,
  length: 0,
  totals: NO_TOTALS,
  levels: 0,
  first: EMPTY,
  last: EMPTY,
  ended: true,
  whole: true,
};

/** A node of plain bytes, and links behind them if it has any. Bounds are checked, order is not. */
export function parseNode(
  interned: Shapes,
  bytes: Uint8Array,
  plainLength: number = bytes.length,
): Node {
  if (plainLength < 8) throw refused('a node', `${plainLength} bytes`);
  const header = readNodeHeader(bytes, 0, plainLength);
  const place = { bytes, start: 0, plainEnd: plainLength, end: bytes.length };
  return new Node({ interned, ...place, ...header });
}

/**
 * A bucket's root, or the tree of its heads, which has no rules; and what it refers to. `closer`
 * looks at its records.
 */
export function parseCheckedRoot(
  interned: Shapes,
  bytes: Uint8Array,
  plainLength: number = bytes.length,
  closer: (rules: Rules | undefined) => RecordCheck | undefined = () => undefined,
): CheckedRoot {
  const root = parseRoot(interned, bytes, plainLength);
  const rules = root.rules.length > 0 ? decodeRules(root.rules) : undefined;
  return { root, rules, checked: checkRoot(root, closer(rules)) };
}

/** What a root is: one with rules is that of a bucket, one without that of heads. */
export function rootTraits({ rules, checked }: CheckedRoot): Traits {
  const level = rules === undefined ? BARE : RULED;
  return { ...PLAIN_TRAITS, kind: BlockKind.root, level, totals: checked.totals };
}

interface CheckedRoot {
  readonly root: ReturnType<typeof parseRoot>;
  /** Undefined of the tree of heads. */
  readonly rules: Rules | undefined;
  readonly checked: CheckedNode;
}

export function nodeTraits(node: Node, totals = sumOf(node)): Traits {
  const first = node.name(0);
  const last = node.name(node.count - 1);
  return { ...PLAIN_TRAITS, kind: BlockKind.node, level: node.level, totals, first, last };
}

function sumOf(node: Node): Totals {
  const totals = { ...NO_TOTALS };
  for (let i = 0; i < node.count; i++) {
    addTotals(totals, node.level > 0 ? node.childTotals(i) : measure(node, i));
  }
  return totals;
}

/** Throws unless a block is what a record or a node says of it. */
export function agreeReference(reference: Reference, known: Known): void {
  const { address, kind } = reference;
  if (kind === 'node') agreeNode(reference, known);
  else if (kind === 'root') {
    agreeBucketRoot(address, known);
    const within = totalsWithin(known.totals);
    agree(address, sameTotals(within, reference.totals), 'the sums of its root');
  } else {
    const isContent = known.kind === BlockKind.chunk || known.kind === BlockKind.manifest;
    const isKind = kind === 'content' ? isContent : known.kind === BlockKind.metadata;
    agree(address, isKind && known.whole, kind);
    agree(address, known.length === reference.length, `${reference.length} bytes`);
  }
}

/** Throws unless a block is the root of a bucket. */
export function agreeBucketRoot(address: Address, { kind, level }: Traits): void {
  agree(address, kind === BlockKind.root && level === RULED, 'a root with rules');
}

/** Throws unless a block is the root of a tree of heads: of one at least, and of nothing else. */
export function agreeHeads(address: Address, { kind, level, totals }: Traits): void {
  agree(address, kind === BlockKind.root && level === BARE, 'a root of heads, without rules');
  const { entries, buckets, inlineBytes, referencedBytes } = totals;
  const isHeads = buckets === 0 && referencedBytes === 0;
  const heads = entries - 1;
  const isAlone = heads > 0 && inlineBytes === heads * ADDRESS_LENGTH;
  agree(address, isHeads && isAlone, 'heads alone, and one at least');
}

/** Throws unless a block is what a manifest says of it. */
export function agreeChild(manifest: Manifest, index: number, known: Known): void {
  const address = manifest.address(index);
  const level = manifest.level - 1;
  const length = manifest.lengthOf(index);
  const kind = level === 0 ? BlockKind.chunk : BlockKind.manifest;
  agree(address, known.kind === kind && known.level === level, `level ${level}`);
  agree(address, known.length === length, `${length} bytes`);
  const isLast = index + 1 === manifest.count;
  agree(address, isLast || known.ended, 'an end at which a node ends');
}

function agreeNode(reference: Reference & { kind: 'node' }, known: Known): void {
  const { address, level, last, previous, totals } = reference;
  agree(address, known.kind === BlockKind.node, 'a node');
  agree(address, level === undefined || level === known.level, `level ${level}`);
  agree(address, sameTotals(known.totals, totals), 'the sums of its records');
  if (last !== undefined) {
    agree(address, Buffer.compare(last, known.last) === 0, 'the last name of the node');
  }
  if (previous !== undefined) {
    agree(address, Buffer.compare(previous, known.first) < 0, 'names above those before it');
  }
}

export function agree(address: Address, agrees: boolean, expected: string): void {
  if (agrees) return;
  throw refused(`block ${addressText(address)} to be as promised: ${expected}`, 'another');
}

/** A block that is refused; the import says where in the pack. */
export function refused(expected: string, actual: string): RegaliaError<'REGALIA_FORMAT'> {
  return malformed('block', 0, expected, actual);
}

export function absent(address: Address): RegaliaError {
  return refused(`block ${addressText(address)}, before what names it`, 'nothing');
}
