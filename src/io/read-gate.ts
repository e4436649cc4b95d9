/**
 * Lets a fixed number of threads read at a time. Storage that takes long to answer is used best with many reads under
 * way, but with no more than it bears; and threads that compute must not keep those that could read from it.
 */

/** Plain data and shared memory: it is sent to every thread that reads. */
export interface ReadGateSpec {
  /** One 32-bit number: reads that may begin now. */
  permits: SharedArrayBuffer;
  /** Makes every read last this much longer: stands in for slow storage where speed is measured. */
  latencyMs: number;
}

export function readGateSpec(readsInFlight: number, latencyMs = 0): ReadGateSpec {
  const permits = new SharedArrayBuffer(4);
  new Int32Array(permits)[0] = readsInFlight;
  return { permits, latencyMs };
}

export class ReadGate {
  private readonly permits: Int32Array;
  private readonly latencyMs: number;

  constructor({ permits, latencyMs }: ReadGateSpec) {
    this.permits = new Int32Array(permits);
    this.latencyMs = latencyMs;
  }

  /** Reads when there is room. Blocks the thread until then. */
  pass(read: () => void): void {
    this.enter();
    try {
      if (this.latencyMs > 0) sleep(this.latencyMs);
      read();
    } finally {
      Atomics.add(this.permits, 0, 1);
      Atomics.notify(this.permits, 0, 1);
    }
  }

  private enter(): void {
    for (;;) {
      const free = Atomics.load(this.permits, 0);
      if (free === 0) Atomics.wait(this.permits, 0, 0);
      else if (Atomics.compareExchange(this.permits, 0, free, free - 1) === free) return;
    }
  }
}

const neverNotified = new Int32Array(new SharedArrayBuffer(4));

function sleep(milliseconds: number): void {
  Atomics.wait(neverNotified, 0, 0, milliseconds);
}
