import { InlinePool } from '../../src/copy/inline-pool.js';
import { StartedThreads, ThreadPool } from '../../src/copy/threads.js';
import { UsageError } from '../../src/errors.js';
import { equal, is, match, ok, rejects, suite } from '../suite.js';
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
    await rejectsWith(/^a thread ended before its work was done$/, () => pool.run(Number.NaN));
    await pool.close();
  });

  test('a thread that fails while it has nothing to do fails its next request', async () => {
    const pool = open({ factor: 2 }, 1);
    await rejectsWith(/idle/, async () => {
      await pool.run(Number.POSITIVE_INFINITY);
      await new Promise(resolve => setTimeout(resolve, 200));
      await pool.run(1);
    });
    await pool.close();
  });

  test('a script that cannot be loaded fails the first request, whenever that is', async () => {
    const pool = new ThreadPool<number, number>(new URL('./nowhere.js', import.meta.url), {}, 1);
    await new Promise(resolve => setTimeout(resolve, 200));
    await rejectsWith(/nowhere/, () => pool.run(1));
    await pool.close();
  });

  test('a pool takes threads that were started before, and makes those that are missing', async () => {
    for (const count of [0, 1, 3]) {
      const started = new StartedThreads(script, count);
      const pool = new ThreadPool<number, number>(script, { factor: 5 }, 2, started);
      equal(await Promise.all([1, 2].map(request => pool.run(request))), [5, 10]);
      await pool.close();
      const rest = started.take<number, number>();
      is(rest !== undefined, count > 2, `${count} started`);
      await rest?.terminate();
      await started.close();
      is(started.take(), undefined);
    }
  });

  test('a started thread that fails before it is taken fails its first request', async () => {
    const nowhere = new URL('./nowhere.js', import.meta.url);
    const started = new StartedThreads(nowhere, 1);
    await new Promise(resolve => setTimeout(resolve, 200));
    const pool = new ThreadPool<number, number>(nowhere, {}, 1, started);
    await rejectsWith(/nowhere/, () => pool.run(1));
    await pool.close();
  });

  test('without threads, closing waits for what is under way', async () => {
    const seen: string[] = [];
    const pool = new InlinePool<number, number>({
      run: request => {
        seen.push(`run ${request}`);
        return request;
      },
      close: () => seen.push('close'),
    });
    const running = pool.run(1);
    await pool.close();
    is(await running, 1);
    equal(seen, ['run 1', 'close']);
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

/** What the thread itself failed of is none of our errors. */
async function rejectsWith(message: RegExp, body: () => Promise<unknown>): Promise<void> {
  const found = await body().then(
    () => 'nothing',
    (error: Error) => error.message,
  );
  match(found, message);
}
