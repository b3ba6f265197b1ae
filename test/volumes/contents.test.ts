/**
 * Contents in volumes, through the public surface: a copy that is damaged is passed over, told, and
 * healed by who writes the same; the same bytes are kept once; sources that fail leave nothing; a
 * full volume is no end.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import t from 'tap';
import { isRegaliaError, Regalia, type RegaliaOptions } from '../../src/index.js';
import { noise } from '../chunks/setup.js';
import { codeOf } from '../store/setup.js';
import { scrub } from '../verify/setup.js';
import {
  answering,
  CHUNK,
  folderOf,
  type HandleCall,
  MIRRORED,
  OPTIONS,
  read,
  segmentBytes,
  segmentPaths,
  systemError,
  within,
  write,
} from './setup.js';

type Holder = Parameters<typeof folderOf>[0];

/**
 * A store's folder, and those of its volumes: the one within, and as many beside it as are asked
 * for.
 */
async function storeOf(t: Holder, options: RegaliaOptions, more: number) {
  const folder = folderOf(t);
  const place = path.join(folder, 'store');
  const volumes = [path.join(place, 'volumes', '1')];
  await within(place, options, async (store) => {
    for (let i = 0; i < more; i++) {
      volumes.push(path.join(folder, `v${i}`));
      await store.addVolume(volumes[i + 1] as string);
    }
  });
  return { place, volumes };
}

/**
 * Flips a bit of the byte in the middle of a volume's first segment that is longer than its header.
 */
function damage(volume: string): string {
  const file = segmentPaths(volume).find((one) => readFileSync(one).length > 64) as string;
  const bytes = readFileSync(file);
  const at = Math.floor(bytes.length / 2);
  bytes[at] = (bytes[at] as number) ^ 8;
  writeFileSync(file, bytes);
  return file;
}

function same(found: Uint8Array | undefined, expected: Uint8Array): boolean {
  return found !== undefined && Buffer.compare(found, expected) === 0;
}

t.test('a copy with a flipped bit is passed over, and told', async (t) => {
  const { place, volumes } = await storeOf(t, MIRRORED, 1);
  const bytes = noise(9 * CHUNK, 1);
  await within(place, MIRRORED, (store) => write(store, '/f', bytes));
  for (const volume of volumes) {
    const whole = readFileSync(segmentPaths(volume)[0] as string);
    const file = damage(volume);
    await within(place, MIRRORED, async (store) => {
      t.ok(same(await read(store, '/f'), bytes));
      const { faults } = await scrub(store);
      t.equal(faults.length, 1);
      t.match(faults[0], { key: '/f', stream: 'content', what: volume });
    });
    writeFileSync(file, whole);
  }
  await within(place, MIRRORED, async (store) => t.strictSame((await scrub(store)).faults, []));
});

t.test(
  'an only copy with a flipped bit is corrupt, and the same bytes written heal it',
  async (t) => {
    const { place, volumes } = await storeOf(t, OPTIONS, 0);
    const bytes = noise(9 * CHUNK, 1);
    await within(place, OPTIONS, (store) => write(store, '/f', bytes));
    damage(volumes[0] as string);
    await within(place, OPTIONS, async (store) => {
      t.equal(await codeOf(read(store, '/f')), 'REGALIA_CORRUPT');
      const { faults } = await scrub(store);
      t.equal(faults.length, 1);
      t.match(faults[0], { kind: 'corrupt', key: '/f', stream: 'content' });
      // Another chunk of it is sound.
      const sound = await store.snapshot().get('/f', 'content')?.bytes({ start: 0, end: CHUNK });
      t.ok(same(sound, bytes.subarray(0, CHUNK)));
      await write(store, '/g', bytes);
      t.ok(same(await read(store, '/g'), bytes));
      t.ok(same(await read(store, '/f'), bytes), 'the old entry, too');
    });
    await within(place, OPTIONS, async (store) => {
      t.ok(same(await read(store, '/f'), bytes), 'and when it is opened again');
      t.ok(same(await read(store, '/g'), bytes));
    });
  },
);

t.test(
  'a segment that is lost is missing by name, and does not keep others from being read',
  async (t) => {
    const { place, volumes } = await storeOf(t, OPTIONS, 0);
    await within(place, OPTIONS, (store) => write(store, '/f', noise(3 * CHUNK, 1)));
    const [lost] = segmentPaths(...volumes) as [string];
    await within(place, OPTIONS, (store) => write(store, '/g', noise(3 * CHUNK, 2)));
    const whole = readFileSync(lost);
    writeFileSync(lost, whole.subarray(0, 100));
    await within(place, OPTIONS, async (store) => {
      const error = await read(store, '/f').catch((error: unknown) => error);
      t.ok(isRegaliaError(error, 'REGALIA_MISSING'), String(error));
      t.ok(same(await read(store, '/g'), noise(3 * CHUNK, 2)));
      // What nobody has tried to read counts as sound: so each chunk is asked for before it is
      // written anew.
      for (let at = 0; at < 3 * CHUNK; at += CHUNK) {
        const some = store
          .snapshot()
          .get('/f', 'content')
          ?.bytes({ start: at, end: at + 1 });
        t.equal(await codeOf(some as Promise<Uint8Array>), 'REGALIA_MISSING');
      }
      await write(store, '/h', noise(3 * CHUNK, 1));
      t.ok(same(await read(store, '/f'), noise(3 * CHUNK, 1)));
    });
  },
);

t.test('the same bytes are kept once, whatever refers to them', async (t) => {
  const { place, volumes } = await storeOf(t, OPTIONS, 1);
  const bytes = noise(20 * CHUNK + 5, 1);
  await within(place, OPTIONS, (store) => write(store, '/f', bytes));
  const size = segmentBytes(...volumes);
  t.ok(size > bytes.length && size < bytes.length + 5_000);
  await within(place, OPTIONS, async (store) => {
    await write(store, '/f', bytes);
    await write(store, '/g', bytes);
    await write(store, '/f', bytes, 'other');
    const draft = await store.fork('draft');
    await write(draft, '/h', bytes);
    await store.transact(async (tx) => {
      await tx.write('/i', 'content', bytes);
      await tx.write('/j', 'content', [bytes.subarray(0, 7), bytes.subarray(7)]);
      await tx.copy('/f', '/k');
    });
    // All that it shares with what is kept are whole chunks.
    await write(store, '/l', bytes.subarray(0, 5 * CHUNK));
    t.equal(segmentBytes(...volumes), size);
    await store.transact((tx) => tx.append('/l', 'content', noise(10, 9)));
    const grown = segmentBytes(...volumes) - size;
    t.ok(grown > 0 && grown < 3 * CHUNK, `${grown} bytes for ten`);
  });
  await within(place, OPTIONS, async (store) => {
    for (const key of ['/f', '/g', '/i', '/j', '/k']) t.ok(same(await read(store, key), bytes));
    t.ok(same(await read(store.branch('draft'), '/h'), bytes));
  });
});

t.test('two contents written at once in one transaction are kept once', async (t) => {
  const { place, volumes } = await storeOf(t, OPTIONS, 0);
  const bytes = noise(20 * CHUNK, 1);
  await within(place, OPTIONS, async (store) => {
    await store.transact((tx) =>
      Promise.all(['/a', '/b', '/c'].map((key) => tx.write(key, 'content', bytes))),
    );
    const size = segmentBytes(...volumes);
    t.ok(size < bytes.length + 5_000, `${size} bytes`);
    for (const key of ['/a', '/b', '/c']) t.ok(same(await read(store, key), bytes));
  });
});

t.test('compression is what the stream says, and changes nothing that is read', async (t) => {
  const { place, volumes } = await storeOf(t, OPTIONS, 0);
  const text = new Uint8Array(Buffer.from('all work and no play '.repeat(8_000)));
  const options: RegaliaOptions = {
    ...OPTIONS,
    streams: { plain: { compression: 'none' }, tight: { compression: 19 } },
  };
  const grown: number[] = [];
  for (const [i, stream] of ['plain', 'content', 'tight'].entries()) {
    const before = segmentBytes(...volumes);
    // Another text for each: what is the same is kept once.
    const bytes = text.map((byte) => byte + i);
    await within(place, options, (store) => write(store, '/f', bytes, stream));
    grown.push(segmentBytes(...volumes) - before);
    await within(place, options, async (store) =>
      t.ok(same(await read(store, '/f', stream), bytes)),
    );
  }
  t.ok((grown[0] as number) > text.length);
  t.ok((grown[1] as number) < text.length / 10);
  t.ok((grown[2] as number) < text.length / 10);
  await within(place, OPTIONS, async (store) => {
    t.ok(same(await read(store, '/f', 'plain'), text), 'whatever is said later');
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test('sources of every kind are taken as their bytes', async (t) => {
  const { place } = await storeOf(t, OPTIONS, 0);
  const bytes = noise(5 * CHUNK, 1);
  const parts = [new Uint8Array(0), bytes.subarray(0, 1), new Uint8Array(0), bytes.subarray(1), ''];
  async function* slowly(): AsyncGenerator<Uint8Array | string> {
    for (const part of parts) {
      await new Promise((resolve) => setImmediate(resolve));
      yield part;
    }
  }
  await within(place, OPTIONS, async (store) => {
    const text = 'é€😀'.repeat(9_000);
    await store.transact(async (tx) => {
      await tx.write('/list', 'content', parts);
      await tx.write('/slow', 'content', slowly());
      await tx.write('/web', 'content', new Blob([bytes]).stream() as ReadableStream<Uint8Array>);
      await tx.write('/text', 'content', text);
      await tx.write('/texts', 'content', [text.slice(0, 10_001), '', text.slice(10_001)]);
      await tx.write('/none', 'content', []);
      await tx.write('/empty', 'content', ['', new Uint8Array(0)]);
    });
    for (const key of ['/list', '/slow', '/web']) t.ok(same(await read(store, key), bytes), key);
    for (const key of ['/text', '/texts']) {
      t.ok(same(await read(store, key), Buffer.from(text)), key);
    }
    for (const key of ['/none', '/empty']) t.equal((await read(store, key))?.length, 0, key);
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test('a source that fails leaves the stream and the transaction as they were', async (t) => {
  const { place } = await storeOf(t, OPTIONS, 1);
  const [before, other] = [noise(5 * CHUNK, 1), noise(5 * CHUNK, 2)];
  let told = 0;
  async function* failing(): AsyncGenerator<Uint8Array> {
    // Enough that some of it is in segments by then.
    for (let i = 0; i < 12; i++) yield noise(1_000_000, i + 10);
    told++;
    throw new Error('the source is gone');
  }
  await within(place, OPTIONS, async (store) => {
    await write(store, '/f', before);
    await store.transact(async (tx) => {
      await t.rejects(tx.write('/f', 'content', failing()), { message: 'the source is gone' });
      await t.rejects(tx.append('/f', 'content', failing()), { message: 'the source is gone' });
      await tx.write('/g', 'content', other);
    });
    await t.rejects(
      store.transact((tx) => tx.write('/h', 'content', failing())),
      { message: 'the source is gone' },
    );
    t.equal(told, 3);
    t.equal(store.snapshot().entry('/h'), undefined);
  });
  await within(place, OPTIONS, async (store) => {
    t.ok(same(await read(store, '/f'), before));
    t.ok(same(await read(store, '/g'), other));
    // What the source gave before it failed can be written for good.
    await write(store, '/h', noise(1_000_000, 10));
    t.ok(same(await read(store, '/h'), noise(1_000_000, 10)));
    t.strictSame((await scrub(store)).faults, []);
  });
});

/** Answers every call by an error. */
function refusing(code: string): (call: HandleCall) => Promise<unknown> {
  return () => Promise.reject(systemError(code));
}

t.test('a store whose only volume is full says so, and goes on once there is room', async (t) => {
  const { place, volumes } = await storeOf(t, OPTIONS, 0);
  const [before, refused, after] = [1, 2, 3].map((i) => noise(9 * CHUNK, i)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  await within(place, OPTIONS, async (store) => {
    await write(store, '/f', before);
    await answering('writev', refusing('ENOSPC'), async () => {
      for (const key of ['/g', '/h']) {
        t.equal(await codeOf(write(store, key, refused)), 'REGALIA_FULL');
      }
      t.ok(same(await read(store, '/f'), before), 'what was written is read');
      await write(store, '/f', before, 'again');
    });
    t.match(await store.volumes(), [{ path: volumes[0], state: 'online' }]);
    await write(store, '/h', after);
    t.ok(same(await read(store, '/h'), after));
    t.equal(store.snapshot().entry('/g'), undefined);
  });
  await within(place, OPTIONS, async (store) => {
    for (const [key, bytes] of [
      ['/f', before],
      ['/h', after],
    ] as const) {
      t.ok(same(await read(store, key), bytes));
    }
    t.ok(same(await read(store, '/f', 'again'), before));
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test('one transaction goes on once there is room', async (t) => {
  const { place } = await storeOf(t, OPTIONS, 0);
  const bytes = noise(9 * CHUNK, 1);
  const store = await Regalia.open(place, OPTIONS);
  await write(store, '/f', noise(9 * CHUNK, 2));
  const tx = store.begin();
  // One write of the segment, in the middle of a long content, finds no room.
  const once = ({ count, proceed }: HandleCall): Promise<unknown> =>
    count === 2 ? Promise.reject(systemError('ENOSPC')) : proceed();
  const large = noise(40_000_000, 5);
  const code = await answering('writev', once, () => codeOf(tx.write('/large', 'content', large)));
  t.equal(code, 'REGALIA_FULL');
  await tx.write('/g', 'content', bytes);
  await tx.write('/large', 'content', large);
  await tx.commit();
  await store.close();
  await within(place, OPTIONS, async (store) => {
    t.ok(same(await read(store, '/g'), bytes));
    t.ok(same(await read(store, '/large'), large));
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test('a full volume is passed over where others have room', async (t) => {
  const { place, volumes } = await storeOf(t, OPTIONS, 1);
  await within(place, OPTIONS, async (store) => {
    for (let i = 0; i < 10; i++) await write(store, `/f${i}`, noise(2 * CHUNK, i + 1));
    const before = volumes.map((volume) => segmentBytes(volume));
    t.ok(
      before.every((size) => size > 0),
      'each has been given some',
    );
    // The first write of each content fails, wherever it goes.
    const odd = ({ count, proceed }: HandleCall): Promise<unknown> =>
      count === 1 ? Promise.reject(systemError('ENOSPC')) : proceed();
    for (let i = 0; i < 10; i++) {
      await answering('writev', odd, () => write(store, `/g${i}`, noise(2 * CHUNK, i + 101)));
    }
  });
  await within(place, OPTIONS, async (store) => {
    for (let i = 0; i < 10; i++) {
      t.ok(same(await read(store, `/f${i}`), noise(2 * CHUNK, i + 1)), `f${i}`);
      t.ok(same(await read(store, `/g${i}`), noise(2 * CHUNK, i + 101)), `g${i}`);
    }
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test('a volume whose disk fails is failing, and the others take its share', async (t) => {
  const { place } = await storeOf(t, OPTIONS, 1);
  await within(place, OPTIONS, async (store) => {
    for (let i = 0; i < 10; i++) await write(store, `/f${i}`, noise(2 * CHUNK, i + 1));
    const once = ({ count, proceed }: HandleCall): Promise<unknown> =>
      count === 1 ? Promise.reject(systemError('EIO')) : proceed();
    await answering('writev', once, async () => {
      for (let i = 0; i < 10; i++) await write(store, `/g${i}`, noise(2 * CHUNK, i + 101));
    });
    for (let i = 0; i < 10; i++) {
      t.ok(same(await read(store, `/f${i}`), noise(2 * CHUNK, i + 1)), `f${i}`);
      t.ok(same(await read(store, `/g${i}`), noise(2 * CHUNK, i + 101)), `g${i}`);
    }
    t.strictSame((await scrub(store)).faults, []);
  });
});

t.test(
  'a commit whose contents could not be flushed is none, also when it is tried again',
  async (t) => {
    const { place } = await storeOf(t, OPTIONS, 0);
    await within(place, OPTIONS, async (store) => {
      await write(store, '/f', noise(2 * CHUNK, 1));
      await answering('datasync', refusing('EIO'), async () => {
        t.equal(await codeOf(write(store, '/g', noise(2 * CHUNK, 2))), 'REGALIA_IO');
      });
      t.equal(store.snapshot().entry('/g'), undefined);
      await write(store, '/g', noise(2 * CHUNK, 2));
      t.ok(same(await read(store, '/g'), noise(2 * CHUNK, 2)));
    });
    await within(place, OPTIONS, async (store) => {
      t.ok(same(await read(store, '/g'), noise(2 * CHUNK, 2)));
      t.strictSame((await scrub(store)).faults, []);
    });
  },
);

t.test("what another's flush lost is not told as kept", async (t) => {
  const { place } = await storeOf(t, OPTIONS, 0);
  await within(place, OPTIONS, async (store) => {
    await write(store, '/f', noise(2 * CHUNK, 1));
    const tx = store.begin();
    // So much that most of it is in the segment that both share by now, and not flushed.
    await tx.write('/large', 'content', noise(20_000_000, 2));
    await answering('datasync', refusing('EIO'), async () => {
      t.equal(await codeOf(write(store, '/g', noise(2 * CHUNK, 3))), 'REGALIA_IO');
    });
    t.equal(await codeOf(tx.commit()), 'REGALIA_IO');
    t.equal(store.snapshot().entry('/large'), undefined);
    await write(store, '/large', noise(20_000_000, 2));
    t.ok(same(await read(store, '/large'), noise(20_000_000, 2)));
  });
});
