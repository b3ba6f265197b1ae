/** The index of a pack in a file: its keys, searched without the rest being read. */
import { type FileHandle, open } from 'node:fs/promises';
import { ioError, notFound } from '../ground/errors.js';
import { bytes as bytesKind } from '../ground/options.js';
import { type PackBytes, PackIndex, type PackIndexOptions } from '../sync/pack-index.js';
import { CALLS, INDEXED_PACK } from './options.js';

/**
 * Opens the index of a pack: of a file by its path, or of bytes that are read where they are
 * wanted. The file is closed again at once, since the index is kept in memory.
 *
 * REGALIA_NOT_FOUND where there is no file, or the pack has no index; REGALIA_PACK, REGALIA_FORMAT,
 * REGALIA_IO, REGALIA_ABORTED, REGALIA_OPTION.
 */
export async function openPackIndex(
  pack: string | PackBytes,
  options?: PackIndexOptions,
): Promise<PackIndex> {
  INDEXED_PACK.check('pack', pack);
  const given = CALLS.openPackIndex.check(options);
  if (typeof pack !== 'string') {
    return found(await PackIndex.read(checkedBytes(pack), given), 'these bytes');
  }
  let file: FileHandle | undefined;
  try {
    file = await open(pack, 'r');
    const { size } = await file.stat();
    return found(await PackIndex.read({ size, read: readerOf(file) }, given), pack);
  } catch (error) {
    throw ioError(error, pack, 'read');
  } finally {
    await file?.close();
  }
}

function checkedBytes({ size, read }: PackBytes): PackBytes {
  return {
    size,
    read: async (offset, length) =>
      bytesKind.check('what read returns', await read(offset, length)),
  };
}

function readerOf(file: FileHandle): PackBytes['read'] {
  return async (offset, length) => {
    const bytes = new Uint8Array(length);
    const { bytesRead } = await file.read(bytes, 0, length, offset);
    return bytes.subarray(0, bytesRead);
  };
}

function found(index: PackIndex | undefined, where: string): PackIndex {
  if (index !== undefined) return index;
  throw notFound('index of keys', `in ${where}`, 'a delta has none unless it is asked for');
}
