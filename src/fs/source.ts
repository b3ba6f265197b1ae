/**
 * The bytes of one regular file, read so that what lies there cannot play tricks: opened without
 * following links and without waiting (a fifo would block), checked by its descriptor to be a
 * regular file, and looked at again after the last byte. Small files are read at once,
 * synchronously; large ones chunk by chunk.
 *
 * What the file does wrong is a FileFault, also where the sink passes it on under another name;
 * what the sink throws by itself is thrown as it is.
 */
import {
  type BigIntStats,
  closeSync,
  constants,
  fstatSync,
  openSync,
  read,
  readSync,
} from 'node:fs';
import { FileFault, onFile } from './os.js';

/** Hashing so much takes two milliseconds. */
const SMALL_BYTES = 1_048_576;
const CHUNK_BYTES = 1_048_576;
/** What small files are read into in turn: one byte more than they have shows growth. */
const small = new Uint8Array(SMALL_BYTES + 1);
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Where the bytes go. A file that changed is handed over twice; the later one counts. */
interface ContentSink {
  /** A view that the next file overwrites: use or copy it at once. */
  small(bytes: Uint8Array): void;
  /** Each chunk is a view that the one after the next overwrites. */
  large(source: AsyncIterable<Uint8Array>): Promise<unknown>;
}

interface ContentRead {
  /** From before the first byte was read. */
  readonly stats: BigIntStats;
  readonly bytes: number;
  /** Whether it changed while it was read, twice. */
  readonly changing: boolean;
}

/** @throws FileFault, with EINVAL where there is no regular file any more. */
export async function readContent(
  path: string | Buffer,
  signal: AbortSignal | undefined,
  sink: ContentSink,
): Promise<ContentRead> {
  const fd = onFile(() => openSync(path, FLAGS));
  try {
    const first = await readOnce(fd, sink, signal);
    return first.changing ? await readOnce(fd, sink, signal) : first;
  } finally {
    closeSync(fd);
  }
}

async function readOnce(fd: number, sink: ContentSink, signal?: AbortSignal): Promise<ContentRead> {
  const stats = onFile(() => fstatSync(fd, { bigint: true }));
  if (!stats.isFile()) throw notRegular();
  const whole = stats.size <= SMALL_BYTES ? onFile(() => readSmall(fd)) : undefined;
  const bytes = whole === undefined ? await readLarge(fd, sink, signal) : whole.length;
  if (whole !== undefined) sink.small(whole);
  const after = onFile(() => fstatSync(fd, { bigint: true }));
  const changing = after.mtimeNs !== stats.mtimeNs || after.size !== stats.size;
  return { stats, bytes, changing: changing || bytes !== Number(stats.size) };
}

function notRegular(): FileFault {
  const message = 'EINVAL: no regular file is there any more';
  return new FileFault(Object.assign(new Error(message), { code: 'EINVAL' }));
}

/** How many bytes were read. Where the file failed its own fault is thrown, not the sink's. */
async function readLarge(fd: number, sink: ContentSink, signal?: AbortSignal): Promise<number> {
  const progress: Progress = { bytes: 0, fault: undefined };
  try {
    await sink.large(chunks(fd, signal, progress));
  } catch (error) {
    throw progress.fault ?? error;
  }
  return progress.bytes;
}

interface Progress {
  bytes: number;
  fault: FileFault | undefined;
}

/** The file's bytes; undefined where they are not small. Files of procfs claim to be empty. */
function readSmall(fd: number): Uint8Array | undefined {
  for (let length = 0; length < small.length; ) {
    const count = readSync(fd, small, length, small.length - length, length);
    if (count === 0) return small.subarray(0, length);
    length += count;
  }
  return undefined;
}

/**
 * The file chunk by chunk, one chunk ahead. Not as a stream, which closes the file when its reader
 * leaves, although the file is another's to close.
 */
async function* chunks(
  fd: number,
  signal: AbortSignal | undefined,
  progress: Progress,
): AsyncGenerator<Uint8Array, void> {
  let [reading, given] = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
  let next = chunkAt(fd, 0, reading);
  try {
    for (let at = 0; ; ) {
      const chunk = await next;
      if (chunk instanceof FileFault) {
        progress.fault = chunk;
        throw chunk;
      }
      signal?.throwIfAborted();
      if (chunk.length === 0) return;
      at += chunk.length;
      [reading, given] = [given, reading];
      next = chunkAt(fd, at, reading);
      progress.bytes += chunk.length;
      yield chunk;
    }
  } finally {
    // The file must not be closed while a read is under way.
    await next;
  }
}

/** What lies there, empty at the end: a view of the buffer. A failure is an answer. */
function chunkAt(fd: number, at: number, buffer: Uint8Array): Promise<Uint8Array | FileFault> {
  return new Promise((resolve) => {
    read(fd, buffer, 0, CHUNK_BYTES, at, (error, length) => {
      resolve(error === null ? buffer.subarray(0, length) : new FileFault(error));
    });
  });
}
