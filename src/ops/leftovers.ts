import { UsageError } from '../errors.js';
import { findLeftovers, type Leftover, removeLeftover } from '../io/leftovers.js';
import type { IndexNames } from '../io/merging.js';
import { readUnfinished, type UnfinishedConversion } from './unfinished.js';
import type { Warning } from './warnings.js';

export interface ClearOptions {
  /** Start again, whatever an unfinished conversion has done. */
  force?: boolean | undefined;
  /** Keep an unfinished conversion, to be gone on with. */
  resume?: boolean | undefined;
}

export interface Cleared {
  warnings: Warning[];
  /** With `resume`, where there is one: that which is furthest. */
  unfinished?: UnfinishedConversion;
}

/**
 * Ends what runs that were killed have left of this destination: their temporaries go, and a checkpoint that one
 * of them was replacing comes back. What may belong to a run on another machine stays, with a warning. A conversion
 * that was far enough to be worth keeping is only removed with `force`; with `resume` it is handed on, and the user
 * vouches for it that its run is over.
 *
 * @throws UsageError where a run that lives makes the same output, or there is an unfinished conversion and nothing
 *   says what to do with it.
 * @throws FileError
 */
export function clearDeadRuns(destination: string, index: IndexNames, options: ClearOptions): Cleared {
  const leftovers = findLeftovers(destination);
  const live = leftovers.find(({ state }) => state === 'live');
  if (live !== undefined) {
    throw new UsageError('Another conversion is making this output', {
      found: ownerText(live),
      path: destination,
      hint: 'Wait for it, or end it.',
    });
  }
  const unfinished = furthest(leftovers);
  if (unfinished !== undefined && options.resume !== true && options.force !== true) {
    throw new UsageError('An unfinished conversion to this destination was found', {
      found: workText(unfinished),
      path: destination,
      hint: '--resume finishes it, --force starts again.',
    });
  }
  const kept = options.resume === true ? unfinished : undefined;
  const warnings = leftovers.flatMap(leftover => {
    if (leftover === kept?.leftover) return [];
    if (leftover.state === 'unknown') return [mayBeAlive(leftover)];
    const left = removeLeftover(leftover, index).map(notRemoved);
    return leftover === unfinished?.leftover ? [startedAgain(unfinished), ...left] : left;
  });
  return kept === undefined ? { warnings } : { warnings, unfinished: kept };
}

function furthest(leftovers: readonly Leftover[]): UnfinishedConversion | undefined {
  const found = leftovers.map(readUnfinished).filter(each => each !== undefined);
  return found.sort((a, b) => b.byteLength - a.byteLength)[0];
}

function workText({ leftover, byteLength, header }: UnfinishedConversion): string {
  const state = leftover.state === 'dead' ? 'has ended' : 'cannot be looked up here';
  return `${byteLength} of ${header.byte_total} bytes done by ${ownerText(leftover)}, which ${state}`;
}

function startedAgain(unfinished: UnfinishedConversion): Warning {
  return {
    kind: 'leftover',
    message: `An unfinished conversion was removed (${workText(unfinished)}); --resume would have finished it.`,
  };
}

function mayBeAlive(leftover: Leftover): Warning {
  return {
    kind: 'leftover',
    message: `${leftover.path} is of ${ownerText(leftover)}, which may still make this output; remove it if it does not.`,
  };
}

function notRemoved(path: string): Warning {
  return { kind: 'leftover', message: `What a run that was killed has left could not be removed: ${path}` };
}

function ownerText({ owner }: Leftover): string {
  return `process ${owner.pid} on ${owner.host}`;
}
