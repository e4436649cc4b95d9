import type { Pool } from './threads.js';

/**
 * A pool whose work cannot be broken off: it reads into memory, and holds files, that closing gives back. So closing
 * first waits for what is under way.
 */
export abstract class DrainingPool<Request, Result> implements Pool<Request, Result> {
  private readonly running = new Set<Promise<Result>>();

  constructor(readonly width: number) {}

  run(request: Request): Promise<Result> {
    const result = this.start(request).finally(() => this.running.delete(result));
    this.running.add(result);
    return result;
  }

  async close(): Promise<void> {
    await Promise.allSettled(this.running);
    this.release();
  }

  protected abstract start(request: Request): Promise<Result>;
  /** Gives back what the pool holds; nothing is under way. */
  protected abstract release(): void;
}
