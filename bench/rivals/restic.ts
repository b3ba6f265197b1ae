/**
 * Rival: restic. Contents cut by content, deduplicated, compressed with zstd at its default, and
 * always encrypted: no option leaves that out, so its processor time holds AES beside what ours
 * does.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Took } from '../harness/counted.js';
import { type Archiver, answers, run, type Tool } from './archiver.js';

/** A new repository, or undefined where there is no restic. */
export function openRestic(folder: string): Archiver | undefined {
  if (!answers('restic', ['version'])) return undefined;
  const repository = join(folder, 'repository');
  const cache = join(folder, 'cache');
  mkdirSync(cache);
  const tool: Tool = {
    command: 'restic',
    environment: {
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: 'bench',
      RESTIC_CACHE_DIR: cache,
    },
  };
  run(tool, ['init', '--quiet']);
  return {
    name: 'restic',
    repository,
    ingest: (tree: string): Took => run(tool, ['backup', '--quiet', '--compression', 'auto', tree]),
    dump: (tree: string, name: string): Took => run(tool, ['dump', 'latest', join(tree, name)]),
  };
}
