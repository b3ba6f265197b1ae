/**
 * Branches and tags against a map, names that are refused, and rows that were damaged or lost.
 */
import fc from 'fast-check';
import t from 'tap';
import { addressText } from '../../src/blocks/address.js';
import type { Batch, Engine } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';
import { SHA256 } from '../../src/ground/block-header.js';
import {
  type Branch,
  branch,
  branches,
  checkRefName,
  delBranch,
  delTag,
  putBranch,
  putTag,
  tag,
  tags,
} from '../../src/log/branches.js';
import { fork, seed } from '../clock/stamps.js';
import { BUCKET, someAddress } from './dag.js';

const OTHER = new Uint8Array(16).fill(0xb1);

function someBranch(number: number): Branch {
  const [half] = fork(seed());
  return {
    head: someAddress(number),
    id: number % 2 === 0 ? half.id : undefined,
    moved: number % 3 === 0 ? { position: number, timeMs: number * 1_000 } : undefined,
  };
}

async function put(engine: Engine, name: string, number: number): Promise<void> {
  await engine.write((batch) => putBranch(batch, BUCKET, name, someBranch(number)), 'none');
}

t.test('branches and tags behave like two maps a bucket', async () => {
  const step = fc.record({
    verb: fc.constantFrom('put', 'put', 'del'),
    sort: fc.constantFrom('branch', 'tag'),
    bucket: fc.constantFrom(BUCKET, OTHER),
    name: fc.constantFrom('main', 'a', 'a/b', 'replica/0f/main', 'é'),
    number: fc.nat(400),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const engine = openMemory();
      const model = new Map<string, number>();
      for (const { verb, sort, bucket, name, number } of steps) {
        const key = `${sort} ${bucket[0]} ${name}`;
        await engine.write((batch) => {
          if (verb === 'del') {
            const gone =
              sort === 'tag' ? delTag(batch, bucket, name) : delBranch(batch, bucket, name);
            if (gone !== model.has(key)) throw new Error(`${key}: ${gone}`);
          } else if (sort === 'tag') putTag(batch, bucket, name, someAddress(number));
          else putBranch(batch, bucket, name, someBranch(number));
        }, 'none');
        if (verb === 'del') model.delete(key);
        else model.set(key, number);
      }
      return fc.stringify(contents(engine)) === fc.stringify(modelled(model));
    }),
    { numRuns: 60 },
  );
});

function contents(engine: Engine): unknown[] {
  return [BUCKET, OTHER].flatMap((bucket) => [
    ...branches(engine, bucket),
    ...[...tags(engine, bucket)].map(({ name, commit }) => [name, addressText(commit)]),
  ]);
}

function modelled(model: ReadonlyMap<string, number>): unknown[] {
  const pick = (sort: string, bucket: Uint8Array): [string, number][] =>
    [...model]
      .map(([key, number]) => [key.split(' '), number] as const)
      .filter(([[first, second]]) => first === sort && second === `${bucket[0]}`)
      .map(([parts, number]): [string, number] => [parts[2] as string, number])
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  return [BUCKET, OTHER].flatMap((bucket) => [
    ...pick('branch', bucket).map(([name, number]) => ({ name, ...someBranch(number) })),
    ...pick('tag', bucket).map(([name, number]) => [name, addressText(someAddress(number))]),
  ]);
}

t.test('who lists names beside writers is told of no loss', async () => {
  const names = Array.from({ length: 90 }, (_, i) => `n${i}`);
  const change = fc.record({ at: fc.nat(60), name: fc.constantFrom(...names), put: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(change, { maxLength: 60, size: 'max' }), async (changes) => {
      const engine = openMemory();
      for (const name of names.slice(0, 60)) await put(engine, name, 1);
      let at = 0;
      for (const _ of branches(engine, BUCKET)) {
        for (const { name, put: puts } of changes.filter((change) => change.at === at)) {
          if (puts) await put(engine, name, 2);
          else await engine.write((batch) => delBranch(batch, BUCKET, name), 'none');
        }
        at++;
      }
    }),
    { numRuns: 60 },
  );
});

t.test('a new name, and an absent one, cost a few rows among many', async (t) => {
  const engine = openMemory();
  let read = 0;
  /** Counts the rows that ranges give. */
  const counting = (batch: Batch): Batch => ({
    view: (table, key) => batch.view(table, key),
    get: (table, key) => batch.get(table, key),
    count: (table) => batch.count(table),
    put: (table, key, bytes) => batch.put(table, key, bytes),
    del: (table, key) => batch.del(table, key),
    *range(table, range) {
      for (const row of batch.range(table, range)) {
        read++;
        yield row;
      }
    },
  });
  const costs: number[] = [];
  for (const total of [10, 1_000]) {
    for (let i = 0; i < total; i++) await put(engine, `${total}-${i}`, 1);
    read = 0;
    await engine.write((batch) => {
      const reads = counting(batch);
      putBranch(reads, BUCKET, `among-${total}`, someBranch(1));
      putTag(reads, BUCKET, `tag-${total}`, someAddress(1));
      t.equal(branch(reads, BUCKET, 'none'), undefined);
      t.equal(tag(reads, BUCKET, 'none'), undefined);
      t.ok(delBranch(reads, BUCKET, `${total}-5`));
    }, 'none');
    costs.push(read);
  }
  t.ok(Math.max(...costs) <= 8, `${costs} rows`);
});

t.test('a branch comes back whole, an absent one is undefined', async (t) => {
  const engine = openMemory();
  await put(engine, 'main', 2);
  await put(engine, 'next', 3);
  t.same(branch(engine, BUCKET, 'main'), someBranch(2));
  t.same(branch(engine, BUCKET, 'next'), someBranch(3));
  t.equal(branch(engine, BUCKET, 'other'), undefined);
  t.equal(branch(engine, OTHER, 'main'), undefined);
  t.equal(tag(engine, BUCKET, 'main'), undefined);
});

t.test('names that read as something else are refused', async (t) => {
  const good = [
    'main',
    'a',
    'feature/x',
    'replica/00ff/main',
    'é',
    'v1.0',
    'n'.repeat(255),
    'lock',
    'a-b',
  ];
  for (const name of good) t.doesNotThrow(() => checkRefName(name), name);
  const bad = [
    '',
    '-x',
    '/a',
    'a/',
    'a//b',
    'a..b',
    'x.lock',
    'a.lock/b',
    'a\nb',
    '\x7f',
    'a b',
    'a~1',
    'a^',
  ];
  bad.push('a:b', '.a', 'a/.b', 'a.', '@', 'a@{1}', 'a\\b', 'n'.repeat(256), '\ud800', 'a\0');
  const engine = openMemory();
  for (const name of bad) {
    t.throws(() => branch(engine, BUCKET, name), { code: 'REGALIA_OPTION' }, JSON.stringify(name));
    await t.rejects(put(engine, name, 1), { code: 'REGALIA_OPTION' });
  }
  t.throws(() => branch(engine, new Uint8Array(3), 'main'), { code: 'REGALIA_OPTION' });
});

t.test('a flipped bit, a lost row and a lost count are corrupt, never an absence', async (t) => {
  const engine = openMemory();
  await put(engine, 'main', 2);
  await put(engine, 'next', 4);
  await engine.write((batch) => putTag(batch, BUCKET, 'v1', someAddress(SHA256)), 'none');
  const reads = (): unknown[] => [
    branch(engine, BUCKET, 'main'),
    branch(engine, BUCKET, 'next'),
    tag(engine, BUCKET, 'v1'),
    [...branches(engine, BUCKET)],
    [...tags(engine, BUCKET)],
  ];
  const right = reads();
  for (const { key, bytes } of [...engine.range('heads')]) {
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Uint8Array.from(bytes);
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      await engine.write((batch) => batch.put('heads', key, flipped), 'none');
      t.throws(reads, { code: 'REGALIA_CORRUPT' });
    }
    await engine.write((batch) => batch.del('heads', key), 'none');
    t.throws(reads, { code: 'REGALIA_CORRUPT' });
    await engine.write((batch) => batch.put('heads', key, bytes), 'none');
  }
  t.same(reads(), right);
});
