/**
 * How fast are real files taken in, and how small are they stored, beside restic and borg? Once
 * into a new store, and again after one file in a hundred changed. All read the same copy of up to
 * 2 GiB of /usr, which the system has in its cache; all start anew in each round, and take turns.
 * Processor time stands beside, since it tells what waiting hides.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Bench, Context, Row, Target } from './harness/bench.js';
import { gibibyte, ingestOurs } from './harness/contents.js';
import type { Took } from './harness/counted.js';
import { storedBytes } from './harness/folder.js';
import { sampleSides, summarize } from './harness/sample.js';
import { changeSome, type WorkSet, workSet } from './harness/work-set.js';
import type { Archiver } from './rivals/archiver.js';
import { openBorg } from './rivals/borg.js';
import { openRestic } from './rivals/restic.js';

const bytes_max = 2 * gibibyte;
const every = 100;
const rounds = 3;
const rivals = { restic: openRestic, borg: openBorg } as const;
type Rival = keyof typeof rivals;
type Taken = Partial<Record<'ours' | Rival, Took[]>>;

/** The stores of the round at hand; those of the round before are removed. */
class Stores {
  readonly #context: Context;
  readonly #archivers = new Map<Rival, Archiver>();
  #ours = '';
  readonly #folders = new Map<string, string>();

  constructor(context: Context) {
    this.#context = context;
  }

  #fresh(name: string): string {
    const last = this.#folders.get(name);
    if (last !== undefined) rmSync(last, { recursive: true });
    const folder = this.#context.folder(name);
    this.#folders.set(name, folder);
    return folder;
  }

  first(tree: string): Promise<Taken> {
    const rival = (name: Rival) => async () => {
      const archiver = rivals[name](this.#fresh(name));
      if (archiver !== undefined) this.#archivers.set(name, archiver);
      return archiver?.ingest(tree);
    };
    return sampleSides(rounds, {
      ours: async () => {
        this.#ours = join(this.#fresh('ours'), 'store');
        return ingestOurs(this.#ours, tree);
      },
      restic: rival('restic'),
      borg: rival('borg'),
    });
  }

  /** One round more, into what is there. */
  again(tree: string): Promise<Taken> {
    const rival = (name: Rival) => async () => this.#archivers.get(name)?.ingest(tree);
    return sampleSides<'ours' | Rival, Took>(1, {
      ours: () => ingestOurs(this.#ours, tree),
      restic: rival('restic'),
      borg: rival('borg'),
    });
  }

  megabytes(name: 'ours' | Rival): number | undefined {
    if (name === 'ours') return storedBytes(this.#ours) / 1e6;
    const archiver = this.#archivers.get(name);
    return archiver && storedBytes(archiver.repository) / 1e6;
  }
}

async function changedRounds(stores: Stores, set: WorkSet): Promise<Taken> {
  const all: Taken = {};
  for (let version = 1; version <= rounds; version++) {
    if (changeSome(set, every, version) === 0) throw new Error('too few files to change one');
    const taken = await stores.again(set.folder);
    for (const name of Object.keys(taken) as (keyof Taken)[]) {
      all[name] = [...(all[name] ?? []), ...(taken[name] ?? [])];
    }
  }
  return all;
}

/** Seconds of both, and processor seconds, beside each rival. */
function rows(what: string, taken: Taken, stores: Stores): Row[] {
  const target: Target = { of: 'ratio', atMost: 1 };
  const names = Object.keys(rivals) as Rival[];
  const seconds = (side: Took[] | undefined) => side?.map(({ ms }) => ms / 1000);
  const cpu = (side: Took[] | undefined) => {
    const counted = side?.flatMap(({ cpuMs }) => (cpuMs === undefined ? [] : cpuMs / 1000));
    return counted?.length ? counted : undefined;
  };
  const row = (text: string, unit: string, figures: typeof seconds, aim?: Target): Row[] =>
    names.map((rivalName) => ({
      case: `${what}${text}`,
      unit,
      ours: figures(taken.ours),
      rival: figures(taken[rivalName]),
      rivalName,
      target: aim,
    }));
  return [
    ...row('', 's', seconds, target),
    ...row(': processor time', 's', cpu),
    ...names.map((rivalName) => ({
      case: `${what}: stored`,
      unit: 'MB',
      ours: stores.megabytes('ours'),
      rival: stores.megabytes(rivalName),
      rivalName,
    })),
  ];
}

async function run(context: Context): Promise<Row[]> {
  const set = workSet(context.folder('tree'), context.sized(bytes_max));
  const megabytes = Math.round(set.bytes / 1e6);
  const stores = new Stores(context);
  const first = await stores.first(set.folder);
  const text = `first ingest of ${set.files.length} files, ${megabytes} MB`;
  const firstRows = rows(text, first, stores);
  const again = await changedRounds(stores, set);
  const ms = summarize(first.ours?.map((each) => each.ms) ?? []).median;
  return [
    ...firstRows,
    { case: 'first ingest: speed', unit: 'MB/s', ours: set.bytes / 1e3 / ms },
    ...rows('again, 1% of the files changed', again, stores),
  ];
}

const bench: Bench = {
  name: 'ingest',
  question: 'How fast are files taken in, at first and after changes, beside restic and borg?',
  run,
};
export default bench;
