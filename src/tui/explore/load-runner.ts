import type { Explorer } from '../../ops/explore/explorer.js';
import { type LoadRequest, loadKey, neededLoad } from './loads.js';
import type { ExplorerEvent } from './reducer.js';
import type { ExplorerState, Loaded } from './state.js';
import { HISTOGRAM_BINS } from './statistics-detail.js';

/** What is looked at for a moment only, on the way to something else, is not read. */
const SETTLE_MS = 40;
const SHARE_INTERVAL_MS = 100;

/** Reads what the screen shows, one thing at a time, and ends what it does not show any more. */
export class LoadRunner {
  private wanted: LoadRequest | undefined;
  private running: { key: string; controller: AbortController } | undefined;
  private timer: NodeJS.Timeout | undefined;

  constructor(
    private readonly explorer: Explorer,
    private readonly dispatch: (event: ExplorerEvent) => void,
  ) {}

  /** To be called with every new state. */
  follow(state: ExplorerState): void {
    this.wanted = neededLoad(state);
    const key = this.wanted && loadKey(this.wanted);
    if (this.running !== undefined) {
      if (this.running.key !== key) this.running.controller.abort();
      return;
    }
    clearTimeout(this.timer);
    if (this.wanted !== undefined) this.timer = setTimeout(() => void this.start(), SETTLE_MS);
  }

  close(): void {
    clearTimeout(this.timer);
    this.running?.controller.abort();
  }

  private async start(): Promise<void> {
    const request = this.wanted;
    if (request === undefined || this.running !== undefined) return;
    const key = loadKey(request);
    const controller = new AbortController();
    this.running = { key, controller };
    const result = await this.load(request, key, controller.signal).catch(failureOf);
    this.running = undefined;
    if (controller.signal.aborted) {
      // Something else is wanted by now, or the same again.
      if (this.wanted !== undefined) this.timer = setTimeout(() => void this.start(), SETTLE_MS);
      return;
    }
    this.dispatch({ type: 'loaded', key, result });
  }

  private async load(request: LoadRequest, key: string, signal: AbortSignal): Promise<Loaded> {
    switch (request.kind) {
      case 'places':
        await this.explorer.place();
        return { state: 'done' };
      case 'lines':
        return {
          state: 'lines',
          holder: request.entry,
          ...(await this.explorer.valueOf(request.entry, request.width)),
        };
      case 'window':
        return {
          state: 'window',
          window: await this.explorer.windowOf(request.entry, request.box, { signal }),
        };
      case 'statistics': {
        let toldAt = performance.now();
        const statistics = await this.explorer.statisticsOf(request.entry, HISTOGRAM_BINS, {
          signal,
          onProgress: ({ byteCount, byteTotal }) => {
            if (performance.now() - toldAt < SHARE_INTERVAL_MS || signal.aborted) return;
            toldAt = performance.now();
            const share = byteTotal === 0 ? 0 : byteCount / byteTotal;
            this.dispatch({ type: 'loaded', key, result: { state: 'reading', share } });
          },
        });
        return { state: 'statistics', statistics };
      }
    }
  }
}

function failureOf(error: unknown): Loaded {
  const message = error instanceof Error ? error.message : String(error);
  return { state: 'failed', message, hint: hintOf(error) };
}

/** By its field: the classes of errors are those of another bundle. */
function hintOf(error: unknown): string | undefined {
  return error instanceof Error && 'hint' in error && typeof error.hint === 'string' ? error.hint : undefined;
}
