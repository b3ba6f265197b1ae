/**
 * Types of a store's streams: a program that is compiled and never run. A line behind
 * `@ts-expect-error` must be an error.
 */
import {
  type CborData,
  type Entry,
  isRegaliaError,
  Regalia,
  RegaliaError,
  type Snapshot,
  type Stream,
  type StreamData,
  type Transaction,
} from '../../src/index.js';

type Same<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Compiles where `A` is `B`. */
function same<A, B>(_: Same<A, B>): void {}

interface Streams {
  title: string;
  acl: Uint8Array;
  meta: CborData;
  size: { width: number; height: number };
}

export async function typed(): Promise<void> {
  await using store = await Regalia.open<Streams>('./data', { streams: {} });
  const snapshot = store.snapshot();
  anyTitle(snapshot);
  const title = snapshot.get('/a', 'title')?.decoded();
  same<typeof title, string | undefined>(true);
  const acl = snapshot.entry('/a')?.get('acl')?.decoded();
  same<typeof acl, Uint8Array | undefined>(true);
  const size = snapshot.get('/a', 'size')?.decoded();
  same<typeof size, { width: number; height: number } | undefined>(true);
  for (const entry of snapshot.children('/')) same<typeof entry, Entry<Streams>>(true);
  for (const entry of snapshot.walk()) same<(typeof entry.streams)[number], keyof Streams>(true);
  // @ts-expect-error: there is no such stream
  snapshot.get('/a', 'titel');
  // @ts-expect-error: there is no such stream
  snapshot.entry('/a')?.get('titel');

  using tx = store.begin();
  tx.put('/a', 'title', 'a title');
  tx.put('/a', 'acl', Buffer.alloc(5));
  tx.put('/a', 'meta', { any: ['data', 5, null, new Date()] });
  tx.put('/a', 'size', { width: 5, height: 5 });
  // @ts-expect-error: a title is text
  tx.put('/a', 'title', 5);
  // @ts-expect-error: an acl is bytes
  tx.put('/a', 'acl', 'text');
  // @ts-expect-error: a size has a height
  tx.put('/a', 'size', { width: 5 });
  // @ts-expect-error: there is no such stream
  tx.put('/a', 'titel', 'a title');
  // @ts-expect-error: there is no such stream
  await tx.write('/a', 'titel', 'a title');
  // @ts-expect-error: there is no such stream
  tx.del('/a', 'titel');
  await tx.commit();

  await store.transact((body) => same<typeof body, Transaction<Streams>>(true));
  const fork = await store.fork('draft');
  same<ReturnType<typeof fork.snapshot>, Snapshot<Streams>>(true);
  const inner = store.bucket('/b').snapshot().get('/a', 'title')?.decoded();
  same<typeof inner, string | undefined>(true);

  // @ts-expect-error: no stream decodes to a number that is a function
  await Regalia.memory<{ wrong: () => void }>();
}

/** What takes any store takes a typed one, to read from. */
function anyTitle(snapshot: Snapshot): unknown {
  return snapshot.get('/a', 'title')?.decoded();
}

export async function loose(): Promise<void> {
  await using store = await Regalia.memory();
  const snapshot = store.snapshot();
  const stream = snapshot.get('/a', 'anything');
  same<typeof stream, Stream | undefined>(true);
  const decoded = stream?.decoded();
  same<typeof decoded, StreamData | undefined>(true);
  const text: unknown = 'unknown data';
  await store.transact((tx) => tx.put('/a', 'anything', text));
  await store.transact((tx) => tx.put('/a', 'anything', 5));
  const name: string = 'computed';
  snapshot.get('/a', name);
  anyTitle(snapshot);

  const asked = await fetch('https://example.com/');
  if (asked.body === null) return;
  await store.transact(async (tx) => {
    await tx.write('/a', 's', asked.body as ReadableStream<Uint8Array>);
    await tx.write('/a', 's', await asked.blob());
    await tx.write('/a', 's', await asked.arrayBuffer());
    await tx.write('/a', 's', new Blob(['text']).stream());
    await tx.append('/a', 's', ['text', new Uint8Array(1)]);
  });
  await store.import(asked.body);
}

export function errors(error: unknown): string | undefined {
  if (error instanceof RegaliaError && error.code === 'REGALIA_KEY') {
    const { key } = error.data;
    same<typeof key, string>(true);
    return key;
  }
  if (isRegaliaError(error, 'REGALIA_FULL')) return error.data.path;
  if (isRegaliaError(error)) {
    // @ts-expect-error: not every code has a path
    error.data.path;
    return error.code;
  }
  return undefined;
}
