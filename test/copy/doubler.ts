/** The script of a thread: multiplies, refuses negative numbers, dies of NaN, and of Infinity when it has answered. */
import { serveThread } from '../../src/copy/threads.js';
import { UsageError } from '../../src/errors.js';

export interface DoublerSetup {
  factor: number;
}

serveThread(({ factor }: DoublerSetup) => ({
  run: (request: number): number => {
    if (Number.isNaN(request)) process.exit(3);
    if (request === Number.POSITIVE_INFINITY) {
      setImmediate(() => {
        throw new Error('it failed while idle');
      });
    }
    if (request < 0) throw new UsageError('The number is negative', { fqn: 'w' });
    return request * factor;
  },
  close: () => {},
}));
