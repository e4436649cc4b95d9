import { setFlagsFromString } from 'node:v8';

/**
 * Keeps V8 from enlarging the young generation of this process: work that streams lives in flat memory, and would
 * otherwise grow by a dozen megabytes with the number of chunks, for garbage alone. Reading a very large index takes
 * a tenth longer for it (docs/measurements.md). V8 looks at the factor whenever it thinks of growing, so that it
 * may be set while it runs. Not for a library to decide, so only the command line does.
 */
export function keepHeapSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
