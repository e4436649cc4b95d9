import type { CopyPlanBuilder, PieceDimension } from '../copy/plan.js';
import { type ElementTransform, IDENTITY } from '../copy/transform.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError, UnsupportedError, withContext } from '../errors.js';
import { type Box, contiguousStride, strideSpan } from './box.js';
import type { Checkpoint, TensorEntry } from './checkpoint.js';
import { UNRESOLVED, VIEW_CONJUGATE, VIEW_NEGATIVE } from './chunks.js';
import { proveCoverage } from './coverage.js';
import { type Selection, selectionOfBox } from './slice.js';

/** Of a checkpoint, what says where the bytes of its tensors are. */
export type TensorSource = Pick<Checkpoint, 'chunks' | 'storages' | 'files'>;

/**
 * Plans the bytes of tensors out of a checkpoint's chunks, as pieces of records. One to a plan: it remembers
 * which storages the plan has already.
 */
export class TensorGatherer {
  private readonly planStorage = new Map<number, number>();
  private readonly planSource: number[] = [];
  private readonly proved = new Map<TensorEntry, readonly { chunk: number; box: Box }[]>();
  /** Chunks left out because another one holds the same box. */
  replicaCount = 0;

  constructor(
    private readonly checkpoint: TensorSource,
    private readonly plan: CopyPlanBuilder,
  ) {}

  /**
   * Adds the pieces that fill the plan's current record with the whole tensor, its values resolved, in the
   * order that `recordStride` says (elements, dense): row-major unless told otherwise. The entry must be resolved.
   * @throws CorruptDataError, FormatError with the FQN, where the chunks do not tile the tensor.
   */
  addTensor(entry: TensorEntry, recordStride: readonly number[] = contiguousStride(entry.shape)): void {
    this.addBox(entry, { offsets: entry.shape.map(() => 0), sizes: entry.shape }, recordStride);
  }

  /**
   * Adds the pieces that fill the plan's current record with a box of the tensor: every chunk that meets the box
   * gives the part they share. Otherwise as {@link addTensor}.
   */
  addBox(entry: TensorEntry, target: Box, recordStride: readonly number[]): void {
    this.addSelection(entry, selectionOfBox(target), recordStride);
  }

  /**
   * {@link addBox} for elements that lie steps apart. Several selections can fill one record: `recordOffset` is where
   * the first element of this one goes, in elements.
   */
  addSelection(
    entry: TensorEntry,
    target: Selection,
    recordStride: readonly number[],
    recordOffset = 0,
  ): void {
    withContext({ fqn: entry.fqn }, () => {
      for (const { chunk, box } of this.chunksOf(entry)) {
        const held = heldBy(box, target);
        if (held !== undefined) this.addPart(entry, chunk, box, held, target, recordStride, recordOffset);
      }
    });
  }

  /** The chunks that together are the tensor, each element once. */
  private chunksOf(entry: TensorEntry): readonly { chunk: number; box: Box }[] {
    let chunks = this.proved.get(entry);
    if (chunks === undefined) {
      const boxes: Box[] = [];
      for (let i = 0; i < entry.chunkCount; i++)
        boxes.push(this.checkpoint.chunks.boxOf(entry.firstChunk + i));
      const { used, replicaCount } = proveCoverage(entry.shape, boxes);
      this.replicaCount += replicaCount;
      chunks = used.map(index => ({ chunk: entry.firstChunk + index, box: boxes[index]! }));
      this.proved.set(entry, chunks);
    }
    return chunks;
  }

  /**
   * Adds the piece that fills the plan's current record with a whole storage. `dtype` tells the byte order's unit;
   * undefined where it is not known.
   */
  addStorage(storage: number, dtype: DTypeInfo | undefined, byteLength: number, label: string): void {
    const bigEndian = this.checkpoint.storages.at(storage).bigEndian === true;
    if (bigEndian && dtype === undefined) {
      throw new UnsupportedError('The element type of a big-endian storage is not known', { fqn: label });
    }
    this.requireInside(storage, byteLength);
    const transform = dtype === undefined ? IDENTITY : viewTransform(dtype, 0, bigEndian);
    this.plan.addPiece(this.storageOf(storage, label), 0, 0, byteLength, [], transform);
  }

  /** The piece for the elements of `target` that a chunk holds, which are those that `held` counts. */
  private addPart(
    entry: TensorEntry,
    chunk: number,
    box: Box,
    held: Held,
    target: Selection,
    recordStride: readonly number[],
    recordStart: number,
  ): void {
    const { chunks, storages } = this.checkpoint;
    const storage = chunks.storage[chunk]!;
    if (storage === UNRESOLVED) throw new Error(`chunk ${chunk} was not resolved`);
    const { itemSize } = entry.dtype;
    const stride = chunks.strideOf(chunk);
    let storageOffset = chunks.storageOffset[chunk]!;
    this.requireInside(storage, (storageOffset + strideSpan(box.sizes, stride)) * itemSize);
    const dimensions: PieceDimension[] = [];
    let recordOffset = recordStart;
    for (let d = 0; d < box.sizes.length; d++) {
      const step = target.steps[d]!;
      const first = target.offsets[d]! + held.first[d]! * step;
      storageOffset += (first - box.offsets[d]!) * stride[d]!;
      recordOffset += held.first[d]! * recordStride[d]!;
      dimensions.push({
        count: held.count[d]!,
        sourceStep: step * stride[d]! * itemSize,
        recordStep: recordStride[d]! * itemSize,
      });
    }
    dimensions.sort((a, b) => b.recordStep - a.recordStep);
    this.plan.addPiece(
      this.storageOf(storage, entry.fqn),
      storageOffset * itemSize,
      recordOffset * itemSize,
      itemSize,
      dimensions,
      viewTransform(entry.dtype, chunks.viewFlags[chunk]!, storages.at(storage).bigEndian === true),
    );
  }

  private requireInside(storage: number, end: number): void {
    const { byteLength } = this.checkpoint.storages.at(storage);
    if (end > byteLength) {
      throw new FormatError('A stored tensor reaches past the end of its storage', {
        expected: `${end} bytes at least`,
        found: `${byteLength} bytes`,
      });
    }
  }

  /** The plan's storage for a row of the checkpoint's table. */
  private storageOf(storage: number, label: string): number {
    let index = this.planStorage.get(storage);
    if (index === undefined) {
      const { file, byteOffset, byteLength, crc32 } = this.checkpoint.storages.at(storage);
      this.planSource[file] ??= this.plan.addSource(this.checkpoint.files[file]!.path);
      index = this.plan.addStorage({ source: this.planSource[file]!, byteOffset, byteLength, crc32, label });
      this.planStorage.set(storage, index);
    }
    return index;
  }
}

/** Which elements of a selection are meant: in each dimension `count` of them from number `first` on. */
interface Held {
  first: number[];
  count: number[];
}

/** The elements of a selection that lie in a box; undefined where none does. */
function heldBy(box: Box, { offsets, sizes, steps }: Selection): Held | undefined {
  const first: number[] = [];
  const count: number[] = [];
  for (let d = 0; d < offsets.length; d++) {
    const step = steps[d]!;
    const start = box.offsets[d]! - offsets[d]!;
    const from = Math.max(0, Math.ceil(start / step));
    const to = Math.min(sizes[d]!, Math.ceil((start + box.sizes[d]!) / step));
    if (from >= to) return undefined;
    first.push(from);
    count.push(to - from);
  }
  return { first, count };
}

/**
 * What turns stored elements into values: the byte order, and torch's conjugate and negative bits, which are
 * exact changes of sign bits.
 * @throws FormatError for a conjugate bit of a type that is not complex. UnsupportedError for a negative bit of a
 * type whose sign is no bit of its own, or that torch cannot negate either (its 8-bit floats).
 */
export function viewTransform(dtype: DTypeInfo, flags: number, bigEndian: boolean): ElementTransform {
  const swapSize = (bigEndian && dtype.swapSize > 1 ? dtype.swapSize : 0) as ElementTransform['swapSize'];
  if (flags === 0) return swapSize === 0 ? IDENTITY : { ...IDENTITY, swapSize };
  const isConjugate = (flags & VIEW_CONJUGATE) !== 0;
  const isNegative = (flags & VIEW_NEGATIVE) !== 0;
  if (isConjugate && dtype.kind !== 'complex') {
    throw new FormatError('Only complex tensors can be marked as conjugate', { found: dtype.name });
  }
  if (dtype.kind !== 'complex' && !(dtype.kind === 'float' && dtype.itemSize > 1)) {
    throw new UnsupportedError('A tensor of this element type is marked as negative', { found: dtype.name });
  }
  const flip = isConjugate ? (isNegative ? 'real' : 'imaginary') : 'all';
  return { swapSize, flip, componentSize: dtype.swapSize };
}
