import { extname } from 'node:path';
import { parentPort, Worker } from 'node:worker_threads';
import { fromPlainError, type PlainError, toPlainError } from '../errors.js';

/**
 * The script `name` beside a module, of the same kind: the library is made of ES modules, the command line's bundle of
 * CommonJS ones.
 */
export function scriptBeside(moduleUrl: string, name: string): URL {
  return new URL(`./${name}${extname(moduleUrl)}`, moduleUrl);
}

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

type Reply<Result> =
  | { kind: 'ready' }
  | { kind: 'done'; result: Result }
  | { kind: 'failed'; error: PlainError };

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
    started?: StartedThreads,
  ) {
    this.threads = Array.from({ length: width }, () => started?.take() ?? new Thread(script));
    for (const thread of this.threads) thread.setUp(setup);
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

/**
 * Threads of one script that begin before there is work for them: to begin takes as long as to copy a hundred
 * megabytes, and something else can be done meanwhile.
 */
export class StartedThreads {
  private readonly threads: Thread<never, never>[];

  constructor(script: URL, count: number) {
    this.threads = Array.from({ length: count }, () => new Thread(script));
  }

  /** One of them, for a pool, which then ends it. */
  take<Request, Result>(): Thread<Request, Result> | undefined {
    return this.threads.pop() as Thread<Request, Result> | undefined;
  }

  /** Ends those that nobody took. */
  async close(): Promise<void> {
    await Promise.all(this.threads.splice(0).map(thread => thread.terminate()));
  }
}

/** One thread. It may end at any time, also while it has nothing to do: then its next request fails. */
class Thread<Request, Result> {
  private readonly worker: Worker;
  private pending: { resolve(result: Result): void; reject(error: unknown): void } | undefined;
  private ending: { error: unknown } | undefined;
  private begin!: () => void;
  /** Settled when the script is loaded, or never will be. */
  private readonly begun = new Promise<void>(resolve => {
    this.begin = resolve;
  });

  constructor(script: URL) {
    this.worker = new Worker(script);
    this.worker.on('message', (reply: Reply<Result>) => {
      if (reply.kind === 'ready') {
        this.begin();
        return;
      }
      const { pending } = this;
      this.pending = undefined;
      if (reply.kind === 'done') pending?.resolve(reply.result);
      else pending?.reject(fromPlainError(reply.error));
    });
    this.worker.on('error', error => this.end(error));
    this.worker.on('exit', () => this.end(new Error('a thread ended before its work was done')));
  }

  /** Comes before the first request. */
  setUp(setup: unknown): void {
    this.worker.postMessage(setup);
  }

  run(request: Request): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.pending = { resolve, reject };
      if (this.ending !== undefined) reject(this.ending.error);
      else this.worker.postMessage(request);
    });
  }

  async terminate(): Promise<void> {
    // Node 20 leaves files open that a thread is loading when it is ended.
    await this.begun;
    await this.worker.terminate();
  }

  private end(error: unknown): void {
    this.ending ??= { error };
    this.begin();
    this.pending?.reject(this.ending.error);
  }
}

/** The whole of a thread's script: takes its setup, then carries out requests, one at a time, until it is ended. */
export function serveThread<Setup, Request, Result>(open: (setup: Setup) => Work<Request, Result>): void {
  const port = parentPort!;
  port.postMessage({ kind: 'ready' });
  port.once('message', (setup: Setup) => {
    const work = open(setup);
    port.on('message', (request: Request) => {
      let reply: Reply<Result>;
      try {
        reply = { kind: 'done', result: work.run(request) };
      } catch (error) {
        reply = { kind: 'failed', error: toPlainError(error) };
      }
      port.postMessage(reply);
    });
  });
}
