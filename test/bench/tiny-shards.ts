import { mkdirSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { makeSyntheticDcp } from './synthetic.js';

/** Tensors saved at a time: a plan of eight times as many items takes a few hundred megabytes. */
export const GROUP = 10_000;
const RANKS = 8;
export const CHUNK = [8, 4] as const;

/**
 * Makes the data files of `tensorCount` tensors × 8 ranks, each shard [8, 4] of bfloat16: what matters is how many
 * items there are. They are saved by the library in groups, whose files become `__<rank>_<group>.distcp`, as those of
 * a save with several threads. The index is another matter.
 *
 * @returns the byte length of every item.
 */
export async function makeTinyShards(directory: string, tensorCount: number): Promise<number> {
  mkdirSync(directory, { recursive: true });
  const part = join(directory, 'part');
  let itemByteLength = 0;
  for (let group = 0; group * GROUP < tensorCount; group++) {
    const count = Math.min(GROUP, tensorCount - group * GROUP);
    await makeSyntheticDcp(part, join(directory, 'random'), {
      tensorCount: count,
      shape: [CHUNK[0] * RANKS, CHUNK[1]],
      dtype: 'bfloat16',
      grid: [RANKS],
    });
    for (const name of readdirSync(part)) {
      if (!name.endsWith('.distcp')) continue;
      itemByteLength = statSync(join(part, name)).size / count;
      renameSync(join(part, name), join(directory, name.replace('_0.', `_${group}.`)));
    }
    rmSync(part, { recursive: true });
  }
  rmSync(join(directory, 'random'));
  return itemByteLength;
}
