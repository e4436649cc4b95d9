import { contiguousStride, elementCountOf } from '../../checkpoint/box.js';
import {
  type Checkpoint,
  type Entry,
  type EntryPath,
  ObjectEntry,
  type SourceFile,
  TensorEntry,
} from '../../checkpoint/checkpoint.js';
import { StorageTable } from '../../checkpoint/storage.js';
import { viewChunks } from '../../checkpoint/view-chunks.js';
import { dtypeOf } from '../../dtype.js';
import { UnsupportedError, UsageError, withContext, withContextAsync } from '../../errors.js';
import type { PyValue } from '../../pickle/values.js';
import { type StateDict, stateDictLeaves } from '../state-dict/leaves.js';
import { toPython } from '../state-dict/python.js';
import { withStates } from '../state-dict/stateful.js';
import { bytesOf, dtypeOfArray, isTensor, Tensor, type TensorLike } from '../state-dict/tensor.js';
import type { StagingArea, StagingMemory } from './staging.js';

/** A copy of a state dict in memory, which can be written as any format. */
export interface StagedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly area: StagingArea;
}

/** A tensor to be staged. Its elements may still be on their way from a device. */
interface FoundTensor {
  entry: TensorEntry;
  /** Elements, row-major, or a promise of them. */
  elements: Uint8Array | Promise<Uint8Array>;
}

/**
 * Copies a state dict: when the call returns, what was in its arrays has been copied, unless a tensor can hand out its
 * elements only later. States are asked of what is stateful at the top.
 * @throws UsageError, UnsupportedError naming the value that a checkpoint cannot hold.
 */
export async function stage(stateDict: StateDict, memory: StagingMemory): Promise<StagedCheckpoint> {
  const found: FoundTensor[] = [];
  const entries = stateDictLeaves(withStates(stateDict)).map(
    ({ path, fqn, value }): Entry =>
      withContext({ fqn }, () => {
        if (isTensor(value)) return findTensor(value, fqn, path, found);
        const entry = new ObjectEntry(fqn, path);
        entry.value = toPython(value, tensor => findTensor(tensor, fqn, path, found));
        return entry;
      }),
  );
  const area = memory.take(found.map(({ entry }) => byteLengthOf(entry)));
  const checkpoint = checkpointOf(entries, found, area);
  const copy = (index: number, elements: Uint8Array): void => {
    const { arena, byteOffset } = area.places[index]!;
    area.arenas[arena]!.set(elements, byteOffset);
  };
  const later: Promise<void>[] = [];
  for (const [index, { entry, elements }] of found.entries()) {
    if (elements instanceof Uint8Array) copy(index, elements);
    else
      later.push(
        withContextAsync({ fqn: entry.fqn }, async () => copy(index, requireLength(entry, await elements))),
      );
  }
  await Promise.all(later);
  return { checkpoint, area };
}

function byteLengthOf({ shape, dtype }: TensorEntry): number {
  return elementCountOf(shape) * dtype.itemSize;
}

function requireLength(entry: TensorEntry, elements: Uint8Array): Uint8Array {
  if (elements.length === byteLengthOf(entry)) return elements;
  throw new UsageError('The data are not as long as the tensor', {
    expected: `${byteLengthOf(entry)} bytes of ${entry.dtype.name} for shape [${entry.shape.join(', ')}]`,
    found: `${elements.length} bytes`,
  });
}

function findTensor(value: unknown, fqn: string, path: EntryPath, found: FoundTensor[]): TensorEntry {
  const { dtype, shape, elements, requiresGrad } = describe(value);
  const entry = new TensorEntry(fqn, path, dtypeOf(dtype), [...shape]);
  entry.requiresGrad = requiresGrad;
  found.push({
    entry,
    elements: elements instanceof Uint8Array ? requireLength(entry, elements) : elements,
  });
  return entry;
}

function describe(value: unknown): {
  dtype: string;
  shape: readonly number[];
  elements: FoundTensor['elements'];
  requiresGrad: boolean;
} {
  if (value instanceof Tensor) {
    const { dtype, shape, localShape, bytes, requiresGrad } = value;
    if (localShape.some((size, d) => size !== shape[d])) {
      throw new UnsupportedError('The part of one rank cannot be saved without those of the others', {
        expected: `all of shape [${shape.join(', ')}]`,
        found: `a part of shape [${localShape.join(', ')}]`,
      });
    }
    return { dtype, shape, elements: bytes, requiresGrad };
  }
  const dtype = dtypeOfArray(value);
  if (dtype !== undefined) {
    const array = value as Float32Array;
    return { dtype, shape: [array.length], elements: bytesOf(array), requiresGrad: false };
  }
  const tensor = value as TensorLike;
  return { dtype: tensor.dtype, shape: tensor.shape, elements: elementsOf(tensor), requiresGrad: false };
}

/** At once where the tensor can; some devices answer only later. */
function elementsOf(tensor: TensorLike): FoundTensor['elements'] {
  const later = (): Promise<Uint8Array> => {
    const elements = tensor.data!().then(bytesOf);
    // Looked at when all tensors have been asked; where one of them fails before that, by nobody.
    elements.catch(() => {});
    return elements;
  };
  if (typeof tensor.dataSync !== 'function') return later();
  try {
    return bytesOf(tensor.dataSync());
  } catch (error) {
    if (typeof tensor.data !== 'function') throw error;
    return later();
  }
}

/** One storage a tensor, one file an arena. */
function checkpointOf(entries: Entry[], found: readonly FoundTensor[], area: StagingArea): Checkpoint {
  const storages = new StorageTable();
  const views = found.map(({ entry }, i) => {
    const { arena, byteOffset } = area.places[i]!;
    const byteLength = byteLengthOf(entry);
    const storage = storages.add({ file: arena, byteOffset, byteLength, crc32: undefined });
    return { entry, view: { storage, storageOffset: 0, stride: contiguousStride(entry.shape), flags: 0 } };
  });
  const chunks = viewChunks(views, storages);
  const files = area.arenas.map((bytes, arena): SourceFile => {
    const name = `staged state dict ${arena}`;
    return { path: name, name, byteLength: bytes.length, memory: { label: name, bytes } };
  });
  const tree: PyValue = null;
  return {
    format: 'memory',
    path: 'state dict',
    files,
    snapshots: [],
    entries,
    tree,
    chunks,
    storages,
    provenance: { torchEra: '', globals: [] },
    resolve: async () => {},
    loadObjects: async () => {},
    close: () => {},
  };
}
