/**
 * The thread of a worker: does the tasks of the pool that started it, one after the other, and
 * answers each. What fails is answered too, with no more than its text: the pool does it again
 * itself, and so finds out.
 */
import { parentPort } from 'node:worker_threads';
import { assert } from '../ground/errors.js';
import { type Parcel, type TaskName, there } from './tasks.js';

export interface Order {
  readonly id: number;
  readonly task: TaskName;
  readonly parcel: Parcel;
}

/** What it sends back: an answer, or why there is none. */
export type Answer = { readonly id: number } & (
  | { readonly parcel: Parcel; readonly failure?: undefined }
  | { readonly failure: string }
);

const port = parentPort;
assert(port !== null, 'a worker has a parent');

port.on('message', ({ id, task, parcel }: Order) => {
  try {
    const answer: Answer = { id, parcel: there[task](parcel) };
    port.postMessage(answer, [answer.parcel.bytes.buffer]);
  } catch (error) {
    const answer: Answer = { id, failure: `${error}` };
    port.postMessage(answer);
  }
});
