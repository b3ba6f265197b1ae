/**
 * Sources of every kind: odd parts, text, failures, aborts at each await, and closing.
 */
import { Readable } from 'node:stream';
import fc from 'fast-check';
import t from 'tap';
import { BlockWriter } from '../../src/blocks/block-writer.js';
import type { ContentRef } from '../../src/chunks/content.js';
import { ContentReader } from '../../src/chunks/reader.js';
import type { Source, SourcePart } from '../../src/chunks/source.js';
import { ContentWriter } from '../../src/chunks/writer.js';
import { SHA256 } from '../../src/ground/block-header.js';
import { concatBytes, equalBytes } from '../../src/ground/bytes.js';
import { utf8Bytes } from '../../src/ground/text.js';
import { noise, Store, sameContent, written } from './setup.js';

const CHUNK = 64;

function read(store: Store, ref: ContentRef): Uint8Array {
  return new ContentReader(store.contents, ref).read();
}

async function* later<T>(parts: Iterable<T>): AsyncGenerator<T> {
  for (const part of parts) {
    await Promise.resolve();
    yield part;
  }
}

/** A source that counts what is done to it. */
class Watched implements AsyncIterable<SourcePart> {
  asked = 0;
  closed = 0;
  readonly #next: (count: number) => Promise<IteratorResult<SourcePart>>;

  constructor(next: (count: number) => Promise<IteratorResult<SourcePart>>) {
    this.#next = next;
  }

  [Symbol.asyncIterator](): AsyncIterator<SourcePart> {
    return {
      next: () => this.#next(this.asked++),
      return: async () => {
        this.closed++;
        return { done: true, value: undefined };
      },
    };
  }
}

const never = new Promise<never>(() => undefined);
const part = (length: number): IteratorResult<SourcePart> => ({
  done: false,
  value: noise(length, 1),
});

t.test('odd parts, of bytes or text, make the same content as the whole', async () => {
  const parts = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.string({ unit: 'grapheme', maxLength: 90 }),
      fc.constant(''),
    ),
    { minLength: 1, maxLength: 30 },
  );
  await fc.assert(
    fc.asyncProperty(parts, async (parts) => {
      const bytes = concatBytes(parts.map((p) => (typeof p === 'string' ? utf8Bytes(p) : p)));
      fc.pre(bytes.length > 0);
      const store = new Store();
      const whole = await store.put(bytes, CHUNK);
      const stream = Readable.from(parts.filter((p) => p.length > 0));
      const sources: Source[] = [
        parts,
        later(parts),
        ReadableStream.from(later(parts)) as ReadableStream<Uint8Array>,
        bytes,
        stream,
      ];
      for (const source of sources) {
        const ref = await written(store.content(CHUNK), source);
        if (!sameContent(ref, whole) || !equalBytes(read(store, ref), bytes)) return false;
      }
      return true;
    }),
    { numRuns: 60 },
  );
});

t.test('a huge part is staged in steps, and spilled on the way', async (t) => {
  const store = new Store();
  const bytes = noise(9_000_000, 4);
  const ref = await written(store.content(65_536), [bytes]);
  t.ok(store.blocks.engine.count('extents') > 60, 'most of it is in the engine already');
  t.ok(equalBytes(read(store, ref), bytes));
});

t.test('a character may lie across parts, a lone surrogate is refused', async (t) => {
  const store = new Store();
  const ref = await written(store.content(CHUNK), ['a\ud83d', '', '\ude00b']);
  t.ok(equalBytes(read(store, ref), utf8Bytes('a😀b')));
  const long = 'x'.repeat(65_535) + '😀'.repeat(3);
  t.ok(equalBytes(read(store, await written(store.content(4_096), long)), utf8Bytes(long)));
  for (const bad of [
    ['a\ud83d'],
    ['\ud83d', Uint8Array.of(1)],
    ['\ude00'],
    ['\ud83dx'],
    ['\ud83d', 'x'],
  ]) {
    await t.rejects(written(store.content(CHUNK), bad), { code: 'REGALIA_ENCODING' });
  }
});

t.test('what is no source, and a part of another kind, are refused', async (t) => {
  const store = new Store();
  for (const bad of [undefined, null, 5, {}, [7], [null], [[1]], later([new Date(0)])]) {
    const source = bad as unknown as Source;
    await t.rejects(written(store.content(CHUNK), source), { code: 'REGALIA_OPTION' });
  }
  const watched = new Watched(async () => ({ done: false, value: 5 as unknown as string }));
  await t.rejects(written(store.content(CHUNK), watched), { code: 'REGALIA_OPTION' });
  t.equal(watched.closed, 1, 'and closed');
});

t.test('the failure of a source is passed on as it is, and the source not closed', async (t) => {
  const store = new Store();
  const failure = new Error('the disk is gone');
  const watched = new Watched(async (count) => {
    if (count === 5) throw failure;
    return part(100);
  });
  await t.rejects(written(store.content(CHUNK), watched), failure);
  t.equal(watched.closed, 0);
  const stream = new ReadableStream<Uint8Array>({ pull: (c) => c.error(failure) });
  await t.rejects(written(store.content(CHUNK), stream), failure);
  t.notOk(stream.locked);
  const sync = {
    *[Symbol.iterator]() {
      yield 'a';
      throw failure;
    },
  };
  await t.rejects(written(store.content(CHUNK), sync), failure);
  const none = {
    [Symbol.asyncIterator]() {
      throw failure;
    },
  } as unknown as Source;
  await t.rejects(written(store.content(CHUNK), none), failure);
});

t.test('a failure of the store closes the source', async (t) => {
  for (const method of ['spill', 'put'] as const) {
    const store = new Store();
    store.writer[method] = () => {
      throw new Error('full');
    };
    const watched = new Watched(async () => part(1_000_000));
    await t.rejects(written(store.content(65_536), watched), { message: 'full' });
    t.equal(watched.closed, 1);
  }
});

t.test('an abort is heard before, while a part is awaited, and at each part', async (t) => {
  const store = new Store();
  const stop = new AbortController();
  const hung = new Watched(async (count) => (count < 3 ? part(100) : never));
  const writing = written(store.content(CHUNK), hung, { signal: stop.signal });
  await new Promise((resolve) => setTimeout(resolve, 5));
  t.equal(hung.asked, 4);
  stop.abort('stop');
  await t.rejects(writing, { code: 'REGALIA_ABORTED', cause: 'stop' });
  t.equal(hung.closed, 1);
  const early = new Watched(async () => part(100));
  await t.rejects(written(store.content(CHUNK), early, { signal: stop.signal }), {
    code: 'REGALIA_ABORTED',
  });
  t.equal(early.asked, 0);
  t.equal(early.closed, 1);
  for (let at = 0; at < 6; at++) {
    const control = new AbortController();
    const watched = new Watched(async (count) => {
      if (count === at) control.abort();
      return count < 5 ? part(100) : { done: true, value: undefined };
    });
    const { signal } = control;
    await t.rejects(written(store.content(CHUNK), watched, { signal }), {
      code: 'REGALIA_ABORTED',
    });
    t.equal(watched.asked, at + 1);
  }
});

t.test('an abort is heard while the store is awaited, and also at the last moment', async (t) => {
  for (const method of ['reserve', 'spill'] as const) {
    const store = new Store();
    const control = new AbortController();
    const reserve = store.blocks.reserve.bind(store.blocks);
    const spill = store.writer.spill.bind(store.writer);
    if (method === 'reserve') {
      store.blocks.reserve = (count) => reserve(count).then(() => control.abort());
    } else store.writer.spill = () => spill().then(() => control.abort());
    const watched = new Watched(async () => part(1_000_000));
    const { signal } = control;
    await t.rejects(written(store.content(65_536), watched, { signal }), {
      code: 'REGALIA_ABORTED',
    });
    t.equal(watched.closed, 1, method);
  }
});

t.test('an endless source that never waits is still stopped by a timer', async (t) => {
  for (const each of [new Uint8Array(0), new Uint8Array(50_000)]) {
    const store = new Store();
    const endless = {
      *[Symbol.iterator]() {
        for (;;) yield each;
      },
    };
    const signal = AbortSignal.timeout(20);
    await t.rejects(written(store.content(65_536), endless, { signal }), {
      code: 'REGALIA_ABORTED',
    });
  }
});

t.test('a stream that hangs is cancelled, and a stream of Node destroyed', async (t) => {
  const store = new Store();
  let cancelled: unknown;
  const stream = new ReadableStream<Uint8Array>({
    pull: () => never,
    cancel: (reason) => {
      cancelled = reason;
    },
  });
  const control = new AbortController();
  const node = new Readable({ read: () => undefined });
  const { signal } = control;
  const writes = [
    written(store.content(CHUNK), stream, { signal }),
    written(store.content(CHUNK), node, { signal }),
  ];
  setTimeout(() => control.abort('stop'), 5);
  for (const write of writes) await t.rejects(write, { code: 'REGALIA_ABORTED' });
  t.equal(cancelled, 'stop');
  t.ok(node.destroyed);
});

t.test('one signal over many writes gathers no listeners', async (t) => {
  const { signal } = new AbortController();
  let listeners = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...rest: Parameters<typeof add>) => {
    listeners++;
    add(...rest);
  };
  signal.removeEventListener = (...rest: Parameters<typeof remove>) => {
    listeners--;
    remove(...rest);
  };
  const store = new Store();
  await written(store.content(CHUNK), later(['a', 'b', 'c']), { signal });
  await new Promise((resolve) => setTimeout(resolve, 1));
  t.equal(listeners, 0);
});

t.test(
  'a source of at most inlineMax bytes comes back as bytes, and nothing is staged',
  async (t) => {
    const store = new Store();
    for (const length of [0, 1, 99, 100]) {
      const bytes = noise(length, 9);
      const inline = await store
        .content(CHUNK)
        .writeOrInline(later([bytes.subarray(0, 40), bytes.subarray(40)]), 100);
      t.ok(inline instanceof Uint8Array && equalBytes(inline, bytes));
    }
    t.equal(store.writer.blockCount, 0);
    const bytes = noise(101, 9);
    const ref = await store
      .content(CHUNK)
      .writeOrInline([bytes.subarray(0, 50), bytes.subarray(50)], 100);
    t.ok(sameContent(ref as ContentRef, await store.put(bytes, CHUNK)));
    await t.rejects(written(store.content(CHUNK), []), /inline/);
    const again = store.content(CHUNK);
    await written(again, 'a');
    await t.rejects(written(again, 'b'), /of its own/);
  },
);

t.test('many contents are written at once, each by a transaction of its own', async (t) => {
  const { blocks, contents } = new Store();
  const chunking = { kind: 'fixed', bytes: 16_384 } as const;
  const sources = Array.from({ length: 100 }, (_, i) => noise(300_000, i + 1));
  const refs = await Promise.all(
    sources.map((bytes) =>
      written(
        new ContentWriter(contents, new BlockWriter(blocks), SHA256, chunking),
        later([bytes]),
      ),
    ),
  );
  for (const [i, ref] of refs.entries()) {
    t.ok(equalBytes(new ContentReader(contents, ref).read(), sources[i] as Uint8Array));
  }
});
