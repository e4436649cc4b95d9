/** The ways in which a system call fails, and the memory through which all threads of a process share one failure. */

/** Operations as `node:fs` calls them, without `Sync`. */
export type Operation =
  | 'open'
  | 'close'
  | 'read'
  | 'write'
  | 'ftruncate'
  | 'fsync'
  | 'fstat'
  | 'stat'
  | 'lstat'
  | 'statfs'
  | 'realpath'
  | 'readlink'
  | 'readdir'
  | 'link'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'rmdir';

const CHANGES: readonly Operation[] = ['open', 'write', 'ftruncate', 'fsync', 'link', 'rename', 'mkdir'];

export interface Mode {
  name: string;
  /** What it does to a call: fail with this code, or do a part only. */
  effect: 'EIO' | 'ENOSPC' | 'EMFILE' | 'EINTR' | 'EACCES' | 'part';
  /** Only these; all where absent. */
  operations?: readonly Operation[];
  /** The n-th call and all after it: a device that is gone, a disk that stays full. */
  stays: boolean;
  /** Nobody notices: the run ends as if nothing were. */
  isHarmless: boolean;
}

export const MODES: readonly Mode[] = [
  { name: 'EIO', effect: 'EIO', stays: false, isHarmless: false },
  { name: 'ENOSPC', effect: 'ENOSPC', operations: CHANGES, stays: false, isHarmless: false },
  { name: 'EMFILE', effect: 'EMFILE', operations: ['open', 'readdir'], stays: false, isHarmless: false },
  { name: 'EACCES', effect: 'EACCES', stays: false, isHarmless: false },
  { name: 'EINTR', effect: 'EINTR', stays: false, isHarmless: true },
  { name: 'short', effect: 'part', operations: ['read', 'write'], stays: false, isHarmless: true },
  { name: 'EIO from then on', effect: 'EIO', stays: true, isHarmless: false },
  { name: 'ENOSPC from then on', effect: 'ENOSPC', operations: CHANGES, stays: true, isHarmless: false },
  {
    name: 'short from then on',
    effect: 'part',
    operations: ['read', 'write'],
    stays: true,
    isHarmless: true,
  },
];

/** Words of the shared memory. */
export const ARMED = 0;
export const COUNT = 1;
export const TARGET = 2;
export const MODE = 3;
export const HITS = 4;
/** Failures made in other threads than the first. */
export const THREAD_HITS = 5;
/** Files made in the temporary area, by all threads. */
export const SPOOLS = 6;
export const WORDS = 7;

/** Under this key the main thread leaves the memory for its workers. */
export const SHARED_KEY = 'dcp-faults';
/** Arms a process from its start: `MODE:N`, by the row of the mode; N counts from 0. */
export const ARM_VARIABLE = 'DCP_TEST_FAULT';
/** A file that gets the number of failures made, when the process ends. */
export const REPORT_VARIABLE = 'DCP_TEST_FAULT_REPORT';
