/**
 * The conformance suite catches engines that fail: each fault is planted into an engine that
 * passes, and the case that is about it must reject.
 */
import t from 'tap';
import { engineConformance } from '../../src/engine/conformance.js';
import type { Batch, Durability, Engine, Row, RowRange } from '../../src/engine/engine.js';
import { openMemory } from '../../src/engine/memory.js';

/** Whether the engine fails the case of that name. */
async function fails(open: () => Engine, name: string): Promise<boolean> {
  const cases = engineConformance(async () => open(), { durable: true });
  const run = cases.find((one) => one.name === name)?.run;
  if (run === undefined) throw new Error(`there is no case ${name}`);
  return run().then(
    () => false,
    () => true,
  );
}

type Changes<O> = { [K in keyof O]?: unknown };

/** The object with some of its methods replaced. */
function changed<O extends object>(object: O, changes: (object: O) => Changes<O>): O {
  const own = changes(object) as Record<PropertyKey, unknown>;
  return new Proxy(object, {
    get(target, name) {
      if (name in own) return own[name];
      const method = Reflect.get(target, name, target) as unknown;
      return typeof method === 'function' ? method.bind(target) : method;
    },
  });
}

/** An engine whose batches have some of their methods replaced. */
function withBatch(changes: (batch: Batch, engine: Engine) => Changes<Batch>): () => Engine {
  return () =>
    changed(openMemory(), (engine) => ({
      write: (body: (batch: Batch) => unknown, durability: Durability) =>
        engine.write((batch) => body(changed(batch, (own) => changes(own, engine))), durability),
    }));
}

function withEngine(changes: (engine: Engine) => Changes<Engine>): () => Engine {
  return () => changed(openMemory(), changes);
}

type AnyRange = RowRange<never>;
type Operation = (batch: Batch) => void;

const RANGES = 'a range has the rows within its bounds, in order, up to its limit';
const BATCH_READS = 'reads through a batch see what it has put and deleted';

const faults: readonly (readonly [string, () => Engine, string])[] = [
  [
    'a range that ignores its limit',
    withEngine((engine) => ({
      range: (table: 'log', { limit: _limit, ...range }: AnyRange = {}) =>
        engine.range(table, range),
    })),
    RANGES,
  ],
  [
    'a range that ignores its direction',
    withEngine((engine) => ({
      range: (table: 'log', { reverse: _reverse, ...range }: AnyRange = {}) =>
        engine.range(table, range),
    })),
    RANGES,
  ],
  [
    'a bound that is open, and taken as closed',
    withEngine((engine) => ({
      range: (table: 'log', { gt, ...range }: AnyRange = {}) =>
        engine.range(table, gt === undefined ? range : { gte: gt, ...range }),
    })),
    RANGES,
  ],
  [
    'a range that skips rows of an odd number',
    withEngine((engine) => ({
      range: (table: 'extents', range?: RowRange<number>) =>
        [...engine.range(table, range)].filter(
          ({ key }: Row<unknown>) => typeof key !== 'number' || key % 1_000 !== 998,
        ),
    })),
    'long ranges, and ranges over large rows, are whole',
  ],
  [
    'a range in a batch that sees only what was there before',
    withBatch((_batch, engine) => ({ range: engine.range.bind(engine) })),
    BATCH_READS,
  ],
  [
    'a look-up in a batch that sees only what was there before',
    withBatch((_batch, engine) => ({ get: engine.get.bind(engine) })),
    BATCH_READS,
  ],
  [
    'a count in a batch that sees only what was there before',
    withBatch((_batch, engine) => ({ count: engine.count.bind(engine) })),
    BATCH_READS,
  ],
  [
    'deleting that does nothing',
    withBatch(() => ({ del: () => undefined })),
    'deleting takes rows away, and does nothing where there is none',
  ],
  [
    'a body that throws, and whose rows are kept',
    withEngine((engine) => ({
      write: (body: (batch: Batch) => unknown, durability: Durability) => {
        let failure: { readonly error: unknown } | undefined;
        const outcome = engine.write((batch) => {
          try {
            return body(batch);
          } catch (error) {
            failure = { error };
            return undefined;
          }
        }, durability);
        return outcome.then((result) => {
          if (failure !== undefined) throw failure.error;
          return result;
        });
      },
    })),
    'a body that throws leaves nothing, and harms no write beside it',
  ],
  [
    'a body that throws, and takes the writes beside it along',
    withEngine((engine) => {
      let last: Promise<unknown> = Promise.resolve();
      return {
        write: (body: (batch: Batch) => unknown, durability: Durability) => {
          const outcome = last.then(() => engine.write(body, durability));
          last = outcome;
          return outcome;
        },
      };
    }),
    'a body that throws leaves nothing, and harms no write beside it',
  ],
  [
    'a write in two steps, which is seen in between',
    withEngine((engine) => ({
      write: async (body: (batch: Batch) => unknown) => {
        const operations: Operation[] = [];
        const put = (...args: Parameters<Batch['put']>) =>
          operations.push((later) => later.put(...args));
        const result = await engine.write((batch) => body(changed(batch, () => ({ put }))), 'none');
        const run = (some: readonly Operation[]) =>
          engine.write((batch) => {
            for (const operation of some) operation(batch);
          }, 'none');
        await run(operations.slice(0, operations.length / 2));
        await new Promise((resolve) => setImmediate(resolve));
        await run(operations.slice(operations.length / 2));
        return result;
      },
    })),
    'nobody sees a part of a write',
  ],
  [
    'an asynchronous body that is waited for',
    withEngine((engine) => ({
      write: async (body: (batch: Batch) => unknown, durability: Durability) => {
        let result: unknown;
        await engine.write((batch) => {
          result = body(batch);
        }, durability);
        return result;
      },
    })),
    'a body that returns a promise is refused, and leaves nothing',
  ],
  [
    'a batch that goes on after its body',
    withEngine((engine) => ({
      write: (body: (batch: Batch) => unknown, durability: Durability) =>
        engine.write((batch) => {
          const quiet = changed(batch, (own) => ({
            put: (...args: Parameters<Batch['put']>) => {
              try {
                own.put(...args);
              } catch (error) {
                if ((error as { code?: string }).code !== 'REGALIA_CLOSED') throw error;
              }
            },
          }));
          return body(quiet);
        }, durability),
    })),
    'a batch ends with its body',
  ],
  [
    'a copy that is the row itself',
    withEngine((engine) => ({ get: engine.view.bind(engine) })),
    'copies are private',
  ],
  [
    'a copy that keeps a larger buffer',
    withEngine((engine) => ({
      get: (table: 'log', key: Uint8Array) => {
        const row = engine.get(table, key);
        if (row === undefined) return undefined;
        const buffer = new Uint8Array(row.length + 8);
        buffer.set(row, 8);
        return buffer.subarray(8);
      },
    })),
    'copies are private',
  ],
  [
    'keys outside their limits that are left out',
    withBatch((batch) => ({
      put: (...args: Parameters<Batch['put']>) => {
        try {
          batch.put(...args);
        } catch {
          // As if it had been put.
        }
      },
    })),
    'keys and rows outside their limits are refused, with all that the body put',
  ],
  [
    'bodies in another order',
    withEngine((engine) => ({
      write: async (body: (batch: Batch) => unknown, durability: Durability) => {
        if (durability === 'sync') await new Promise((resolve) => setImmediate(resolve));
        return engine.write(body, durability);
      },
    })),
    'bodies run in the order of the calls',
  ],
  [
    'statistics that count nothing',
    withEngine((engine) => ({ stats: () => ({ ...engine.stats(), bytes: 0 }) })),
    'statistics count the rows of each table',
  ],
  [
    'a backup that replaces what is there',
    withEngine(() => ({ backup: async () => undefined })),
    'a backup replaces nothing',
  ],
  [
    'an engine that does not close',
    withEngine(() => ({ close: async () => undefined })),
    'closing waits for writes under way, and then every call is refused',
  ],
];

const forgetful = [
  'what was written is there when it is opened again',
  'writes under way while it closed are there when it is opened again',
];

for (const [fault, open, name] of faults) {
  t.test(`${fault} is caught`, async (t) => {
    t.notOk(await fails(openMemory, name), 'a sound engine passes');
    t.ok(await fails(open, name), name);
  });
}

for (const name of forgetful) {
  t.test(`an engine that forgets its rows is caught: ${name}`, async (t) => {
    t.ok(await fails(openMemory, name));
  });
}
