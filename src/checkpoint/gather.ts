import type { CopyPlanBuilder, PieceDimension } from '../copy/plan.js';
import { type ElementTransform, IDENTITY } from '../copy/transform.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError, UnsupportedError, withContext } from '../errors.js';
import { type Box, contiguousStride, strideSpan, wholeBox } from './box.js';
import { BoxIndex } from './box-index.js';
import type { Checkpoint, TensorEntry } from './checkpoint.js';
import { UNRESOLVED, VIEW_CONJUGATE, VIEW_NEGATIVE } from './chunks.js';
import { proveCoverage } from './coverage.js';
import { factorSelection } from './factors.js';
import { type Selection, selectionOfBox } from './slice.js';
import type { StorageRow } from './storage.js';

/** Of a checkpoint, what says where the bytes of its tensors are. */
export type TensorSource = Pick<Checkpoint, 'chunks' | 'storages' | 'files'>;

/**
 * Plans the bytes of tensors out of a checkpoint's chunks, as pieces of records. One to a plan: it remembers
 * which storages the plan has already.
 */
export class TensorGatherer {
  /** The plan's storage for each row of the table, −1 while it has none; in pages, as a plan may use few rows. */
  private readonly planStorage: (Int32Array | undefined)[] = [];
  private readonly planSource: number[] = [];
  private readonly proved = new Map<TensorEntry, ProvedChunks>();
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
    this.addBox(entry, wholeBox(entry.shape), recordStride);
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
      if (entry.factors === undefined) this.addChunks(entry, target, recordStride, recordOffset);
      else {
        for (const part of factorSelection(target, entry.factors, recordStride)) {
          this.addChunks(entry, part.selection, part.recordStride, recordOffset + part.recordOffset);
        }
      }
    });
  }

  /** The pieces of a selection in the dimensions that the chunks count in. */
  private addChunks(
    entry: TensorEntry,
    target: Selection,
    recordStride: readonly number[],
    recordOffset: number,
  ): void {
    for (const chunk of this.chunksMeeting(entry, target)) {
      const box = this.checkpoint.chunks.boxOf(chunk);
      const held = heldBy(box, target);
      if (held !== undefined) this.addPart(entry, chunk, box, held, target, recordStride, recordOffset);
    }
  }

  /** Chunks that together are the tensor; of many those that can hold elements of the target. */
  private chunksMeeting(entry: TensorEntry, { offsets, sizes, steps }: Selection): readonly number[] {
    const proved = this.chunksOf(entry);
    const { chunks } = proved;
    const shape = chunkShapeOf(entry);
    const isWhole = sizes.every((size, d) => size === shape[d]);
    if (isWhole || chunks.length <= FEW_CHUNKS) return chunks;
    proved.index ??= new BoxIndex(chunks.map(chunk => this.checkpoint.chunks.boxOf(chunk)));
    const ends = offsets.map((start, d) => start + (sizes[d]! - 1) * steps[d]! + 1);
    return proved.index.meeting(offsets, ends).map(position => chunks[position]!);
  }

  /** The chunks that together are the tensor, each element once. */
  private chunksOf(entry: TensorEntry): ProvedChunks {
    let proved = this.proved.get(entry);
    if (proved === undefined) {
      const boxes: Box[] = [];
      for (let i = 0; i < entry.chunkCount; i++)
        boxes.push(this.checkpoint.chunks.boxOf(entry.firstChunk + i));
      const { used, replicaCount } = proveCoverage(chunkShapeOf(entry), boxes);
      this.replicaCount += replicaCount;
      proved = { chunks: used.map(index => entry.firstChunk + index), index: undefined };
      this.proved.set(entry, proved);
    }
    return proved;
  }

  /**
   * Adds the piece that fills the plan's current record with a whole storage. `dtype` tells the byte order's unit;
   * undefined where it is not known.
   */
  addStorage(storage: number, dtype: DTypeInfo | undefined, byteLength: number, label: string): void {
    const row = this.checkpoint.storages.at(storage);
    const bigEndian = row.bigEndian === true;
    if (bigEndian && dtype === undefined) {
      throw new UnsupportedError('The element type of a big-endian storage is not known', { fqn: label });
    }
    requireInside(row, byteLength);
    const transform = dtype === undefined ? IDENTITY : viewTransform(dtype, 0, bigEndian);
    this.plan.addPiece(this.storageOf(storage, row, label), 0, 0, byteLength, [], transform);
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
    const { itemSize } = entry.storedDtype;
    const stride = chunks.strideOf(chunk);
    let storageOffset = chunks.storageOffset[chunk]!;
    const row = storages.at(storage);
    requireInside(row, (storageOffset + strideSpan(box.sizes, stride)) * itemSize);
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
      this.storageOf(storage, row, entry.fqn),
      storageOffset * itemSize,
      recordOffset * itemSize,
      itemSize,
      dimensions,
      viewTransform(entry.storedDtype, chunks.viewFlags[chunk]!, row.bigEndian === true),
    );
  }

  /** The plan's storage for a row of the checkpoint's table. */
  private storageOf(storage: number, row: StorageRow, label: string): number {
    const pageNumber = Math.floor(storage / PAGE);
    const page = (this.planStorage[pageNumber] ??= new Int32Array(PAGE).fill(-1));
    const known = page[storage % PAGE]!;
    if (known >= 0) return known;
    const { file, byteOffset, byteLength, crc32 } = row;
    const { path, memory } = this.checkpoint.files[file]!;
    this.planSource[file] ??= this.plan.addSource(memory ?? path);
    const index = this.plan.addStorage({
      source: this.planSource[file]!,
      byteOffset,
      byteLength,
      crc32,
      label,
    });
    page[storage % PAGE] = index;
    return index;
  }
}

/** The gatherers of one plan, one for each place that tensors come from. */
export class Gatherers {
  private readonly known = new Map<TensorSource, TensorGatherer>();

  constructor(private readonly plan: CopyPlanBuilder) {}

  of(source: TensorSource): TensorGatherer {
    let gatherer = this.known.get(source);
    if (gatherer === undefined) this.known.set(source, (gatherer = new TensorGatherer(source, this.plan)));
    return gatherer;
  }
}

/** Rows of a page of plan storages. */
const PAGE = 1024;

/** So many chunks are looked at one by one. */
const FEW_CHUNKS = 16;

/** The shape that the boxes of a tensor's chunks lie in. */
function chunkShapeOf({ shape, factors }: TensorEntry): readonly number[] {
  return factors === undefined ? shape : factors.flat();
}

interface ProvedChunks {
  /** In the order of the table. */
  chunks: readonly number[];
  /** By box; made when a part of a tensor with many chunks is wanted. */
  index: BoxIndex | undefined;
}

function requireInside({ byteLength }: StorageRow, end: number): void {
  if (end > byteLength) {
    throw new FormatError('A stored tensor reaches past the end of its storage', {
      expected: `${end} bytes at least`,
      found: `${byteLength} bytes`,
    });
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
