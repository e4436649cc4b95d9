import { type DigestSetup, DigestWork } from './digest.js';
import { serveThread } from './threads.js';

/** A thread of the pool that hashes files. */
serveThread((setup: DigestSetup) => new DigestWork(setup));
