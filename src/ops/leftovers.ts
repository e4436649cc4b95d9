import { UsageError } from '../errors.js';
import { findLeftovers, type Leftover, removeLeftover } from '../io/leftovers.js';
import type { IndexNames } from '../io/merging.js';
import type { Warning } from './warnings.js';

/**
 * Ends what runs that were killed have left of this destination: their temporaries go, and a checkpoint that one
 * of them was replacing comes back. What may belong to a run on another machine stays, with a warning.
 *
 * @throws UsageError where a run that lives makes the same output.
 * @throws FileError
 */
export function clearDeadRuns(destination: string, index: IndexNames): Warning[] {
  const leftovers = findLeftovers(destination);
  const live = leftovers.find(({ state }) => state === 'live');
  if (live !== undefined) {
    throw new UsageError('Another conversion is making this output', {
      found: ownerText(live),
      path: destination,
      hint: 'Wait for it, or end it.',
    });
  }
  return leftovers.flatMap(leftover => {
    if (leftover.state === 'unknown') return [mayBeAlive(leftover)];
    return removeLeftover(leftover, index).map(notRemoved);
  });
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
