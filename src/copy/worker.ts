import { parentPort, workerData } from 'node:worker_threads';
import { toPlainError } from '../errors.js';
import type { WorkerReply, WorkerRequest } from './runner.js';
import { type RunnerSetup, TileWork } from './tile-work.js';

/** A thread of the pool: copies the tiles it is sent, one at a time, until it is ended. */
const port = parentPort!;
const work = new TileWork(workerData as RunnerSetup);

port.on('message', ({ tile, slot }: WorkerRequest) => {
  let reply: WorkerReply;
  try {
    reply = { kind: 'done', result: work.copy(tile, slot) };
  } catch (error) {
    reply = { kind: 'failed', error: toPlainError(error) };
  }
  port.postMessage(reply);
});
