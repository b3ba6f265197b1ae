/**
 * Rows that changed: each bit of the key and of the value of each row that names what the store
 * has. Whatever is asked then is answered as before, or ends with a code: absence is as suspicious
 * as damage. The quick suite takes a part of the bits.
 */
import t from 'tap';
import type { Engine, Table } from '../../src/engine/engine.js';
import { isRegaliaError, Regalia } from '../../src/index.js';
import { runs } from '../runs.js';
import { bytes } from '../store/setup.js';
import { coreOf } from '../sync/setup.js';

type NamedTable = Extract<Table, 'heads' | 'log' | 'commits' | 'meta'>;

interface KeptRow {
  readonly table: NamedTable;
  readonly key: Uint8Array;
  readonly value: Uint8Array;
}

/** A store with branches, a tag and a bucket within, on one that is given or in memory. */
async function branched(given?: Regalia): Promise<Regalia> {
  const store = given ?? (await Regalia.memory());
  await store.transact((tx) => {
    tx.put('/a', 's', bytes('a'));
    tx.createBucket('/in');
    tx.put('/in/x', 's', bytes('x'));
  });
  const side = await store.fork('side');
  await side.transact((tx) => tx.put('/b', 's', bytes('b')));
  await store.tags.set('v1');
  await store.transact((tx) => tx.put('/a', 's', bytes('again')));
  return store;
}

const QUESTIONS: Readonly<Record<string, (store: Regalia) => unknown>> = {
  branches: (store) => [...store.branches].map(({ name, commit }) => [name, commit]),
  tags: (store) => [...store.tags].map(({ name, commit }) => [name, commit]),
  head: (store) => store.info().commit,
  side: (store) => store.branch('side').info().commit,
  tag: (store) => store.info('v1').commit,
  log: (store) => [...store.log()].map(({ commit }) => commit),
  reflog: (store) => [...store.reflog()].map(({ commit }) => commit),
  within: (store) => [...store.bucket('/in').log()].map(({ commit }) => commit),
  have: (store) => store.have(),
};

async function answered(store: Regalia, name: string): Promise<string> {
  try {
    return JSON.stringify(await QUESTIONS[name]?.(store));
  } catch (error) {
    if (isRegaliaError(error)) return error.code;
    return `uncoded: ${error}`;
  }
}

/** Whether an answer after a flip is one that may be given. */
function isSound(answer: string, truth: string | undefined): boolean {
  return answer === truth || /^REGALIA_(CORRUPT|FORMAT|VERSION|MISSING)$/.test(answer);
}

async function swap(engine: Engine, out: KeptRow, put: KeptRow): Promise<void> {
  await engine.write((batch) => {
    batch.del(out.table, out.key);
    batch.put(put.table, put.key, put.value);
  }, 'none');
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >>> 3] = (copy[bit >>> 3] as number) ^ (1 << (bit & 7));
  return copy;
}

/** The row with one bit of its key, or behind that of its value, flipped. */
function flippedRow(row: KeptRow, bit: number): KeptRow {
  const inKey = row.key.length * 8;
  if (bit < inKey) return { ...row, key: flipped(row.key, bit) };
  return { ...row, value: flipped(row.value, bit - inKey) };
}

function rowsOf(engine: Engine, table: NamedTable): KeptRow[] {
  return Array.from(engine.range(table), ({ key, bytes }) => ({ table, key, value: bytes }));
}

/** What was told and is not so, with each bit of the rows flipped in turn, or a part of them. */
async function lies(
  store: Regalia,
  table: NamedTable,
  names: readonly string[],
): Promise<string[]> {
  const { engine } = coreOf(store);
  const truths = new Map<string, string>();
  for (const name of names) truths.set(name, await answered(store, name));
  const found = new Set<string>();
  const stride = Math.max(1, Math.ceil(40 / runs(5)));
  let at = 0;
  for (const row of rowsOf(engine, table)) {
    const inKey = 8 * row.key.length;
    const bits = inKey + 8 * row.value.length;
    for (let bit = at++ % stride; bit < bits; bit += stride) {
      const damaged = flippedRow(row, bit);
      await swap(engine, row, damaged);
      for (const [name, truth] of truths) {
        const answer = await answered(store, name);
        const place = bit < inKey ? 'key' : 'value';
        if (!isSound(answer, truth)) found.add(`${name}, a bit of a ${place}: ${answer}`);
      }
      await swap(engine, damaged, row);
    }
  }
  return [...found];
}

for (const table of ['heads', 'log', 'commits', 'meta'] as const) {
  t.test(`a bit of table ${table} is flipped, and nothing is told that is not so`, async (t) => {
    t.same(await lies(await branched(), table, Object.keys(QUESTIONS)), []);
  });
}

/** What a handle says that is opened after the row was flipped: nothing of it is in memory. */
async function coldLies(place: string, store: Regalia, table: NamedTable): Promise<string[]> {
  const { engine } = coreOf(store);
  const asked = async (name: string): Promise<string> => {
    try {
      await using cold = await Regalia.open(place, { readOnly: true });
      return await answered(cold, name);
    } catch (error) {
      return isRegaliaError(error) ? error.code : `uncoded: ${error}`;
    }
  };
  const names = Object.keys(QUESTIONS);
  const truths = new Map<string, string>();
  for (const name of names) truths.set(name, await asked(name));
  const found = new Set<string>();
  const stride = Math.max(1, Math.ceil(900 / runs(5)));
  let at = 0;
  for (const row of rowsOf(engine, table)) {
    const bits = 8 * (row.key.length + row.value.length);
    for (let bit = (at += 37) % stride; bit < bits; bit += stride) {
      const damaged = flippedRow(row, bit);
      await swap(engine, row, damaged);
      const name = names[at++ % names.length] as string;
      const answer = await asked(name);
      if (!isSound(answer, truths.get(name))) found.add(`${name}: ${answer}`);
      await swap(engine, damaged, row);
    }
  }
  return [...found];
}

for (const table of ['heads', 'log', 'commits', 'meta'] as const) {
  t.test(`a bit of table ${table} is flipped before a store is opened`, async (t) => {
    const place = `${t.testdir()}/store`;
    const store = await branched(await Regalia.open(place, { workers: 0 }));
    t.same(await coldLies(place, store, table), []);
    await store.close();
  });
}
