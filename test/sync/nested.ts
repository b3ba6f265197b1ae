/** What tests ask of branches and of buckets within. */
import type { Address } from '../../src/blocks/address.js';
import type { Core } from '../../src/commit/core.js';
import type { Reads } from '../../src/engine/engine.js';
import { branches } from '../../src/log/branches.js';
import { allHeads } from '../../src/log/heads.js';

export function branchesOf(reads: Reads, bucket: Uint8Array): string[] {
  return Array.from(branches(reads, bucket), ({ name }) => name);
}

/** The buckets directly within a commit's, and theirs in turn. */
export function headsOfNested(
  core: Core,
  commit: Address,
): { bucket: Uint8Array; commit: Address }[] {
  const found: { bucket: Uint8Array; commit: Address }[] = [];
  const { heads } = core.history.commit(commit);
  if (heads === undefined) return found;
  for (const head of allHeads(core.cache, { id: 0, address: heads })) {
    found.push(head, ...headsOfNested(core, head.commit));
  }
  return found;
}
