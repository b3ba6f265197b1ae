/**
 * A worker that does its tasks, and dies of one: at the count and in the way that its data say.
 */
import { parentPort, workerData } from 'node:worker_threads';
import '../../src/volumes/worker.js';

const { after, way } = workerData as { after: number; way: 'exit' | 'throw' | 'memory' };

function die(): void {
  if (way === 'exit') process.exit(3);
  if (way === 'throw') throw new Error('a bug');
  const kept: unknown[] = [];
  while (way === 'memory') kept.push(new Array(100_000).fill(kept.length));
}

// It dies when the task is done, before it is answered.
let count = 0;
if (parentPort !== null) {
  const port = parentPort;
  const answer = port.postMessage.bind(port);
  port.postMessage = (...all: Parameters<typeof answer>): void => {
    if (++count > after) die();
    answer(...all);
  };
}
