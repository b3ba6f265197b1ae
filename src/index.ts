/** The public surface of Regalia: exports only. */

export type { Chunking } from './chunks/cutter.js';
export type { Source, SourcePart } from './chunks/source.js';
export type { CommitOptions, CommitPolicy, CommitResult } from './commit/committer.js';
export type { MergeOutcome } from './commit/merge-into.js';
export type { Durability } from './engine/engine.js';
export type { CollectOptions, CollectResult } from './gc/collect.js';
export type { Compacted } from './gc/compact.js';
export {
  type ErrorCode,
  type ErrorData,
  type ErrorFacts,
  isRegaliaError,
  type Outcome,
  RegaliaError,
} from './ground/errors.js';
export { nameBytes, nameText } from './ground/text.js';
export type { CommitInfo } from './log/commit.js';
export type { Cause } from './log/reflog.js';
export { type Actor, actorFromSeed, generateActor } from './log/signature.js';
export type {
  Conflict,
  ConflictKind,
  ConflictSide,
  MoveConflict,
  Side,
  Take,
} from './merge/conflict.js';
export type { Answer, PlacePolicy } from './merge/resolve.js';
export type { Coded } from './repair/coding.js';
export type { DrainOptions, DrainResult } from './repair/drain.js';
export type { RepairOptions, RepairResult } from './repair/repair.js';
export type { RescanOptions, RescanResult } from './repair/rescan.js';
export { Bucket } from './store/bucket.js';
export type { DiffRow } from './store/difference.js';
export type { ImportOutcome, LeftBranch } from './store/exchange.js';
export type {
  AddVolumeOptions,
  At,
  ChangeOptions,
  ChildRange,
  ContentStatsOptions,
  DiffOptions,
  ExportOptions,
  ForkOptions,
  ImportOptions,
  LogOptions,
  MergeOptions,
  OpenOptions,
  PackLacks,
  PackSource,
  ReceiveOptions,
  ReflogOptions,
  RegaliaOptions,
  RemoveVolumeOptions,
  RevertOptions,
  RevertOutcome,
  StreamOptions,
  TransactionOptions,
  TransactOptions,
  VolumeChange,
  WatchOptions,
  WriteOptions,
} from './store/options.js';
export { openPackIndex } from './store/pack-file.js';
export type {
  EntryJudge,
  EntryPolicy,
  MergeJudgement,
  Policies,
  StreamJudge,
  StreamPolicy,
} from './store/policies.js';
export type { ReflogRow } from './store/reflog.js';
export { Branches, type BranchInfo, type TagInfo, Tags } from './store/refs.js';
export { Regalia, type StoredRules, type StoreStats } from './store/regalia.js';
export {
  type AnyStreams,
  type DecodedData,
  Entry,
  type EntryTotals,
  Snapshot,
  type StreamName,
  type StreamTypes,
  type View,
} from './store/snapshot.js';
export { type PutData, Transaction } from './store/transaction.js';
export type { RemoveVolumeResult, VolumeInfo } from './store/volumes.js';
export type { CborData } from './streams/cbor.js';
export type {
  BucketPolicies,
  BucketRules,
  Encoding,
  EntryRule,
  MergePolicy,
  PlaceRule,
  RuleOptions,
  StreamRule,
} from './streams/rule.js';
export { type ByteRange, type ReadOptions, Stream, type StreamData } from './streams/stream.js';
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
export type { VolumeState } from './volumes/registry.js';
export type {
  Compression,
  Redundancy,
  RedundancyOption,
  StorageRule,
  StorageRuleOptions,
} from './volumes/storage-rules.js';
export type { VolumeStatus } from './volumes/volume-set.js';
