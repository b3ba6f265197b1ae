/**
 * Which coding of key maps is the fastest for live nodes, and which is the smallest for packs?
 * Lookup, rebuild, edit and size of each coding, on groups of the size of nodes and on whole sets
 * of names.
 *
 * Each coding is measured in a process of its own, so that none pays for the others' shapes in V8's
 * inline caches. `node dist/bench/key-maps.js [SCALE]` prints the whole table; the bench proper
 * gives the rows of 36 names and of whole sets, each with the best coding as ours and the next as
 * rival.
 */
import { fileURLToPath } from 'node:url';
import { equalBytes } from '../src/ground/bytes.js';
import type { Bench, Row } from './harness/bench.js';
import { inChild } from './harness/child.js';
import { groupsOf, type NameSet, nameSets } from './harness/name-sets.js';
import { Random } from './harness/random.js';
import { type ReportRow, reportRow } from './harness/report.js';
import { summarize } from './harness/sample.js';
import { frontCodedEvery } from './key-maps/front-coded.js';
import type { KeyMap, KeyMapCoding } from './key-maps/key-map.js';
import { insertName, prefixOffsets } from './key-maps/prefix-offsets.js';
import { transducer } from './key-maps/transducer.js';

const codings: ReadonlyMap<string, KeyMapCoding> = new Map([
  ['prefix-offsets', prefixOffsets],
  ['front-coded/4', frontCodedEvery(2)],
  ['front-coded/8', frontCodedEvery(3)],
  ['front-coded/16', frontCodedEvery(4)],
  ['transducer', transducer],
]);

const groupSizes = [16, 36, 64, 128, Infinity];
const samples = 9;
const probes = 8192;

/** Nanoseconds, a figure for each sample; `bytes` a name. */
interface Measured {
  readonly set: string;
  readonly groupSize: number;
  readonly coding: string;
  readonly hit: number[];
  readonly miss: number[];
  /** Opening and finding: what a read from a raw node costs. */
  readonly openHit: number[];
  readonly rebuild: number[];
  /** One name into a group, from bytes to bytes. */
  readonly edit: number[];
  readonly bytes: number;
}

interface Work {
  readonly coding: string;
  readonly count: number;
  readonly seed: number;
}

let sink = 0;

function nanosecondsEach(count: number, work: () => void): number {
  const start = process.hrtime.bigint();
  work();
  return Number(process.hrtime.bigint() - start) / count;
}

function sampled(count: number, work: () => void, runs = samples): number[] {
  for (let warm = 0; warm < (runs > 3 ? 6 : 1); warm++) work();
  return Array.from({ length: runs }, () => nanosecondsEach(count, work));
}

interface Probe {
  readonly group: number;
  readonly name: Uint8Array;
}

function hits(groups: readonly (readonly Uint8Array[])[], random: Random): Probe[] {
  return Array.from({ length: probes }, () => {
    const group = random.below(groups.length);
    return { group, name: groups[group][random.below(groups[group].length)].slice() };
  });
}

/** Names that are near: the last byte is another, until there is no such name. */
function misses(found: readonly Probe[], maps: readonly KeyMap[]): Probe[] {
  return found.map(({ group, name }) => {
    const near = name.slice();
    const last = near.length - 1;
    while (maps[group].find(near) >= 0) near[last] = near[last] === 0xff ? 0x30 : near[last] + 1;
    return { group, name: near };
  });
}

function timeFind(maps: readonly KeyMap[], wanted: readonly Probe[]): number[] {
  return sampled(wanted.length, () => {
    for (const { group, name } of wanted) sink += maps[group].find(name);
  });
}

function insert(coding: KeyMapCoding, bytes: Uint8Array, name: Uint8Array): Uint8Array {
  if (coding === prefixOffsets) return insertName(bytes, name);
  const map = coding.open(bytes);
  const names = [...map.names()];
  names.splice(map.lowerBound(name), 0, name);
  return coding.build(names);
}

function timeEdits(
  coding: KeyMapCoding,
  groups: readonly (readonly Uint8Array[])[],
  random: Random,
): number[] {
  const edits = groups.map((group) => {
    const at = random.below(group.length);
    const without = group.filter((_, i) => i !== at);
    return { bytes: coding.build(without), name: group[at], whole: coding.build(group) };
  });
  for (const { bytes, name, whole } of edits)
    if (!equalBytes(insert(coding, bytes, name), whole)) throw new Error('an edit went wrong');
  const whole = groups.length === 1;
  const rounds = whole ? 1 : 8;
  return sampled(
    edits.length * rounds,
    () => {
      for (let round = 0; round < rounds; round++)
        for (const { bytes, name } of edits) sink += insert(coding, bytes, name).length;
    },
    whole ? 3 : samples,
  );
}

function measure(
  coding: KeyMapCoding,
  label: string,
  set: NameSet,
  groupSize: number,
  seed: number,
) {
  const groups = groupsOf(set, groupSize, 64);
  if (groups.length === 0 || groups[0].length === 0) return undefined;
  const random = new Random(seed);
  const names = groups.reduce((sum, group) => sum + group.length, 0);
  const built = groups.map((group) => coding.build(group));
  const maps = built.map((bytes) => coding.open(bytes));
  const found = hits(groups, random);
  const whole = groupSize === Infinity;
  const rebuild = sampled(
    names * (whole ? 1 : 4),
    () => {
      for (let round = 0; round < (whole ? 1 : 4); round++)
        for (const group of groups) sink += coding.build(group).length;
    },
    whole ? 3 : samples,
  );
  const openHit = sampled(probes, () => {
    for (const { group, name } of found) sink += coding.open(built[group]).find(name);
  });
  return {
    set: set.name,
    groupSize,
    coding: label,
    hit: timeFind(maps, found),
    miss: timeFind(maps, misses(found, maps)),
    openHit,
    rebuild,
    edit: timeEdits(coding, groups, random),
    bytes: built.reduce((sum, bytes) => sum + bytes.length, 0) / names,
  } satisfies Measured;
}

/** In a child: all sets and group sizes for one coding. */
export function measureCoding({ coding, count, seed }: Work): Measured[] {
  const all: Measured[] = [];
  for (const set of nameSets(count, (message) => console.error(`key-maps: ${message}`)))
    for (const groupSize of groupSizes) {
      const kernel = codings.get(coding);
      const measured = kernel && measure(kernel, coding, set, groupSize, seed);
      if (measured !== undefined) all.push(measured);
    }
  return sink < 0 ? [] : all;
}

async function measureAll(count: number, seed: number): Promise<Measured[]> {
  const all: Measured[] = [];
  for (const coding of codings.keys()) {
    const work: Work = { coding, count, seed };
    all.push(...(await inChild<Measured[]>(import.meta.url, 'measureCoding', work)).result);
  }
  return all;
}

const figures: readonly [string, string, (measured: Measured) => number[]][] = [
  ['find', 'ns', (measured) => measured.hit],
  ['miss', 'ns', (measured) => measured.miss],
  ['open and find', 'ns', (measured) => measured.openHit],
  ['rebuild', 'ns/name', (measured) => measured.rebuild],
  ['edit', 'ns', (measured) => measured.edit],
  ['size', 'bytes/name', (measured) => [measured.bytes]],
];

function cases(all: readonly Measured[]): Measured[][] {
  const grouped = new Map<string, Measured[]>();
  for (const measured of all) {
    const key = `${measured.set}, ${measured.groupSize}`;
    grouped.set(key, [...(grouped.get(key) ?? []), measured]);
  }
  return [...grouped.values()];
}

function sizeText(groupSize: number): string {
  return groupSize === Infinity ? 'whole' : `${groupSize}`;
}

/** For each figure the best coding beside the next. */
function rowsOf(all: readonly Measured[]): Row[] {
  const rows: Row[] = [];
  for (const contenders of cases(all)) {
    const [{ set, groupSize }] = contenders;
    if (groupSize !== 36 && groupSize !== Infinity) continue;
    for (const [what, unit, figure] of figures) {
      const ranked = [...contenders].sort(
        (a, b) => summarize(figure(a)).median - summarize(figure(b)).median,
      );
      rows.push({
        case: `${what}, ${set}, ${sizeText(groupSize)}: ${ranked[0].coding}`,
        unit,
        ours: figure(ranked[0]),
        rival: figure(ranked[1]),
        rivalName: ranked[1].coding,
      });
    }
  }
  return rows;
}

export async function keyMaps(count = 100_000, seed = 1): Promise<ReportRow[]> {
  return rowsOf(await measureAll(count, seed)).map((row) => reportRow(bench.name, row));
}

const bench: Bench = {
  name: 'key-maps',
  question: 'Which coding of names to ordinals is fastest for nodes, which smallest for packs?',
  run: async (context) => rowsOf(await measureAll(context.sized(100_000, 1000), context.seed)),
};
export default bench;

/** The whole table, for people. */
function print(all: readonly Measured[]): void {
  const columns = ['names', 'group', 'coding', 'find', 'min-max', 'miss', 'open+find'];
  const lines = [[...columns, 'rebuild/name', 'edit', 'bytes/name']];
  for (const each of cases(all).flat()) {
    const median = (samples: number[]): string => summarize(samples).median.toFixed(0);
    const { min, max } = summarize(each.hit);
    lines.push([
      each.set,
      sizeText(each.groupSize),
      each.coding,
      median(each.hit),
      `${min.toFixed(0)}-${max.toFixed(0)}`,
      median(each.miss),
      median(each.openHit),
      median(each.rebuild),
      median(each.edit),
      each.bytes.toFixed(2),
    ]);
  }
  const widths = lines[0].map((_, i) => Math.max(...lines.map((line) => line[i].length)));
  for (const line of lines)
    console.log(
      line.map((cell, i) => (i < 3 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  '),
    );
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  print(await measureAll(Math.max(1000, 100_000 * Number(process.argv[2] ?? 1)), 1));
