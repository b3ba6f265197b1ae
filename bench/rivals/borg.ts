/**
 * Rival: borg. Contents cut by content, deduplicated, compressed with zstd at level 3, not
 * encrypted. Each version is an archive with a name of its own.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Took } from '../harness/counted.js';
import { type Archiver, answers, run, type Tool } from './archiver.js';

/** A new repository, or undefined where there is no borg. */
export function openBorg(folder: string): Archiver | undefined {
  if (!answers('borg', ['--version'])) return undefined;
  const repository = join(folder, 'repository');
  const base = join(folder, 'base');
  mkdirSync(base);
  const tool: Tool = {
    command: 'borg',
    environment: {
      BORG_REPO: repository,
      BORG_BASE_DIR: base,
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: 'yes',
      BORG_RELOCATED_REPO_ACCESS_IS_OK: 'yes',
    },
  };
  run(tool, ['init', '--encryption', 'none']);
  let version = 0;
  return {
    name: 'borg',
    repository,
    ingest(tree: string): Took {
      version++;
      return run(tool, ['create', '--compression', 'zstd,3', `::v${version}`, '.'], tree);
    },
    dump: (_tree: string, name: string): Took =>
      run(tool, ['extract', '--stdout', `::v${version}`, name]),
  };
}
