/**
 * Where nodes end, as FORMAT.md tells it, spelled out once more in the plainest way: the tree's own
 * nodes end there.
 */
import t, { type Test } from 'tap';
import { nameText } from '../../src/ground/text.js';
import type { Node } from '../../src/tree/node.js';
import { Laboratory, newEntry, put } from '../tree/model.js';

interface Item {
  readonly name: Uint8Array;
  readonly length: number;
}

/** The hash of an entry: FNV-1a from its seed, finished as MurmurHash3. */
function hashOf(name: Uint8Array, level: number, round: number): number {
  let h = Math.imul(0x811c9dc5 ^ (level * 2 + round), 0x01000193);
  for (const byte of name) h = Math.imul(h ^ byte, 0x01000193);
  h ^= h >>> 16;
  h = Math.imul(h, 0x85ebca6b);
  h ^= h >>> 13;
  h = Math.imul(h, 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** The index of each entry that ends a node, the last one's too. */
function endsOf(items: readonly Item[], level: number): number[] {
  const places: number[] = [];
  let sum = 0;
  for (const { length } of items) places.push((sum += length));
  const hashes = items.map(({ name }) => hashOf(name, level, 0));
  const isEnd = (i: number): boolean => {
    const place = places[i] as number;
    if (place <= 2_048 || sum - place <= 2_048) return false;
    return places.every((other, j) => {
      if (j === i || Math.abs(other - place) > 2_048) return true;
      const [theirs, ours] = [hashes[j] as number, hashes[i] as number];
      return j < i ? theirs > ours : theirs >= ours;
    });
  };
  const ends: number[] = [];
  let from = 0;
  for (let i = 0; i < items.length; i++) {
    if (i < items.length - 1 && !isEnd(i)) continue;
    ends.push(...splitRun(items, from, i, level));
    from = i + 1;
  }
  return ends;
}

/** The ends of the parts of a run that are short enough, its own included. */
function splitRun(items: readonly Item[], from: number, last: number, level: number): number[] {
  const run = items.slice(from, last + 1);
  const length = run.reduce((sum, item) => sum + item.length, 0);
  if (length <= 16_384 || run.length === 1) return [last];
  let best: { index: number; hash: number } | undefined;
  let nearest = { index: from, distance: Number.POSITIVE_INFINITY };
  let place = 0;
  for (let i = from; i < last; i++) {
    const { name, length: own } = items[i] as Item;
    place += own;
    const distance = Math.abs(place - length / 2);
    if (distance < nearest.distance) nearest = { index: i, distance };
    if (place < length / 4 || place > (length * 3) / 4) continue;
    const hash = hashOf(name, level, 1);
    if (best === undefined || hash < best.hash) best = { index: i, hash };
  }
  const cut = (best ?? nearest).index;
  return [...splitRun(items, from, cut, level), ...splitRun(items, cut + 1, last, level)];
}

/** Last names of all nodes by level, from the leaves up. */
function toldLevels(leaves: readonly Item[]): string[][] {
  const levels: string[][] = [];
  let items = leaves;
  for (let level = 0; ; level++) {
    const ends = endsOf(items, level);
    levels.push(ends.map((end) => nameText((items[end] as Item).name)));
    if (ends.length === 1) return levels;
    items = ends.map((end) => {
      const { name } = items[end] as Item;
      return { name, length: 48 + name.length };
    });
  }
}

/**
 * What the tree has, and the entries of its leaves: all have one stream, whose name is one byte.
 */
function foundIn(laboratory: Laboratory, top: Node): { levels: string[][]; leaves: Item[] } {
  const levels: string[][] = Array.from({ length: top.level + 1 }, () => []);
  const leaves: Item[] = [];
  const visit = (node: Node): void => {
    levels[node.level]?.push(node.nameText(node.count - 1));
    for (let i = 0; i < node.count; i++) {
      if (node.level > 0) visit(laboratory.cache.child(node, i));
      else {
        const name = node.name(i);
        const payload = node.recordEnd(i) - node.recordStart(i) - 1;
        leaves.push({ name, length: 4 + name.length + (1 + 1) + payload });
      }
    }
  };
  visit(top);
  return { levels, leaves };
}

async function check(t: Test, names: readonly string[], size: (i: number) => number) {
  const laboratory = await Laboratory.open();
  const model = newEntry();
  for (const [i, name] of names.entries()) put(model, `/${name}`, 's', 'x'.repeat(size(i)));
  const top = laboratory.build(model).mapOf([]);
  if (top === undefined) throw new Error('no map');
  const { levels, leaves } = foundIn(laboratory, top);
  t.same(levels, toldLevels(leaves));
  return levels;
}

function numbered(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `name ${(i * 7_919) % 1_000_003}`);
}

t.test('small records', async (t) => {
  const levels = await check(t, numbered(6_000), (i) => (i * 31) % 200);
  t.ok(levels.length >= 3, `${levels.length} levels`);
});

t.test('records of all lengths', async (t) => {
  await check(t, numbered(900), (i) => (i * i * 17) % 3_900);
});

t.test('maps of few entries', async (t) => {
  for (let count = 12; count < 60; count += 7) await check(t, numbered(count), () => 300);
});

t.test('names that were mined so that none ends a node', async (t) => {
  const encoder = new TextEncoder();
  const mined: string[] = [];
  let before = -1;
  for (let i = 0; mined.length < 1_000; i++) {
    // Ascending names with ascending hashes, each a little above the one before.
    const name = String(i).padStart(9, '0');
    const hash = hashOf(encoder.encode(name), 0, 0);
    if (hash <= before || hash > before + 12_000_000) continue;
    before = hash;
    mined.push(name);
    if (before > 0xff00_0000) break;
  }
  t.ok(mined.length > 300, `${mined.length} names`);
  const levels = await check(t, mined, () => 100);
  t.ok((levels[0]?.length ?? 0) > 3);
});
