import { serveThread } from '../copy/threads.js';
import { openCpuWork } from './cpu-work.js';

/** A thread of the CPU device. */
serveThread(openCpuWork);
