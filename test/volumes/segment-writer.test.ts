/**
 * Appending to segments: in the order of the calls, with exact sizes; a write that fails takes
 * nothing with it, a short one is brought to its end, and a flush that failed is never taken back.
 */
import { readFileSync } from 'node:fs';
import t from 'tap';
import { concatBytes } from '../../src/ground/bytes.js';
import { RegaliaError } from '../../src/ground/errors.js';
import { RECORD_HEADER, SEGMENT_HEADER } from '../../src/volumes/segment-format.js';
import { SegmentFiles, type SegmentRecord } from '../../src/volumes/segment-reader.js';
import { SegmentWriter } from '../../src/volumes/segment-writer.js';
import { codeOf } from '../store/setup.js';
import {
  answering,
  folderOf,
  gate,
  type HandleCall,
  IDS,
  placesOf,
  recordsOf,
  sameRecords as same,
  systemError,
} from './setup.js';

t.test('appends that overlap are in the order of their calls, and sizes are exact', async (t) => {
  const folder = folderOf(t);
  const writer = await SegmentWriter.create(folder, IDS, 0);
  t.equal(writer.size, SEGMENT_HEADER);
  t.equal(writer.dirty, true, 'its header alone is to be synced');
  // More parts than one system call takes, and some between.
  const batches = [recordsOf(...Array(700).fill(10)), recordsOf(5), [], recordsOf(6, 70_000)];
  const offsets = await Promise.all(batches.map((batch) => writer.append(batch)));
  const records = batches.flat();
  let at = SEGMENT_HEADER;
  for (const [i, offset] of offsets.flat().entries()) {
    if (offset !== at) t.fail(`record ${i} is at ${offset}, not ${at}`);
    at += RECORD_HEADER + (records[i] as SegmentRecord).stored.length;
  }
  t.equal(writer.size, at);
  await writer.sync();
  t.equal(writer.dirty, false);
  await writer.close();
  t.equal(readFileSync(writer.file).length, at);
  const files = new SegmentFiles(folder, IDS);
  t.ok(same(await files.readRun(placesOf(records, offsets.flat())), records));
  files.close();
});

t.test('a segment that is there is not written over', async (t) => {
  const folder = folderOf(t);
  const writer = await SegmentWriter.create(folder, IDS, 0);
  await writer.append(recordsOf(100));
  await writer.close();
  const { file } = writer;
  const before = readFileSync(file);
  t.equal(await codeOf(SegmentWriter.create(folder, IDS, 0)), 'REGALIA_EXISTS');
  t.ok(before.equals(readFileSync(file)));
  t.equal(await codeOf(SegmentWriter.create(`${folder}/none`, IDS, 0)), 'REGALIA_NOT_FOUND');
});

for (const code of ['ENOSPC', 'EIO'] as const) {
  t.test(`a write that fails by ${code} leaves what was synced, and is the last`, async (t) => {
    const folder = folderOf(t);
    const writer = await SegmentWriter.create(folder, IDS, 0);
    const [first, second] = [recordsOf(100, 200), recordsOf(300)];
    const offsets = await writer.append(first);
    await writer.sync();
    const told = code === 'ENOSPC' ? 'REGALIA_FULL' : 'REGALIA_IO';
    const fail = () => Promise.reject(systemError(code));
    await answering('writev', fail, async () => {
      // One that waits behind the one that fails is not written behind a hole.
      const both = [writer.append(second), writer.append(second)];
      for (const one of both) t.equal(await codeOf(one), told);
    });
    t.equal(writer.failed, true);
    t.equal(await codeOf(writer.append(second)), told, 'nothing more is appended');
    await writer.close();
    const files = new SegmentFiles(folder, IDS);
    t.ok(same(await files.readRun(placesOf(first, offsets)), first));
    files.close();
  });
}

t.test('a short write is brought to its end', async (t) => {
  const folder = folderOf(t);
  for (const [i, kept] of [0, 1, 63, 64, 100, 300, 463].entries()) {
    const ids = { ...IDS, number: i + 1 };
    const writer = await SegmentWriter.create(folder, ids, 0);
    const records = recordsOf(200, 72);
    const short = ({ args: [parts, position], proceed }: HandleCall): Promise<unknown> => {
      const whole = concatBytes(parts as Uint8Array[]);
      const some = [whole.subarray(0, kept)];
      return kept === 0 ? Promise.resolve({ bytesWritten: 0 }) : proceed(some, position);
    };
    const offsets = await answering('writev', short, () => writer.append(records));
    await writer.close();
    const files = new SegmentFiles(folder, IDS);
    const places = placesOf(records, offsets).map((place) => ({ ...place, segment: i + 1 }));
    t.ok(same(await files.readRun(places), records), `${kept} bytes at first`);
    files.close();
  }
});

t.test('a short write that goes no further is no room', async (t) => {
  const writer = await SegmentWriter.create(folderOf(t), IDS, 0);
  const nothing = (): Promise<unknown> => Promise.resolve({ bytesWritten: 0 });
  const error = await answering('writev', nothing, () =>
    answering('write', nothing, () =>
      writer.append(recordsOf(100)).then(
        () => undefined,
        (error: unknown) => error,
      ),
    ),
  );
  t.ok(error instanceof RegaliaError);
  t.match(error, { code: 'REGALIA_FULL', data: { path: writer.file } });
  await writer.close();
});

t.test('a flush waits for the appends before it, and fails for good', async (t) => {
  const folder = folderOf(t);
  const writer = await SegmentWriter.create(folder, IDS, 0);
  const calls: string[] = [];
  const { open, opened } = gate();
  await answering(
    'writev',
    async ({ proceed }) => {
      await opened;
      calls.push('written');
      return proceed();
    },
    () =>
      answering(
        'datasync',
        async ({ proceed }) => {
          calls.push('flushed');
          return proceed();
        },
        async () => {
          const work = [writer.append(recordsOf(100)), writer.sync()];
          open();
          await Promise.all(work);
        },
      ),
  );
  t.strictSame(calls, ['written', 'flushed']);
  await writer.append(recordsOf(50));
  t.equal(writer.dirty, true);
  const fail = () => Promise.reject(systemError('EIO'));
  await answering('datasync', fail, async () => {
    t.equal(await codeOf(writer.sync()), 'REGALIA_IO');
  });
  // What the kernel let go of is not there because a later flush says so.
  t.equal(await codeOf(writer.sync()), 'REGALIA_IO');
  t.equal(writer.dirty, true);
  await writer.close();
});

t.test('a header that could not be written is no segment', async (t) => {
  const folder = folderOf(t);
  const fail = () => Promise.reject(systemError('ENOSPC'));
  const create = (number: number) => SegmentWriter.create(folder, { ...IDS, number }, 0);
  await answering('writev', fail, async () => {
    t.equal(await codeOf(create(1)), 'REGALIA_FULL');
  });
  const writer = await create(2);
  await writer.append(recordsOf(10));
  await writer.close();
});

t.test('what was written before a write that failed can still be brought to disk', async (t) => {
  const folder = folderOf(t);
  const writer = await SegmentWriter.create(folder, IDS, 0);
  const records = recordsOf(100, 200);
  const offsets = await writer.append(records);
  const fail = () => Promise.reject(systemError('ENOSPC'));
  await answering('writev', fail, async () => {
    t.equal(await codeOf(writer.append(recordsOf(300))), 'REGALIA_FULL');
  });
  let flushes = 0;
  const count = ({ proceed }: HandleCall) => {
    flushes++;
    return proceed();
  };
  // Others may have appended to it before: what they were told is there must be so.
  await answering('datasync', count, () => writer.sync());
  t.equal(flushes, 1);
  t.equal(writer.dirty, false);
  await writer.close();
  const files = new SegmentFiles(folder, IDS);
  t.ok(same(await files.readRun(placesOf(records, offsets)), records));
  files.close();
});
