import { type Checkpoint, type ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import type { ChunkView } from '../checkpoint/chunks.js';
import type { TensorSource } from '../checkpoint/gather.js';
import { StorageReference } from '../checkpoint/storage.js';
import { viewChunks } from '../checkpoint/view-chunks.js';
import { withContext } from '../errors.js';
import type { PyValue } from '../pickle/values.js';
import { walkValue } from '../pickle/walk.js';
import { type StridedTensor, storageDType, tensorFormOf } from './tensors.js';

/** The strided tensors inside objects, as tensors of their own: for a TensorGatherer, in place of the checkpoint. */
export interface ObjectTensors extends TensorSource {
  /** Named `FQN!path`, as `rng!['cuda'][0]`. In the order of the objects; a tensor in several places once. */
  readonly entries: readonly TensorEntry[];
  /** The entry that stands for a tensor, or for a storage, of an object's value. */
  readonly entryOf: ReadonlyMap<PyValue, TensorEntry>;
}

export interface ObjectTensorOptions {
  /**
   * Storages that are in no strided tensor (of quantized tensors, storages on their own) come too, as tensors of one
   * dimension. Default false.
   */
  storages?: boolean;
}

/**
 * The strided tensors inside the values of objects, which must be loaded: in tuples, in optimizer wrappers, in sparse
 * tensors. Their bytes can be read once `checkpoint.resolve` has run, on whatever entries.
 * @throws FormatError naming the object whose tensor is malformed.
 */
export function tensorsInObjects(
  checkpoint: Checkpoint,
  objects: readonly ObjectEntry[],
  { storages = false }: ObjectTensorOptions = {},
): ObjectTensors {
  const found: { entry: TensorEntry; tensor: StridedTensor }[] = [];
  const entryOf = new Map<PyValue, TensorEntry>();
  for (const { fqn, path, value } of objects) {
    if (value === undefined) continue;
    withContext({ fqn }, () => {
      for (const walked of walkValue(value, part => stridedTensorOf(part) === undefined)) {
        const tensor = stridedTensorOf(walked.value) ?? (storages ? wholeStorageOf(walked.value) : undefined);
        if (tensor === undefined || entryOf.has(walked.value)) continue;
        const entry = new TensorEntry(`${fqn}!${walked.path}`, path, tensor.dtype, tensor.size);
        entry.requiresGrad = tensor.requiresGrad;
        entry.storage = tensor.storage.storage;
        entryOf.set(walked.value, entry);
        found.push({ entry, tensor });
      }
    });
  }
  return { entries: found.map(({ entry }) => entry), entryOf, ...tensorSourceOf(checkpoint, found) };
}

/** Where the bytes of tensors are that stand in Python values, of a checkpoint's storages. Numbers their chunks. */
export function tensorSourceOf(
  { storages, files }: TensorSource,
  found: readonly { entry: TensorEntry; tensor: StridedTensor }[],
): TensorSource {
  const views = found.map(({ entry, tensor }) => ({ entry, view: viewOf(tensor) }));
  return { chunks: viewChunks(views, storages), storages, files };
}

/** The tensor that a value is, if it is a strided one. */
export function stridedTensorOf(value: PyValue): StridedTensor | undefined {
  const form = tensorFormOf(value);
  return form.kind === 'strided' ? form.tensor : undefined;
}

function wholeStorageOf(value: PyValue): StridedTensor | undefined {
  if (!(value instanceof StorageReference)) return undefined;
  return {
    storage: value,
    dtype: storageDType(value),
    storageOffset: 0,
    size: [value.elementCount],
    stride: [1],
    requiresGrad: false,
    flags: 0,
    typeName: 'Tensor',
  };
}

/** A tensor of a pickle as a view of its storage. */
export function viewOf({ storage, storageOffset, stride, flags }: StridedTensor): ChunkView {
  return { storage: storage.storage, storageOffset, stride, flags };
}
