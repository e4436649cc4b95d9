import { serveThread } from './threads.js';
import { type RunnerSetup, TileWork } from './tile-work.js';

/** A thread of the pool that copies tiles. */
serveThread((setup: RunnerSetup) => new TileWork(setup));
