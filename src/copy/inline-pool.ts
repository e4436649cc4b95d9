import { DrainingPool } from './draining-pool.js';
import type { Work } from './threads.js';

/** A pool that is this thread: it gives the event loop a turn before each request. */
export class InlinePool<Request, Result> extends DrainingPool<Request, Result> {
  constructor(private readonly work: Work<Request, Result>) {
    super(1);
  }

  protected override async start(request: Request): Promise<Result> {
    await new Promise<void>(resolve => setImmediate(resolve));
    return this.work.run(request);
  }

  protected override release(): void {
    this.work.close();
  }
}
