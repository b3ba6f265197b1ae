/**
 * Read-ahead: order, how far ahead is fetched, failures in their place, and consumers that leave
 * early.
 */
import t from 'tap';
import { type Ahead, readAhead } from '../../src/chunks/read-ahead.js';

function* numbers(count: number, bytes: number): Generator<Ahead<number>, void> {
  for (let step = 0; step < count; step++) yield { step, bytes };
}

t.test('results come in the order of the steps, whichever is ready first', async (t) => {
  const fetch = async (batch: readonly number[]): Promise<number[]> => {
    await new Promise((resolve) => setTimeout(resolve, (batch[0] as number) % 3));
    return batch.map((step) => step * 2);
  };
  const found: number[] = [];
  for await (const result of readAhead(numbers(100, 300_000), fetch)) found.push(result);
  t.strictSame(
    found,
    [...Array(100).keys()].map((step) => step * 2),
  );
});

t.test(
  'no more than some MiB are fetched ahead, and nothing before the first is asked for',
  async (t) => {
    const asked: number[] = [];
    const fetch = async (batch: readonly number[]): Promise<readonly number[]> => {
      asked.push(...batch);
      return batch;
    };
    const results = readAhead(numbers(1_000, 65_536), fetch);
    t.equal(asked.length, 0);
    await results.next();
    t.equal(asked.length, 64, '4 MiB');
    for (let i = 0; i < 16; i++) await results.next();
    t.equal(asked.length, 80, 'as much more as was taken');
    await results.return();
    t.equal(asked.length, 80);
  },
);

t.test('steps of no bytes are fetched some at a time', async (t) => {
  let largest = 0;
  const fetch = async (batch: readonly number[]): Promise<readonly number[]> => {
    largest = Math.max(largest, batch.length);
    return batch;
  };
  let count = 0;
  for await (const _ of readAhead(numbers(10_000, 1), fetch)) count++;
  t.equal(count, 10_000);
  t.equal(largest, 64);
});

t.test('a failure comes in its place, and whoever left before it hears nothing', async (t) => {
  const unheard: unknown[] = [];
  const onUnheard = (reason: unknown): void => void unheard.push(reason);
  process.on('unhandledRejection', onUnheard);
  const fetch = async (batch: readonly number[]): Promise<readonly number[]> => {
    if (batch.includes(3)) throw new Error('the third');
    return batch;
  };
  const found: number[] = [];
  await t.rejects(
    (async () => {
      for await (const one of readAhead(numbers(9, 1_048_576), fetch)) found.push(one);
    })(),
    { message: 'the third' },
  );
  t.strictSame(found, [0, 1, 2]);
  for await (const _ of readAhead(numbers(9, 1_048_576), fetch)) break;
  await new Promise((resolve) => setTimeout(resolve, 20));
  process.off('unhandledRejection', onUnheard);
  t.strictSame(unheard, []);
});
