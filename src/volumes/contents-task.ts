/**
 * The task of reading chunks from open segments, for long reads: a worker reads the file itself,
 * and what comes back is one buffer, given away and not copied. Little is sent: what the chunks
 * are, and where they lie.
 *
 * The same is done here where it is not sent. Invariant: the bytes of all chunks of a batch, or
 * none: why is learnt by whoever reads them one by one.
 */
import { ADDRESS_LENGTH } from '../blocks/address.js';
import { isRegaliaError } from '../ground/errors.js';
import { type OpenChunk, readContents } from './chunk-bytes.js';
import type { Parcel, Task } from './tasks.js';

/** A volume's id, and a replica's. */
const ID_LENGTH = 16;
const BYTES_EACH = ADDRESS_LENGTH + 2 * ID_LENGTH;
const NUMBERS_EACH = 6;

/**
 * Content bytes one chunk behind the other, by batch; undefined where some could not be read, or
 * not be believed.
 */
export const contentsTask: Task<OpenChunk, Uint8Array | undefined> = {
  name: 'contents',
  size: ({ plainLength }) => plainLength,
  sentFrom: 131_072,
  batchBytes: 2 * 1024 * 1024,
  here: (chunks) => [soundContents(chunks)],
  send: (chunks) => {
    const bytes = new Uint8Array(chunks.length * BYTES_EACH);
    const numbers: number[] = [];
    let at = 0;
    for (const { address, ids, ...chunk } of chunks) {
      bytes.set(address, at);
      bytes.set(ids.volume, at + ADDRESS_LENGTH);
      bytes.set(ids.replica, at + ADDRESS_LENGTH + ID_LENGTH);
      at += BYTES_EACH;
      numbers.push(chunk.codec, chunk.plainLength, chunk.storedLength);
      numbers.push(chunk.descriptor, ids.number, chunk.offset);
    }
    return { bytes, lengths: [], numbers };
  },
  receive: ({ bytes, lengths }) => [lengths.length === 0 ? undefined : bytes],
};

export function contentsThere({ bytes, numbers }: Parcel): Parcel {
  const chunks: OpenChunk[] = [];
  for (let at = 0, n = 0; at < bytes.length; at += BYTES_EACH, n += NUMBERS_EACH) {
    const volume = at + ADDRESS_LENGTH;
    chunks.push({
      address: bytes.subarray(at, volume),
      codec: numbers[n] as number,
      plainLength: numbers[n + 1] as number,
      storedLength: numbers[n + 2] as number,
      descriptor: numbers[n + 3] as number,
      ids: {
        volume: bytes.subarray(volume, volume + ID_LENGTH),
        replica: bytes.subarray(volume + ID_LENGTH, at + BYTES_EACH),
        number: numbers[n + 4] as number,
      },
      offset: numbers[n + 5] as number,
    });
  }
  const contents = soundContents(chunks);
  if (contents === undefined) return { bytes: new Uint8Array(0), lengths: [], numbers: [] };
  return { bytes: contents, lengths: [contents.length], numbers: [] };
}

function soundContents(chunks: readonly OpenChunk[]): Uint8Array<ArrayBuffer> | undefined {
  try {
    return readContents(chunks);
  } catch (error) {
    if (isRegaliaError(error) || isFileError(error)) return undefined;
    throw error;
  }
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error;
}
