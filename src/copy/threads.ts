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

/**
 * Threads that all run one script, which calls {@link serveThread}. `setup` is sent to each: plain data, and shared
 * memory where it is large.
 */
export class ThreadPool<Request, Result> implements Pool<Request, Result> {
  private readonly threads: Thread<Request, Result>[];
  private readonly idle: Thread<Request, Result>[];

  constructor(
    script: URL,
    setup: unknown,
    readonly width: number,
  ) {
    this.threads = Array.from({ length: width }, () => new Thread(script, setup));
    this.idle = [...this.threads];
  }

  run(request: Request): Promise<Result> {
    const thread = this.idle.pop();
    if (thread === undefined) throw new Error('more requests at a time than threads');
    return thread.run(request).finally(() => this.idle.push(thread));
  }

  async close(): Promise<void> {
    await Promise.all(this.threads.map(thread => thread.terminate()));
  }
}

/** One thread. It may end at any time, also while it has nothing to do: then its next request fails. */
class Thread<Request, Result> {
  private readonly worker: Worker;
  private pending: { resolve(result: Result): void; reject(error: unknown): void } | undefined;
  private ending: { error: unknown } | undefined;

  constructor(script: URL, setup: unknown) {
    this.worker = new Worker(script, { workerData: setup });
    this.worker.on('message', (reply: Reply<Result>) => {
      const { pending } = this;
      this.pending = undefined;
      if (reply.kind === 'done') pending?.resolve(reply.result);
      else pending?.reject(fromPlainError(reply.error));
    });
    this.worker.on('error', error => this.end(error));
    this.worker.on('exit', () => this.end(new Error('a thread ended before its work was done')));
  }

  run(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      if (this.ending !== undefined) reject(this.ending.error);
      else this.worker.postMessage(request);
    });
  }

  terminate(): Promise<unknown> {
    return this.worker.terminate();
  }

  private end(error: unknown): void {
    this.ending ??= { error };
    this.pending?.reject(this.ending.error);
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
