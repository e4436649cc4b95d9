import { preferFastCrc32 } from './crc32.js';
import { serveThread } from './threads.js';
import { type RunnerSetup, TileWork } from './tile-work.js';

preferFastCrc32();
/** A thread of the pool that copies tiles. */
serveThread((setup: RunnerSetup) => new TileWork(setup));
