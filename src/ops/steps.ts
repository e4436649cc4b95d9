import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { MappedCheckpoint } from '../mapping/mapped-checkpoint.js';
import { castByRules } from './element-types.js';
import type { MapOptions } from './mapping.js';
import { keyOptimizersByFqn } from './optim-keys.js';
import { type Part, selectPart } from './parts.js';
import { renameBySelection, type SelectionOptions, selectByGlobs } from './selection.js';

/** What becomes of a checkpoint between its opening and the planning of a target. */
export interface StepOptions extends SelectionOptions {
  /** Only the weights, or only what an optimizer keeps. Default `all`. */
  part?: Part | undefined;
  /** `fqn`: name the states of plain optimizers by their parameters, as sharded trainings do. */
  optimKeys?: 'fqn' | undefined;
  /** Rename and rearrange by a map of keys, behind all other renaming. */
  map?: MapOptions | undefined;
  /** A directory where the map may find the model's config. */
  copyAssets?: string | undefined;
  /** Element types of floating tensors: `bf16`, `fp16`, `fp32`; `GLOB=TYPE` and `GLOB=keep` for some, by new name. */
  dtype?: readonly string[] | undefined;
}

/** A checkpoint behind its steps. */
export interface SteppedCheckpoint {
  checkpoint: Checkpoint;
  /** What a map did, where there was one. */
  mapped?: MappedCheckpoint;
}

/**
 * Applies the steps, each a checkpoint in and a checkpoint out, in one order.
 * @throws UsageError; as {@link mapAsAsked}.
 */
export async function applySteps(checkpoint: Checkpoint, options: StepOptions): Promise<SteppedCheckpoint> {
  let changed = selectByGlobs(selectPart(checkpoint, options.part ?? 'all'), options);
  if (options.optimKeys === 'fqn') changed = await keyOptimizersByFqn(changed);
  changed = renameBySelection(changed, options);
  const mapped = options.map && (await applyMap(changed, options.map, options.copyAssets));
  changed = mapped?.checkpoint ?? changed;
  if (options.dtype !== undefined) changed = castByRules(changed, options.dtype);
  return { checkpoint: changed, ...(mapped === undefined ? {} : { mapped }) };
}

/** Few conversions have a map: its code is loaded when one does. */
async function applyMap(
  checkpoint: Checkpoint,
  map: MapOptions,
  assets: string | undefined,
): Promise<MappedCheckpoint> {
  const { mapAsAsked } = await import('./mapping.js');
  return mapAsAsked(checkpoint, map, assets === undefined ? [] : [assets]);
}
