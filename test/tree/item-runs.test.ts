/**
 * Runs of items: what is known of them at once is what looking at each record tells. Records are of
 * all forms, some in another shape, some with links.
 */
import fc from 'fast-check';
import t from 'tap';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { ItemRuns } from '../../src/tree/item-runs.js';
import { Items } from '../../src/tree/items.js';
import type { Node } from '../../src/tree/node.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import {
  CHILD_MAP,
  encodeRecord,
  type FreshRecord,
  inlinePart,
  METADATA,
  measure,
  NO_CHILD,
  plainLengthAt,
  REFERENCED,
  type StreamPart,
} from '../../src/tree/record.js';
import { addTotals, NO_TOTALS } from '../../src/tree/totals.js';
import { runs } from '../runs.js';

const blocks = new Blocks(openMemory());
const cache = new NodeCache(blocks, 4 * 1024 * 1024);
const address = new Uint8Array(33).fill(7);
address[0] = SHA256;

type Kind = 'inline' | 'two' | 'metadata' | 'referenced' | 'map';
const KINDS: readonly Kind[] = ['inline', 'inline', 'two', 'metadata', 'referenced', 'map'];

function streamsOf(kind: Kind, number: number): readonly StreamPart[] {
  const inline = inlinePart(new Uint8Array(number % 70));
  const place = { length: 5_000 + number, address, id: 4_096 + number };
  if (kind === 'two') return [inline, inline];
  if (kind === 'metadata') return [{ form: METADATA, ...place }];
  return kind === 'referenced' ? [{ form: REFERENCED, ...place }] : [inline];
}

function record(number: number, kind: Kind): FreshRecord {
  const streams = streamsOf(kind, number);
  const shape = cache.shapes.of(streams.map((_, at) => `s${at}`));
  const totals = { entries: 3, buckets: 1, inlineBytes: number, referencedBytes: 2 };
  const child = kind === 'map' ? { form: CHILD_MAP, totals, address, id: 8_000 } : NO_CHILD;
  const name = utf8Bytes(`name ${String(number).padStart(4, '0')}`);
  return encodeRecord(name, { shape, streams, child } as Parameters<typeof encodeRecord>[1]);
}

/** A leaf of these records, as it was written. */
function leafOf(kinds: readonly Kind[], start: number): Node {
  const items = Items.at(0);
  for (const [at, kind] of kinds.entries()) items.pushFresh(record(start + at, kind));
  const writer = new NodeWriter(cache, new BlockWriter(blocks), SHA256);
  const { id, address } = writer.write(items, 0, items.length, 0);
  return cache.load(id, address);
}

const kinds = fc.array(fc.constantFrom(...KINDS), { minLength: 1, maxLength: 30 });
/** What becomes of each entry, and what comes behind it. */
const fates = fc.array(fc.constantFrom('kept', 'kept', 'kept', 'gone', 'replaced', 'followed'), {
  minLength: 60,
  maxLength: 60,
});

t.test('sums, links and lengths of runs are those of their records', async (t) => {
  await blocks.reserve(20_000);
  const property = fc.property(kinds, kinds, fates, fc.nat(), fc.nat(), (a, b, fates, x, y) => {
    const leaves = [leafOf(a, 0), leafOf(b, 100)];
    const items = Items.at(0);
    let seen = 0;
    for (const node of leaves) {
      for (let i = 0; i < node.count; i++) {
        const fate = fates[seen++];
        if (fate === 'kept' || fate === 'followed') items.pushKept(node, i, i + 1);
        if (fate === 'replaced' || fate === 'followed') {
          items.pushFresh(record(500 + seen, KINDS[seen % KINDS.length] as Kind));
        }
      }
    }
    if (items.length === 0) return true;
    const from = x % items.length;
    const until = from + 1 + (y % (items.length - from));
    const read = new ItemRuns();
    read.read(items, from, until);
    const sum = { ...NO_TOTALS };
    let links = 0;
    for (let i = from; i < until; i++) {
      const fresh = items.fresh[i] as FreshRecord | undefined;
      const found = fresh ?? measure(items.nodes[i] as Node, items.indexes[i] as number);
      addTotals(sum, found);
      links += typeof found.links === 'number' ? found.links : found.links.length;
    }
    const totals = read.totals();
    const lengths = leaves.every((node) =>
      Array.from({ length: node.count }).every(
        (_, i) => plainLengthAt(node, i) === measure(node, i).plainLength,
      ),
    );
    const { linkless } = read;
    read.release();
    return lengths && JSON.stringify(totals) === JSON.stringify(sum) && (!linkless || links === 0);
  });
  fc.assert(property, { numRuns: runs(500) });
  t.pass('all cases hold');
});
