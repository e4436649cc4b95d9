import { preferFastCrc32 } from '../copy/crc32.js';
import { serveThread } from '../copy/threads.js';
import { openCpuWork } from './cpu-work.js';

preferFastCrc32();
/** A thread of the CPU device. */
serveThread(openCpuWork);
