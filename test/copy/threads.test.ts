import { InlinePool, ThreadPool } from '../../src/copy/threads.js';
import { UsageError } from '../../src/errors.js';
import { equal, is, ok, rejects, suite } from '../suite.js';
import type { DoublerSetup } from './doubler.js';

const script = new URL('./doubler.js', import.meta.url);
const open = (setup: DoublerSetup, width: number) => new ThreadPool<number, number>(script, setup, width);

suite('pool of threads', ({ test }) => {
  test('each request gets its own answer', async () => {
    const pool = open({ factor: 2 }, 3);
    try {
      equal(await Promise.all([1, 2, 3].map(request => pool.run(request))), [2, 4, 6]);
      is(await pool.run(21), 42);
    } finally {
      await pool.close();
    }
  });

  test('an error keeps its class, its words and its context, and the thread goes on', async () => {
    const pool = open({ factor: 2 }, 1);
    try {
      const error = await rejects(() => pool.run(-1), { code: 'usage', message: /negative/ });
      ok(error instanceof UsageError);
      is(error.context.fqn, 'w');
      is(await pool.run(1), 2);
    } finally {
      await pool.close();
    }
  });

  test('a thread that dies fails its request', async () => {
    const pool = open({ factor: 2 }, 1);
    let message = '';
    try {
      await pool.run(Number.NaN);
    } catch (error) {
      message = (error as Error).message;
    }
    await pool.close();
    is(message, 'a thread ended before its work was done');
  });

  test('without threads the work is done here, and closed at the end', async () => {
    const seen: string[] = [];
    const pool = new InlinePool<number, number>({
      run: request => {
        seen.push(`run ${request}`);
        return request + 1;
      },
      close: () => seen.push('close'),
    });
    is(await pool.run(1), 2);
    await pool.close();
    equal(seen, ['run 1', 'close']);
  });
});
