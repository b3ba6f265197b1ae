/** What programs are told of a commit, with addresses in their one text form. */

import type { Address } from '../blocks/address.js';
import { addressText } from '../blocks/address.js';
import { formatEvent } from '../clock/event.js';
import { hex } from '../ground/bytes.js';
import type { Commit } from '../log/commit.js';

export interface CommitInfo {
  /** Its address. */
  readonly commit: string;
  /** The address of the bucket's contents. */
  readonly root: string;
  readonly parents: readonly string[];
  /** The event tree of its interval tree clock. */
  readonly stamp: string;
  /** Milliseconds since the epoch, by the committer's clock: information, never order. */
  readonly time: number;
  /** The committer's Ed25519 public key, 64 hexadecimal digits; undefined where nobody signs. */
  readonly actor: string | undefined;
  readonly message: string;
  /** The bucket's id, 32 hexadecimal digits. */
  readonly bucket: string;
}

export function commitInfo(address: Address, commit: Commit): CommitInfo {
  return {
    commit: addressText(address),
    root: addressText(commit.root),
    parents: commit.parents.map(addressText),
    stamp: formatEvent(commit.stamp),
    time: commit.timeMs,
    actor: commit.actor === undefined ? undefined : hex(commit.actor),
    message: commit.message,
    bucket: hex(commit.bucket),
  };
}
