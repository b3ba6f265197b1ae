/**
 * Maps under edit: whatever the order and grouping of edits, the same contents give the same top
 * node, and every level obeys the boundary rule.
 */

import fc from 'fast-check';
import t from 'tap';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import { Blocks } from '../../src/blocks/blocks.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { compareBytes, hex } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { boundaryHash } from '../../src/tree/boundary.js';
import { type EditSource, editMapSteps, type MapResult } from '../../src/tree/edit.js';
import type { Node } from '../../src/tree/node.js';
import { NodeCache } from '../../src/tree/node-cache.js';
import { NodeWriter } from '../../src/tree/node-writer.js';
import { encodeRecord, findStream, inlinePart, NO_CHILD } from '../../src/tree/record.js';
import { Shapes } from '../../src/tree/shape.js';
import { finishSteps } from '../../src/tree/steps.js';
import { runs } from '../runs.js';
import { bytesIn } from './model.js';

/** The map after edits, without a pause. */
function editMapNow(...call: Parameters<typeof editMapSteps>): MapResult {
  return finishSteps(editMapSteps(...call));
}

const SHAPES = new Shapes();

type Edits = Map<string, string | undefined>;

const shape = SHAPES.of(['s']);

/** Edits of one-stream records, sorted, from a model. */
class ListSource implements EditSource {
  readonly #list: { key: Uint8Array; contents: string | undefined }[];
  #at = 0;

  constructor(edits: Edits) {
    this.#list = [...edits].map(([name, contents]) => ({ key: utf8Bytes(name), contents }));
    this.#list.sort((a, b) => compareBytes(a.key, b.key));
  }

  get name(): EditSource['name'] {
    const item = this.#list[this.#at];
    return item && { bytes: item.key, start: 0, end: item.key.length };
  }

  apply(): ReturnType<EditSource['apply']> {
    const { key, contents } = this.#list[this.#at] as { key: Uint8Array; contents?: string };
    if (contents === undefined) return undefined;
    const bytes = utf8Bytes(contents);
    const stream = inlinePart(bytes);
    return encodeRecord(key, { shape, streams: [stream], child: NO_CHILD });
  }

  advance(): void {
    this.#at++;
  }
}

async function fixture() {
  const blocks = new Blocks(openMemory());
  await blocks.reserve(runs(20_000));
  const cache = new NodeCache(blocks, 64 * 1024 * 1024);
  const writer = new NodeWriter(cache, new BlockWriter(blocks), SHA256);
  return { cache, writer };
}

function rootOf(cache: NodeCache, result: MapResult, before?: Node): Node | undefined {
  if (result.form === 'same') return before;
  return result.form === 'node' ? cache.load(result.top.id, result.top.address) : undefined;
}

function nameOf(result: MapResult, before: string): string {
  if (result.form === 'same') return before;
  if (result.form === 'node') return hex(result.top.address);
  return result.form === 'inline' ? `inline ${hex(result.leaf.body)}` : 'empty';
}

function* leaves(cache: NodeCache, node: Node): Generator<Node> {
  if (node.level === 0) yield node;
  else for (let i = 0; i < node.count; i++) yield* leaves(cache, cache.child(node, i));
}

function contentsOf(cache: NodeCache, root: Node | undefined): Map<string, string> {
  const found = new Map<string, string>();
  if (root === undefined) return found;
  for (const leaf of leaves(cache, root)) {
    for (let i = 0; i < leaf.count; i++) {
      const stream = findStream(leaf, i, 's');
      found.set(leaf.nameText(i), bytesIn(stream).toString());
    }
  }
  return found;
}

const nameArbitrary = fc
  .integer({ min: 0, max: 4000 })
  .map((n) => `f${String(n).padStart(5, '0')}`);
const editArbitrary = fc.tuple(
  nameArbitrary,
  fc.option(fc.integer({ min: 0, max: 400 }), { nil: undefined }),
);

t.test('equal contents give equal roots, in whatever steps they were made', async (t) => {
  const { cache, writer } = await fixture();
  const seeds = fc.integer({ min: 0, max: 3000 });
  const batches = fc.array(fc.array(editArbitrary, { minLength: 1, maxLength: 60 }), {
    maxLength: 12,
  });
  fc.assert(
    fc.property(seeds, batches, (initial, steps) => {
      const model: Edits = new Map();
      for (let i = 0; i < initial; i++)
        model.set(`f${String(i * 2).padStart(5, '0')}`, 'x'.repeat((i * 7) % 150));
      let result = editMapNow(writer, undefined, new ListSource(model));
      let name = nameOf(result, 'empty');
      let root = rootOf(cache, result);
      for (const step of steps) {
        // Inline maps are edited through their record.
        if (root === undefined && model.size > 0) break;
        const edits: Edits = new Map(
          step.map(([key, size]) => [key, size === undefined ? undefined : 'y'.repeat(size)]),
        );
        result = editMapNow(writer, root, new ListSource(edits));
        root = rootOf(cache, result, root);
        name = nameOf(result, name);
        for (const [key, contents] of edits) {
          if (contents === undefined) model.delete(key);
          else model.set(key, contents);
        }
      }
      const rebuilt = editMapNow(writer, undefined, new ListSource(model));
      if (nameOf(rebuilt, 'empty') !== name) throw new Error('another root');
      if (root !== undefined) {
        const found = contentsOf(cache, root);
        if (found.size !== model.size) throw new Error(`${found.size} entries, not ${model.size}`);
        for (const [key, contents] of model) if (found.get(key) !== contents) throw new Error(key);
      }
    }),
    { numRuns: runs(150) },
  );
  t.end();
});

/** Each but the last has a smaller hash on its right, so none ends a node: cuts are forced. */
const MINED = minedNames(800);

function minedNames(count: number): string[] {
  const step = 2 ** 32 / count;
  return Array.from({ length: count }, (_, i) => {
    const most = 2 ** 32 - i * step;
    for (let salt = 0; ; salt++) {
      const name = `m${String(i).padStart(5, '0')}-${salt}`;
      const hash = boundaryHash(utf8Bytes(name), 0, 0);
      if (hash < most && hash >= most - step) return name;
    }
  });
}

/** Replaced by as many bytes, by another number, or removed. */
const changeArbitrary = fc.tuple(
  fc.nat(),
  fc.oneof(
    { weight: 8, arbitrary: fc.constant('same' as const) },
    { weight: 1, arbitrary: fc.integer({ min: 0, max: 300 }) },
    { weight: 2, arbitrary: fc.integer({ min: 2_000, max: 3_500 }) },
    { weight: 1, arbitrary: fc.constant('gone' as const) },
  ),
);

t.test('entries replaced by others as long leave what a build at once makes', async () => {
  const { cache, writer } = await fixture();
  // Few changes leave nodes in between that none falls into.
  const step = fc.oneof(
    fc.array(changeArbitrary, { minLength: 1, maxLength: 4 }),
    fc.array(changeArbitrary, { minLength: 1, maxLength: 40 }),
  );
  const steps = fc.array(step, { minLength: 1, maxLength: 10 });
  fc.assert(
    fc.property(fc.boolean(), fc.integer({ min: 100, max: 800 }), steps, (mined, count, all) => {
      const names = mined
        ? MINED.slice(0, count)
        : Array.from({ length: count }, (_, i) => `f${String(i).padStart(5, '0')}`);
      const model: Edits = new Map(names.map((name, i) => [name, 'x'.repeat((i * 7) % 150)]));
      let root = rootOf(cache, editMapNow(writer, undefined, new ListSource(model)));
      for (const [round, step] of all.entries()) {
        const edits: Edits = new Map();
        for (const [at, change] of step) {
          const name = names[at % names.length] as string;
          const size = change === 'same' ? (model.get(name)?.length ?? 10) : change;
          edits.set(name, size === 'gone' ? undefined : `${round % 10}`.repeat(size));
        }
        const result = editMapNow(writer, root, new ListSource(edits));
        for (const [key, contents] of edits) {
          if (contents === undefined) model.delete(key);
          else model.set(key, contents);
        }
        const rebuilt = editMapNow(writer, undefined, new ListSource(model));
        if (result.form === 'node' && rebuilt.form === 'node') {
          const [{ top }, { top: expected }] = [result, rebuilt];
          const sums = [top.entries, top.inlineBytes].join();
          if (sums !== [expected.entries, expected.inlineBytes].join()) throw new Error('sums');
        }
        root = rootOf(cache, result, root);
        if (root === undefined) return;
        const address = rebuilt.form === 'node' ? hex(rebuilt.top.address) : rebuilt.form;
        if (hex(root.address) !== address) throw new Error(`another root after ${round}`);
      }
    }),
    { numRuns: runs(300) },
  );
});

t.test('an end that becomes natural is noted, also where its node stays as it is', async (t) => {
  const { cache, writer } = await fixture();
  const names = MINED.slice(0, 607);
  const model: Edits = new Map(names.map((name, i) => [name, 'x'.repeat((i * 7) % 150)]));
  const root = rootOf(cache, editMapNow(writer, undefined, new ListSource(model)));
  // The second is longer than the window that its neighbour's end looks at.
  const edits: Edits = new Map(
    [names[0], names[553]].map((name) => [`${name}`, '0'.repeat(2_031)]),
  );
  const edited = editMapNow(writer, root, new ListSource(edits));
  for (const [key, contents] of edits) model.set(key, contents);
  const rebuilt = editMapNow(writer, undefined, new ListSource(model));
  t.equal(nameOf(edited, ''), nameOf(rebuilt, ''));
});
