import { parentPort, Worker, workerData } from 'node:worker_threads';
import { fromPlainError, type PlainError, toPlainError } from '../errors.js';

/** Work of one kind on one thread: synchronous, because a thread has nothing else to do meanwhile. */
export interface Work<Request, Result> {
  run(request: Request): Result;
  close(): void;
}

/** Carries out requests, up to `width` at a time, on whatever threads. */
export interface Pool<Request, Result> {
  readonly width: number;
  /** At most `width` calls may be under way. */
  run(request: Request): Promise<Result>;
  close(): Promise<void>;
}

type Reply<Result> = { kind: 'done'; result: Result } | { kind: 'failed'; error: PlainError };

/** A pool that is this thread: it gives the event loop a turn before each request. */
export class InlinePool<Request, Result> implements Pool<Request, Result> {
  readonly width = 1;

  constructor(private readonly work: Work<Request, Result>) {}

  async run(request: Request): Promise<Result> {
    await new Promise<void>(resolve => setImmediate(resolve));
    return this.work.run(request);
  }

  async close(): Promise<void> {
    this.work.close();
  }
}

/**
 * Threads that all run one script, which calls {@link serveThread}. `setup` is sent to each: plain data, and shared
 * memory where it is large.
 */
export class ThreadPool<Request, Result> implements Pool<Request, Result> {
  private readonly workers: Worker[];
  private readonly idle: Worker[];

  constructor(
    script: URL,
    setup: unknown,
    readonly width: number,
  ) {
    this.workers = Array.from({ length: width }, () => new Worker(script, { workerData: setup }));
    this.idle = [...this.workers];
  }

  run(request: Request): Promise<Result> {
    const worker = this.idle.pop();
    if (worker === undefined) throw new Error('more requests at a time than threads');
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        worker.off('message', onMessage);
        worker.off('error', onError);
        worker.off('exit', onExit);
      };
      const onMessage = (reply: Reply<Result>): void => {
        settle();
        this.idle.push(worker);
        if (reply.kind === 'done') resolve(reply.result);
        else reject(fromPlainError(reply.error));
      };
      const onError = (error: unknown): void => {
        settle();
        reject(error);
      };
      const onExit = (): void => onError(new Error('a thread ended before its work was done'));
      worker.on('message', onMessage);
      worker.on('error', onError);
      worker.on('exit', onExit);
      worker.postMessage(request);
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.workers.map(worker => worker.terminate()));
  }
}

/** The whole of a thread's script: carries out the requests it is sent, one at a time, until it is ended. */
export function serveThread<Setup, Request, Result>(open: (setup: Setup) => Work<Request, Result>): void {
  const port = parentPort!;
  const work = open(workerData as Setup);
  port.on('message', (request: Request) => {
    let reply: Reply<Result>;
    try {
      reply = { kind: 'done', result: work.run(request) };
    } catch (error) {
      reply = { kind: 'failed', error: toPlainError(error) };
    }
    port.postMessage(reply);
  });
}
