import type { Checkpoint, ObjectEntry } from '../../checkpoint/checkpoint.js';
import { wholeTensor } from '../../checkpoint/local-shard.js';
import type { CrcReport } from '../../copy/ledger.js';
import { isGlobal, PyObject, PyTuple, type PyValue } from '../../pickle/values.js';
import { tensorsInObjects } from '../../torch/object-tensors.js';
import { openCheckpoint } from '../open.js';
import { requireDataAtHand, requireSameCheckpoint } from '../reading.js';
import { type StateDict, stateDictLeaves } from '../state-dict/leaves.js';
import { fromPython, withTensors } from '../state-dict/python.js';
import { withStatefulValues } from '../state-dict/stateful.js';
import { Tensor } from '../state-dict/tensor.js';
import { EntriesByKey, matchLeaves } from './matching.js';
import { type ReadOptions, readTensors } from './read-tensors.js';

export interface LoadStateDictOptions extends ReadOptions {
  /** Leave values whose keys the checkpoint lacks as they are. Default false. */
  allowPartialLoad?: boolean;
  /**
   * Form of what is loaded in place of values that are no tensors: plain JavaScript, or values of this package that keep
   * what JavaScript has no type for (int and float, list and tuple). Default `javascript`.
   */
  values?: 'javascript' | 'python';
}

export interface LoadResult {
  tensors: number;
  objects: number;
  /** Bytes of tensors that were filled. */
  byteLength: number;
  /** Keys that the checkpoint lacks: only with `allowPartialLoad`. */
  missing: string[];
  crc: CrcReport;
}

/**
 * Loads a checkpoint of any format into a state dict, in place, as `torch.distributed.checkpoint.load` does: arrays and
 * tensors are filled, converted to their element type, reading only what they hold of the saved ones; other values are
 * replaced. What stands at the top and has `stateDict()` and `loadStateDict()` is asked for the one and handed the
 * other.
 *
 * @param source a path, or a checkpoint that is open and stays so.
 * @throws UsageError as {@link matchLeaves}, before anything is changed. After an error while data are read, arrays may
 * be filled in part.
 */
export async function loadStateDict(
  stateDict: StateDict,
  source: string | Checkpoint,
  options: LoadStateDictOptions = {},
): Promise<LoadResult> {
  return withStatefulValues(stateDict, async values => {
    const checkpoint = typeof source === 'string' ? await openCheckpoint(source) : source;
    try {
      return await loadValues(values, checkpoint, options);
    } finally {
      if (checkpoint !== source) checkpoint.close();
    }
  });
}

async function loadValues(
  stateDict: StateDict,
  checkpoint: Checkpoint,
  options: LoadStateDictOptions,
): Promise<LoadResult> {
  const entries = new EntriesByKey(checkpoint);
  const { allowPartialLoad = false } = options;
  const { tensors, objects, missing } = matchLeaves(leavesFor(stateDict, entries), entries, {
    allowPartialLoad,
    path: checkpoint.path,
  });
  const read = await readObjects(
    checkpoint,
    objects.map(({ entry }) => entry),
  );
  const crc = await readTensors(checkpoint, [...tensors, ...read.tensors], options);
  // The plan names no file of which only Python values were read.
  if (objects.length > 0) requireSameCheckpoint(checkpoint);
  const { tensorOf } = read;
  for (const { leaf, entry } of objects) {
    const value = entry.value!;
    leaf.replace(
      options.values === 'python'
        ? withTensors(value, part => parameterOf(part, tensorOf))
        : fromPython(value, tensorOf),
    );
  }
  return {
    tensors: tensors.length,
    objects: objects.length,
    byteLength: tensors.reduce((sum, { target }) => sum + target.length, 0),
    missing,
    crc,
  };
}

/**
 * Before torch 2.4 mappings without tensors were saved whole. As torch does, the whole load goes by those rules where
 * the checkpoint has keys that only they give.
 */
function leavesFor(stateDict: StateDict, entries: EntriesByKey): ReturnType<typeof stateDictLeaves> {
  const leaves = stateDictLeaves(stateDict);
  const keys = new Set(leaves.map(({ fqn }) => fqn));
  if ([...entries.keys].every(key => keys.has(key))) return leaves;
  const older = stateDictLeaves(stateDict, '2.3');
  return older.some(({ fqn }) => entries.has(fqn) && !keys.has(fqn)) ? older : leaves;
}

/** Values of objects, and what to read for the tensors inside them. */
async function readObjects(
  checkpoint: Checkpoint,
  objects: readonly ObjectEntry[],
): Promise<{ tensors: Parameters<typeof readTensors>[1]; tensorOf: (value: PyValue) => Tensor | undefined }> {
  requireDataAtHand(checkpoint);
  await checkpoint.loadObjects(objects);
  const inside = tensorsInObjects(checkpoint, objects);
  const made = new Map(
    inside.entries.map(entry => [entry, new Tensor({ dtype: entry.dtype.name, shape: entry.shape })]),
  );
  return {
    tensors: [...made].map(([entry, { bytes, dtype }]) => ({
      entry,
      source: inside,
      shard: wholeTensor(entry.shape),
      dtype,
      target: bytes,
    })),
    tensorOf: value => {
      const entry = inside.entryOf.get(value);
      return entry === undefined ? undefined : made.get(entry);
    },
  };
}

const PARAMETERS = ['_rebuild_parameter', '_rebuild_parameter_with_state'];

/** As `tensorOf`; a Parameter stays one, around the tensor. */
function parameterOf(value: PyValue, tensorOf: (value: PyValue) => Tensor | undefined): PyValue | undefined {
  const tensor = tensorOf(value);
  if (tensor === undefined || !(value instanceof PyObject)) return tensor;
  const { how, callable, args } = value;
  if (!PARAMETERS.some(name => isGlobal(callable, 'torch._utils', name))) return tensor;
  return new PyObject(how, callable, new PyTuple([tensor, ...args.items.slice(1)]));
}
