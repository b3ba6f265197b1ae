/**
 * A history as plain data: what is done to lines of work, one step after another. A step that can't
 * be done any more, since a smaller history lacks what it needs, does nothing.
 *
 * A line is a branch with what it has been. Lines are counted from 0, in the order of their making;
 * a history of several replicas begins with one line in each.
 */

/** A new entry at a free key, its parents too; bare: its parents are implied. */
export interface Put {
  readonly do: 'put' | 'bare' | 'bucket';
  readonly key: string;
}

/** New contents of a stream, or its removal. */
export interface Change {
  readonly do: 'edit' | 'drop';
  readonly key: string;
  readonly stream: string;
}

export interface Removal {
  readonly do: 'del';
  readonly key: string;
}

export interface Transfer {
  readonly do: 'move' | 'copy';
  readonly key: string;
  readonly to: string;
}

export type Edit = Put | Change | Removal | Transfer;

/** How the conflicts of a merge are resolved: an answer to all, or a policy. */
export type Resolution = 'ours' | 'theirs' | 'base' | 'both' | 'mixed' | Policy;
export type Policy = 'policy ours' | 'policy theirs' | 'policy newest';

export type Step =
  | { readonly do: 'commit'; readonly line: number; readonly edits: readonly Edit[] }
  /** A transaction that others commit before. */
  | {
      readonly do: 'late';
      readonly line: number;
      readonly edits: readonly Edit[];
      readonly others: readonly Edit[];
    }
  | { readonly do: 'fork'; readonly line: number }
  | {
      readonly do: 'merge';
      readonly line: number;
      readonly from: number;
      /** What the other line was, so many commits ago. */
      readonly back: number;
      readonly take: Resolution;
    }
  /** To, or of, what the line was so many commits ago. */
  | {
      readonly do: 'revert' | 'restore' | 'reset';
      readonly line: number;
      readonly back: number;
    };

export interface History {
  /** Stores that exchange packs. */
  readonly replicas: number;
  readonly steps: readonly Step[];
}
