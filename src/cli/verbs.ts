/**
 * The verbs of the command, in the order in which the help shows them: one file each, loaded when
 * needed.
 */
import type { VerbTable } from './command.js';

export const VERBS: VerbTable = {
  init: async () => (await import('./verbs/init.js')).default,
  import: async () => (await import('./verbs/import.js')).default,
  export: async () => (await import('./verbs/export.js')).default,
  put: async () => (await import('./verbs/put.js')).default,
  get: async () => (await import('./verbs/get.js')).default,
  ls: async () => (await import('./verbs/ls.js')).default,
  tree: async () => (await import('./verbs/tree.js')).default,
  du: async () => (await import('./verbs/du.js')).default,
  find: async () => (await import('./verbs/find.js')).default,
  rm: async () => (await import('./verbs/rm.js')).default,
  mv: async () => (await import('./verbs/mv.js')).default,
  cp: async () => (await import('./verbs/cp.js')).default,
  log: async () => (await import('./verbs/log.js')).default,
  diff: async () => (await import('./verbs/diff.js')).default,
  fork: async () => (await import('./verbs/fork.js')).default,
  branch: async () => (await import('./verbs/branch.js')).default,
  tag: async () => (await import('./verbs/tag.js')).default,
  merge: async () => (await import('./verbs/merge.js')).default,
  revert: async () => (await import('./verbs/revert.js')).default,
  restore: async () => (await import('./verbs/restore.js')).default,
  bucket: async () => (await import('./verbs/bucket.js')).default,
  have: async () => (await import('./verbs/have.js')).default,
  pack: async () => (await import('./verbs/pack.js')).default,
  unpack: async () => (await import('./verbs/unpack.js')).default,
  clone: async () => (await import('./verbs/clone.js')).default,
  grant: async () => (await import('./verbs/grant.js')).default,
  accept: async () => (await import('./verbs/accept.js')).default,
  backup: async () => (await import('./verbs/backup.js')).default,
  verify: async () => (await import('./verbs/verify.js')).default,
  repair: async () => (await import('./verbs/repair.js')).default,
  gc: async () => (await import('./verbs/gc.js')).default,
  volume: async () => (await import('./verbs/volume.js')).default,
  rules: async () => (await import('./verbs/rules.js')).default,
  stats: async () => (await import('./verbs/stats.js')).default,
  watch: async () => (await import('./verbs/watch.js')).default,
};
