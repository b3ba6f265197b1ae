/** The public surface of Regalia: exports only. */

export type { Chunking } from './chunks/cutter.js';
export type { CommitOptions, CommitResult } from './commit/committer.js';
export type {
  MergeConflict,
  MergeConflictSide,
  MergeOptions,
  MergeOutcome,
} from './commit/merge-into.js';
export type { CommitConflict, CommitPolicy } from './commit/rebase.js';
export type { Durability } from './engine/engine.js';
export type { CollectOptions, CollectResult } from './gc/collect.js';
export type { Compacted } from './gc/compact.js';
export {
  type ErrorCode,
  type ErrorData,
  isRegaliaError,
  type Outcome,
  RegaliaError,
} from './ground/errors.js';
export { nameBytes, nameText } from './ground/text.js';
export type { CommitInfo } from './log/commit.js';
export { type Actor, actorFromSeed, generateActor } from './log/signature.js';
export type { Answer, ConflictKind } from './merge/conflict.js';
export type { EntryPolicy, StreamJudge, StreamPolicy } from './merge/policy.js';
export type { Coded } from './repair/coding.js';
export type { DrainOptions, DrainResult } from './repair/drain.js';
export type { RepairOptions, RepairResult } from './repair/repair.js';
export type { RescanOptions, RescanResult } from './repair/rescan.js';
export { Bucket, type ForkOptions, type LogOptions, type TransactOptions } from './store/bucket.js';
export type { DiffOptions, DiffRow } from './store/difference.js';
export { Entry, type EntryTotals } from './store/entry.js';
export type { ExportOptions, ImportOptions, ImportOutcome } from './store/exchange.js';
export type { OpenOptions, StreamOptions } from './store/options.js';
export { openPackIndex } from './store/pack-file.js';
export type { BranchInfo, TagInfo } from './store/refs.js';
export {
  Regalia,
  type RegaliaOptions,
  type StoredRules,
  type StoreStats,
} from './store/regalia.js';
export type { At } from './store/resolve.js';
export { Snapshot } from './store/snapshot.js';
export type { ChangeOptions, WriteOptions } from './store/stream-writes.js';
export { Transaction, type TransactionOptions } from './store/transaction.js';
export type { ChildRange } from './store/view.js';
export type {
  AddVolumeOptions,
  RemoveVolumeOptions,
  RemoveVolumeResult,
  VolumeChange,
} from './store/volume-changes.js';
export type { VolumeInfo } from './store/volumes.js';
export type { WatchOptions } from './store/watch.js';
export type { CborData } from './streams/cbor.js';
export type { Encoding, MergePolicy, RuleOptions, StreamRule } from './streams/rule.js';
export { type ByteRange, Stream } from './streams/stream.js';
export type {
  FindInPackOptions,
  PackBytes,
  PackIndex,
  PackIndexOptions,
} from './sync/pack-index.js';
export type { Key } from './tree/key.js';
export type { FindOptions } from './tree/key-pattern.js';
export type { ContentStats, StreamUse, VolumeUse } from './verify/content-stats.js';
export type { Fault, FaultKind, VerifySummary } from './verify/fault.js';
export type { VerifyOptions, VerifyProgress } from './verify/verify.js';
export type { ContentFault } from './volumes/chunk-store.js';
export type {
  Compression,
  Redundancy,
  RedundancyOption,
  StorageRule,
} from './volumes/storage-rules.js';
