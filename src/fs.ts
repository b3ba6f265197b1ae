/**
 * `regalia/fs`: directories of files into a store and out of it. Exports only.
 */

export {
  type ExportTreeOptions,
  type ExportTreeProgress,
  type ExportTreeResult,
  exportTree,
} from './fs/export.js';
export type { StoredEntry, StoredRange, StoredStream, TreeReader, TreeWriter } from './fs/face.js';
export {
  type ImportTreeOptions,
  type ImportTreeProgress,
  type ImportTreeResult,
  importTree,
} from './fs/import.js';
export type { Finding } from './fs/os.js';
export type { Key } from './tree/key.js';
