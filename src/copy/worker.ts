import { parentPort, workerData } from 'node:worker_threads';
import { toPlainError } from '../errors.js';
import { FileTileIo } from './file-tile-io.js';
import type { WorkerReply, WorkerSetup } from './pool.js';
import { type Tile, TileCopier } from './tile.js';

/** A thread of the pool: copies the tiles it is sent, one at a time, until the port is closed. */
const port = parentPort!;
const { plan, targets, mode, withCrc } = workerData as WorkerSetup;
const io = new FileTileIo(plan.sources, targets, mode);
const copier = new TileCopier(plan, io, withCrc);

port.on('message', (tile: Tile) => {
  let reply: WorkerReply;
  try {
    reply = { kind: 'done', result: copier.copy(tile) };
  } catch (error) {
    reply = { kind: 'failed', error: toPlainError(error) };
  }
  port.postMessage(reply);
});
port.once('close', () => io.close());
