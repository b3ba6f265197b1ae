/**
 * Tasks that workers do: what stands for one on the calling thread, and what is sent.
 */
import type { ErrorCode, ErrorData } from '../ground/errors.js';

/**
 * What goes to a worker and comes back: parts, one behind the other, and what is to be said of
 * them.
 */
export interface Parcel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly lengths: readonly number[];
  readonly numbers: readonly number[];
  /** By part, where one of them failed. */
  readonly faults?: readonly (Fault | undefined)[];
}

/** A RegaliaError, in a form that goes between threads. */
export interface Fault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly data: ErrorData[ErrorCode];
}

/** A kind of task for items of one kind. */
export interface Task<Item, Result> {
  readonly name: TaskName;
  /** Plain bytes, by which work is split and counted. */
  size(item: Item): number;
  /**
   * Fewer plain bytes are done here. A hop takes 25 to 70 µs of this thread's time and adds 100 µs
   * to the answer's.
   */
  readonly sentFrom: number;
  /** What a batch that is sent holds, where it is not as much as others do. */
  readonly batchBytes?: number;
  here(items: readonly Item[]): Result[];
  send(items: readonly Item[]): Parcel;
  receive(answer: Parcel, items: readonly Item[]): Result[];
}

export type TaskName = 'compress' | 'decode' | 'hash' | 'contents';
