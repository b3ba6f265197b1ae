/**
 * The verbs of the command, in the order in which the help shows them. Verbs of one idea share a
 * file, which is loaded when it is needed.
 */
import type { VerbTable } from './command.js';

export const VERBS: VerbTable = {
  init: async () => (await import('./verbs/init.js')).init,
  import: async () => (await import('./verbs/files.js')).importFiles,
  export: async () => (await import('./verbs/files.js')).exportFiles,
  put: async () => (await import('./verbs/stream.js')).put,
  get: async () => (await import('./verbs/stream.js')).get,
  ls: async () => (await import('./verbs/listing.js')).ls,
  tree: async () => (await import('./verbs/listing.js')).tree,
  du: async () => (await import('./verbs/listing.js')).du,
  find: async () => (await import('./verbs/find.js')).find,
  rm: async () => (await import('./verbs/edit.js')).rm,
  mv: async () => (await import('./verbs/edit.js')).mv,
  cp: async () => (await import('./verbs/edit.js')).cp,
  log: async () => (await import('./verbs/history.js')).log,
  diff: async () => (await import('./verbs/history.js')).diff,
  fork: async () => (await import('./verbs/refs.js')).fork,
  branch: async () => (await import('./verbs/refs.js')).branch,
  tag: async () => (await import('./verbs/refs.js')).tag,
  merge: async () => (await import('./verbs/merge.js')).merge,
  revert: async () => (await import('./verbs/undo.js')).revert,
  restore: async () => (await import('./verbs/undo.js')).restore,
  undo: async () => (await import('./verbs/undo.js')).undo,
  bucket: async () => (await import('./verbs/bucket.js')).bucket,
  have: async () => (await import('./verbs/exchange.js')).have,
  pack: async () => (await import('./verbs/exchange.js')).pack,
  unpack: async () => (await import('./verbs/exchange.js')).unpack,
  clone: async () => (await import('./verbs/replica.js')).clone,
  grant: async () => (await import('./verbs/replica.js')).grant,
  accept: async () => (await import('./verbs/replica.js')).accept,
  backup: async () => (await import('./verbs/replica.js')).backup,
  verify: async () => (await import('./verbs/upkeep.js')).verify,
  repair: async () => (await import('./verbs/upkeep.js')).repair,
  gc: async () => (await import('./verbs/upkeep.js')).gc,
  volume: async () => (await import('./verbs/volume.js')).volume,
  rules: async () => (await import('./verbs/rules.js')).rules,
  stats: async () => (await import('./verbs/stats.js')).stats,
  watch: async () => (await import('./verbs/history.js')).watch,
};
