/**
 * The bytes of one regular file, read so that what lies there cannot play tricks: opened without following links and
 * without waiting (a fifo would block), checked by its descriptor to be a regular file, and looked at again behind the
 * last byte. Small files are read at once, synchronously; large ones piece by piece.
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

const SMALL_BYTES = 65_536;
const PIECE_BYTES = 262_144;
const FLAGS = constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0) | (constants.O_NONBLOCK ?? 0);

/** Where the bytes go. A file that changed is handed over twice; the later one counts. */
export interface ContentSink {
  small(bytes: Uint8Array): void;
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
  const whole = stats.size <= SMALL_BYTES ? readSmall(fd, Number(stats.size)) : undefined;
  let bytes = 0;
  if (whole === undefined) {
    await sink.large(pieces(fd, signal, (length) => (bytes += length)));
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

/** The file's bytes, or undefined where it has grown beyond what is small. */
function readSmall(fd: number, size: number): Uint8Array | undefined {
  // One byte more than expected tells growth from the end. Files of procfs claim to be empty and are not.
  let buffer = new Uint8Array(size === 0 ? 4_096 : size + 1);
  let length = 0;
  for (;;) {
    const count = readSync(fd, buffer, length, buffer.length - length, length);
    length += count;
    if (count === 0) return buffer.subarray(0, length);
    if (length < buffer.length) continue;
    if (length > SMALL_BYTES) return undefined;
    const larger = new Uint8Array(SMALL_BYTES + 1);
    larger.set(buffer);
    buffer = larger;
  }
}

/**
 * The file piece by piece, one piece ahead. Not as a stream, which closes the file when its reader leaves, although the
 * file is another's to close.
 */
async function* pieces(
  fd: number,
  signal: AbortSignal | undefined,
  count: (length: number) => void,
): AsyncGenerator<Uint8Array, void> {
  let next = pieceAt(fd, 0);
  try {
    for (let at = 0; ; ) {
      const piece = await next;
      signal?.throwIfAborted();
      if (piece.length === 0) return;
      at += piece.length;
      next = pieceAt(fd, at);
      count(piece.length);
      yield piece;
    }
  } finally {
    // The file must not be closed beneath a read.
    await Promise.allSettled([next]);
  }
}

/** What lies there, empty at the end. */
function pieceAt(fd: number, position: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(PIECE_BYTES);
  const piece = new Promise<Uint8Array>((resolve, reject) => {
    read(fd, buffer, 0, PIECE_BYTES, position, (error, length) => {
      if (error === null) resolve(buffer.subarray(0, length));
      else reject(error);
    });
  });
  // Whoever asks for it hears of a failure; nobody may.
  piece.catch(() => undefined);
  return piece;
}
