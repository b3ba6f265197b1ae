/**
 * The bytes of one regular file, read so that what lies there cannot play tricks: opened without
 * following links and without waiting (a fifo would block), checked by its descriptor to be a
 * regular file, and looked at again behind the last byte. Small files are read at once,
 * synchronously; large ones part by part.
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

/** Hashing so much takes two milliseconds. */
const SMALL_BYTES = 1_048_576;
const CHUNK_BYTES = 1_048_576;
/**
 * What small files are read into, one after another: one byte more than they have tells growth from
 * the end.
 */
const small = new Uint8Array(SMALL_BYTES + 1);
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Where the bytes go. A file that changed is handed over twice; the later one counts. */
export interface ContentSink {
  /** A view that the next file spoils: it is taken or copied at once. */
  small(bytes: Uint8Array): void;
  /** Each chunk is a view that the one after the next spoils. */
  large(source: AsyncIterable<Uint8Array>): Promise<unknown>;
}

export interface ContentRead {
  /** From before the first byte was read. */
  readonly stats: BigIntStats;
  readonly bytes: number;
  /** Whether it changed while it was read, twice. */
  readonly changing: boolean;
}

/** @throws the operating system's error; EINVAL where there is no regular file. */
export async function readContent(
  path: string | Buffer,
  signal: AbortSignal | undefined,
  sink: ContentSink,
): Promise<ContentRead> {
  const fd = openSync(path, FLAGS);
  try {
    const first = await readOnce(fd, signal, sink);
    return first.changing ? await readOnce(fd, signal, sink) : first;
  } finally {
    closeSync(fd);
  }
}

async function readOnce(
  fd: number,
  signal: AbortSignal | undefined,
  sink: ContentSink,
): Promise<ContentRead> {
  const stats = fstatSync(fd, { bigint: true });
  if (!stats.isFile()) throw notRegular();
  const whole = stats.size <= SMALL_BYTES ? readSmall(fd) : undefined;
  let bytes = 0;
  if (whole === undefined) {
    await sink.large(chunks(fd, signal, (length) => (bytes += length)));
  } else {
    bytes = whole.length;
    sink.small(whole);
  }
  const after = fstatSync(fd, { bigint: true });
  const changing = after.mtimeNs !== stats.mtimeNs || after.size !== stats.size;
  return { stats, bytes, changing: changing || bytes !== Number(stats.size) };
}

function notRegular(): Error {
  return Object.assign(new Error('EINVAL: no regular file is there any more'), { code: 'EINVAL' });
}

/**
 * The file's bytes, or undefined where it has grown beyond what is small. Files of procfs claim to
 * be empty.
 */
function readSmall(fd: number): Uint8Array | undefined {
  for (let length = 0; length < small.length; ) {
    const count = readSync(fd, small, length, small.length - length, length);
    if (count === 0) return small.subarray(0, length);
    length += count;
  }
  return undefined;
}

/**
 * The file part by part, one part ahead. Not as a stream, which closes the file when its reader
 * leaves, although the file is another's to close.
 */
async function* chunks(
  fd: number,
  signal: AbortSignal | undefined,
  count: (length: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let [reading, given] = [new Uint8Array(CHUNK_BYTES), new Uint8Array(CHUNK_BYTES)];
  let next = chunkAt(fd, 0, reading);
  try {
    for (let at = 0; ; ) {
      const chunk = await next;
      signal?.throwIfAborted();
      if (chunk.length === 0) return;
      at += chunk.length;
      [reading, given] = [given, reading];
      next = chunkAt(fd, at, reading);
      count(chunk.length);
      yield chunk;
    }
  } finally {
    // The file must not be closed beneath a read.
    await Promise.allSettled([next]);
  }
}

/** What lies there, empty at the end: a view of the buffer. */
function chunkAt(fd: number, position: number, buffer: Uint8Array): Promise<Uint8Array> {
  const chunk = new Promise<Uint8Array>((resolve, reject) => {
    read(fd, buffer, 0, CHUNK_BYTES, position, (error, length) => {
      if (error === null) resolve(buffer.subarray(0, length));
      else reject(error);
    });
  });
  // Whoever asks for it hears of a failure; nobody may.
  chunk.catch(() => undefined);
  return chunk;
}
