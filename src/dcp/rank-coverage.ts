import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { proveCoverage } from '../checkpoint/coverage.js';
import { CorruptDataError, FileError, withContext } from '../errors.js';
import type { RankIndexes } from './index-files.js';

/** @throws FileError naming the ranks whose index is not there. */
export function requireAllRanks(path: string, { present, missing }: RankIndexes): void {
  if (missing.length === 0) return;
  const shown = missing.slice(0, 8).map(rank => `__${rank}.metadata`);
  throw new FileError(
    `The index of rank ${missing.slice(0, 8).join(', ')}${missing.length > 8 ? ', …' : ''} is missing`,
    {
      expected: `${present.length + missing.length} indexes, one a rank`,
      found: `${present.length}; missing: ${shown.join(', ')}${missing.length > 8 ? ', …' : ''}`,
      path,
      hint: 'It was saved with use_collectives=False: each rank wrote its own index. Copy those of all nodes together.',
    },
  );
}

/**
 * Ranks number from 0 and nothing says how many there were: that the highest are missing shows only as holes.
 * @throws CorruptDataError naming the tensor and its first gap, and the ranks that are at hand.
 */
export function requireRanksCover(checkpoint: Checkpoint, { present }: RankIndexes): void {
  const { entries, chunks } = checkpoint;
  for (const entry of entries) {
    if (entry.kind !== 'tensor') continue;
    const boxes = Array.from({ length: entry.chunkCount }, (_, i) => chunks.boxOf(entry.firstChunk + i));
    try {
      withContext({ fqn: entry.fqn, path: checkpoint.path }, () => proveCoverage(entry.shape, boxes));
    } catch (error) {
      if (!(error instanceof CorruptDataError)) throw error;
      throw new CorruptDataError(error.what, {
        ...error.context,
        ...(error.expected === undefined ? {} : { expected: error.expected }),
        ...(error.found === undefined ? {} : { found: error.found }),
        hint: `The indexes of ranks 0 to ${present.at(-1)} are here. If more ranks saved, theirs are missing.`,
        cause: error,
      });
    }
  }
}
