import { InterruptedError } from '../errors.js';
import type { TileRunner } from './runner.js';
import type { Pool } from './threads.js';
import type { Tile, TileResult } from './tile.js';

/**
 * Carries out all requests, as many at a time as the pool takes, in any order. The first failure ends it, and so
 * does the signal: no other request is begun then, and what is under way comes to nothing. Closing the pool ends it.
 * @throws InterruptedError, and what a request throws.
 */
export async function runUnordered<Request, Result>(
  pool: Pool<Request, Result>,
  requests: Iterable<Request>,
  onDone: (result: Result, request: Request) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const iterator = requests[Symbol.iterator]();
  let ended = false;
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); next.done !== true; next = iterator.next()) {
      requireNotAborted(signal);
      const result = await pool.run(next.value);
      if (ended) return;
      onDone(result, next.value);
    }
  };
  const firstFailureEnds = (error: unknown): never => {
    ended = true;
    throw error;
  };
  const lanes = Array.from({ length: pool.width }, () => lane().catch(firstFailureEnds));
  try {
    await untilAborted(Promise.all(lanes), signal);
  } finally {
    ended = true;
  }
}

/**
 * Copies all tiles into slots and hands them on in order. Tiles are read ahead while earlier ones are handed on;
 * a slot is used again when its tile has been.
 */
export async function copyOrdered(
  runner: TileRunner,
  tiles: Iterable<Tile>,
  slotCount: number,
  handOn: (tile: Tile, slot: number, result: TileResult) => Promise<void>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const iterator = tiles[Symbol.iterator]();
  const ahead: { tile: Tile; slot: number; result: Promise<TileResult> }[] = [];
  const freeSlots = Array.from({ length: slotCount }, (_, slot) => slot);
  let running = 0;
  const readAhead = (): void => {
    while (running < runner.width && freeSlots.length > 0) {
      const next = iterator.next();
      if (next.done === true) return;
      const slot = freeSlots.pop()!;
      running++;
      const result = runner.run({ tile: next.value, slot }).finally(() => {
        running--;
        readAhead();
      });
      // Looked at in its turn; until then a failure is not an unhandled one.
      result.catch(() => {});
      ahead.push({ tile: next.value, slot, result });
    }
  };
  const inOrder = async (): Promise<void> => {
    readAhead();
    for (let first = ahead.shift(); first !== undefined; first = ahead.shift()) {
      const result = await first.result;
      requireNotAborted(signal);
      await handOn(first.tile, first.slot, result);
      freeSlots.push(first.slot);
      readAhead();
    }
  };
  await untilAborted(inOrder(), signal);
}

export function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('The copy was interrupted');
}

/** Settles as `work` does, or as soon as the signal fires. */
async function untilAborted(work: Promise<unknown>, signal: AbortSignal | undefined): Promise<void> {
  if (signal === undefined) {
    await work;
    return;
  }
  let stop = (): void => {};
  const aborted = new Promise<never>((_, reject) => {
    stop = () => reject(new InterruptedError('The copy was interrupted'));
    signal.addEventListener('abort', stop, { once: true });
  });
  work.catch(() => {});
  try {
    requireNotAborted(signal);
    await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
