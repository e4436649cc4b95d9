import { type DTypeInfo, dtypeOf } from '../dtype.js';
import type { Cast } from './cast.js';
import { type ElementTransform, IDENTITY } from './transform.js';

/**
 * A conversion as plain data: which bytes of which source files go where in which output files.
 *
 * - A *storage* is a source byte range with, where the source states one, a CRC-32.
 * - A *record* is a byte range of an output. It is filled by *pieces*, in the order of the destination; pieces
 *   of one record do not overlap and fill it whole.
 * - A *piece* takes `runByteLength` bytes at a time: `dimensions` say how many runs there are and how far apart
 *   they lie on both sides. A verbatim copy is one run without dimensions.
 * - A *cast* converts the elements of a whole record when its pieces have been put together: pieces address the
 *   record in the type that it is cast from, everything else in the type that it is cast to.
 * - A *literal* is bytes known at planning; a *deferred literal* is computed from the CRC-32s of records.
 *
 * Everything that the workers need is in columns over shared memory, so that a plan of a million pieces is
 * handed to them without a copy.
 */
export interface CopyPlan {
  readonly sources: readonly PlanSource[];
  readonly outputs: readonly OutputSpec[];
  readonly storages: StorageColumns;
  /** What each storage belongs to, for messages: an FQN. */
  readonly storageLabels: readonly string[];
  readonly records: RecordColumns;
  readonly pieces: PieceColumns;
  /** The first one is the identity. */
  readonly transforms: readonly ElementTransform[];
  readonly casts: readonly Cast[];
  readonly literals: readonly Literal[];
  readonly deferred: readonly DeferredLiteral[];
  /** Sum of all record lengths: what progress counts. */
  readonly recordByteLength: number;
}

/** A file by its path, or bytes in memory; those of threads must be shared memory. */
export type PlanSource = string | MemorySource;

export interface MemorySource {
  /** What messages call it. */
  readonly label: string;
  readonly bytes: Uint8Array;
}

/** The path of a file, the label of memory. */
export function sourceLabel(source: PlanSource): string {
  return typeof source === 'string' ? source : source.label;
}

export interface OutputSpec {
  /** File name: relative to the output directory, or the output file's own. */
  readonly name: string;
  readonly byteLength: number;
}

export interface StorageColumns {
  readonly count: number;
  readonly source: Uint32Array;
  readonly byteOffset: Float64Array;
  readonly byteLength: Float64Array;
  readonly crc32: Uint32Array;
  /** 1 where `crc32` is stated by the source. */
  readonly hasCrc: Uint8Array;
}

export interface RecordColumns {
  readonly count: number;
  readonly output: Uint32Array;
  readonly byteOffset: Float64Array;
  readonly byteLength: Float64Array;
  readonly firstPiece: Uint32Array;
  readonly pieceCount: Uint32Array;
  /** Index into the plan's `casts`, counted from 1; 0 for bytes that stay as they are. */
  readonly cast: Uint8Array;
}

export interface PieceColumns {
  readonly count: number;
  readonly storage: Uint32Array;
  /** From the start of the storage. */
  readonly sourceByteOffset: Float64Array;
  /** From the start of the record. */
  readonly recordByteOffset: Float64Array;
  readonly runByteLength: Float64Array;
  readonly firstDimension: Uint32Array;
  readonly dimensionCount: Uint8Array;
  /** Index into the plan's `transforms`. */
  readonly transform: Uint8Array;
  /** Three numbers a dimension, outermost first: count, source step, record step, both in bytes. */
  readonly dimensions: Float64Array;
}

export interface Literal {
  readonly output: number;
  readonly byteOffset: number;
  readonly bytes: Uint8Array;
}

export interface DeferredLiteral {
  readonly output: number;
  readonly byteOffset: number;
  readonly byteLength: number;
  /** Pure: the bytes, given the CRC-32 of any record. */
  encode(crcOfRecord: (record: number) => number): Uint8Array;
}

export interface PieceDimension {
  count: number;
  /** Bytes between neighbours in the source; may be 0 (expanded tensors). */
  sourceStep: number;
  /** Bytes between neighbours in the record. */
  recordStep: number;
}

export interface StorageSpec {
  source: number;
  byteOffset: number;
  byteLength: number;
  crc32: number | undefined;
  /** What it belongs to, for messages: an FQN. */
  label: string;
}

/** From which element type to which a record is converted. */
export interface RecordCast {
  readonly from: DTypeInfo;
  readonly to: DTypeInfo;
}

/** Collects a plan. Records must be begun in the order in which they should be copied. */
export class CopyPlanBuilder {
  private readonly sources: PlanSource[] = [];
  private readonly sourceIndex = new Map<PlanSource, number>();
  private readonly outputs: OutputSpec[] = [];
  private readonly storage = {
    source: [] as number[],
    byteOffset: [] as number[],
    byteLength: [] as number[],
    crc32: [] as number[],
    hasCrc: [] as number[],
  };
  private readonly storageLabels: string[] = [];
  private readonly record = {
    output: [] as number[],
    byteOffset: [] as number[],
    byteLength: [] as number[],
    cast: [] as number[],
  };
  private readonly firstPiece: number[] = [];
  private readonly piece = {
    storage: [] as number[],
    sourceByteOffset: [] as number[],
    recordByteOffset: [] as number[],
    runByteLength: [] as number[],
    firstDimension: [] as number[],
    transform: [] as number[],
  };
  private readonly dimensions: number[] = [];
  private readonly transforms: ElementTransform[] = [IDENTITY];
  private readonly casts: Cast[] = [];
  /** Bytes that the pieces of the record begun last fill. */
  private filled = 0;
  readonly literals: Literal[] = [];
  private readonly deferred: DeferredLiteral[] = [];

  get recordCount(): number {
    return this.firstPiece.length;
  }

  addSource(source: PlanSource): number {
    let index = this.sourceIndex.get(source);
    if (index === undefined) {
      index = this.sources.push(source) - 1;
      this.sourceIndex.set(source, index);
    }
    return index;
  }

  addStorage(storage: StorageSpec): number {
    this.storage.source.push(storage.source);
    this.storage.byteOffset.push(storage.byteOffset);
    this.storage.byteLength.push(storage.byteLength);
    this.storage.crc32.push(storage.crc32 ?? 0);
    this.storage.hasCrc.push(storage.crc32 === undefined ? 0 : 1);
    return this.storageLabels.push(storage.label) - 1;
  }

  addOutput(output: OutputSpec): number {
    return this.outputs.push(output) - 1;
  }

  /** For outputs whose length is known only when everything has been added. */
  setOutputByteLength(output: number, byteLength: number): void {
    this.outputs[output] = { ...this.outputs[output]!, byteLength };
  }

  /**
   * Begins a record; the pieces added next belong to it. Returns its index. With `cast`, `byteLength` is that of the
   * converted elements, and the pieces fill the record as it is before.
   */
  beginRecord(output: number, byteOffset: number, byteLength: number, cast?: RecordCast): number {
    this.endRecord();
    this.record.output.push(output);
    this.record.byteOffset.push(byteOffset);
    this.firstPiece.push(this.piece.storage.length);
    this.record.cast.push(cast === undefined || cast.from === cast.to ? 0 : this.castIndex(cast) + 1);
    return this.record.byteLength.push(byteLength) - 1;
  }

  /** Adds a piece to the record begun last. Neighbouring dimensions that run on are merged. */
  addPiece(
    storage: number,
    sourceByteOffset: number,
    recordByteOffset: number,
    runByteLength: number,
    dimensions: readonly PieceDimension[] = [],
    transform: ElementTransform = IDENTITY,
  ): void {
    const merged = mergeDimensions(runByteLength, dimensions);
    if (merged === undefined) return;
    this.filled += merged.dimensions.reduce((bytes, { count }) => bytes * count, merged.runByteLength);
    this.piece.storage.push(storage);
    this.piece.sourceByteOffset.push(sourceByteOffset);
    this.piece.recordByteOffset.push(recordByteOffset);
    this.piece.runByteLength.push(merged.runByteLength);
    this.piece.firstDimension.push(this.dimensions.length / 3);
    this.piece.transform.push(this.transformIndex(transform));
    for (const { count, sourceStep, recordStep } of merged.dimensions) {
      this.dimensions.push(count, sourceStep, recordStep);
    }
  }

  private castIndex({ from, to }: RecordCast): number {
    const found = this.casts.findIndex(known => known.from === from.name && known.to === to.name);
    return found >= 0 ? found : this.casts.push({ from: from.name, to: to.name }) - 1;
  }

  private transformIndex(transform: ElementTransform): number {
    const found = this.transforms.findIndex(
      known =>
        known.swapSize === transform.swapSize &&
        known.flip === transform.flip &&
        known.componentSize === transform.componentSize,
    );
    return found >= 0 ? found : this.transforms.push(transform) - 1;
  }

  addLiteral(output: number, byteOffset: number, bytes: Uint8Array): void {
    if (bytes.length > 0) this.literals.push({ output, byteOffset, bytes });
  }

  addDeferred(literal: DeferredLiteral): void {
    this.deferred.push(literal);
  }

  /** A record that its pieces do not fill would be written with whatever the buffer held. */
  private endRecord(): void {
    const last = this.record.byteLength.length - 1;
    const cast = this.casts[(this.record.cast[last] ?? 0) - 1];
    const byteLength = uncastByteLength(this.record.byteLength[last] ?? 0, cast);
    if (this.filled !== byteLength) {
      throw new Error(`pieces fill ${this.filled} of ${byteLength} bytes of record ${last}`);
    }
    this.filled = 0;
  }

  build(): CopyPlan {
    this.endRecord();
    const { record, piece, storage, firstPiece } = this;
    const pieceTotal = piece.storage.length;
    const dimensionTotal = this.dimensions.length / 3;
    return {
      sources: this.sources,
      outputs: this.outputs,
      storages: {
        count: this.storageLabels.length,
        source: sharedUint32(storage.source),
        byteOffset: sharedFloat64(storage.byteOffset),
        byteLength: sharedFloat64(storage.byteLength),
        crc32: sharedUint32(storage.crc32),
        hasCrc: sharedUint8(storage.hasCrc),
      },
      storageLabels: this.storageLabels,
      records: {
        count: firstPiece.length,
        output: sharedUint32(record.output),
        byteOffset: sharedFloat64(record.byteOffset),
        byteLength: sharedFloat64(record.byteLength),
        firstPiece: sharedUint32(firstPiece),
        pieceCount: sharedUint32(firstPiece.map((first, i) => (firstPiece[i + 1] ?? pieceTotal) - first)),
        cast: sharedUint8(record.cast),
      },
      pieces: {
        count: pieceTotal,
        storage: sharedUint32(piece.storage),
        sourceByteOffset: sharedFloat64(piece.sourceByteOffset),
        recordByteOffset: sharedFloat64(piece.recordByteOffset),
        runByteLength: sharedFloat64(piece.runByteLength),
        firstDimension: sharedUint32(piece.firstDimension),
        dimensionCount: sharedUint8(
          piece.firstDimension.map((first, i) => (piece.firstDimension[i + 1] ?? dimensionTotal) - first),
        ),
        transform: sharedUint8(piece.transform),
        dimensions: sharedFloat64(this.dimensions),
      },
      transforms: this.transforms,
      casts: this.casts,
      literals: this.literals,
      deferred: this.deferred,
      recordByteLength: record.byteLength.reduce((sum, byteLength) => sum + byteLength, 0),
    };
  }
}

/** Bytes, before the cast, of elements that take `byteLength` bytes after it. */
export function uncastByteLength(byteLength: number, cast: Cast | RecordCast | undefined): number {
  if (cast === undefined) return byteLength;
  const itemSizeOf = (dtype: string | DTypeInfo): number =>
    (typeof dtype === 'string' ? dtypeOf(dtype) : dtype).itemSize;
  return (byteLength / itemSizeOf(cast.to)) * itemSizeOf(cast.from);
}

/** Drops dimensions of one, and joins those that continue each other on both sides. Undefined: nothing to copy. */
export function mergeDimensions(
  runByteLength: number,
  dimensions: readonly PieceDimension[],
): { runByteLength: number; dimensions: PieceDimension[] } | undefined {
  let run = runByteLength;
  if (run === 0) return undefined;
  const merged: PieceDimension[] = [];
  for (let d = dimensions.length - 1; d >= 0; d--) {
    const { count, sourceStep, recordStep } = dimensions[d]!;
    if (count === 0) return undefined;
    if (count === 1) continue;
    const inner = merged[0];
    if (inner === undefined && sourceStep === run && recordStep === run) {
      run *= count;
    } else if (
      inner !== undefined &&
      sourceStep === inner.sourceStep * inner.count &&
      recordStep === inner.recordStep * inner.count
    ) {
      inner.count *= count;
    } else {
      merged.unshift({ count, sourceStep, recordStep });
    }
  }
  return { runByteLength: run, dimensions: merged };
}

function sharedUint8(values: readonly number[]): Uint8Array {
  const column = new Uint8Array(new SharedArrayBuffer(values.length));
  column.set(values);
  return column;
}

function sharedUint32(values: readonly number[]): Uint32Array {
  const column = new Uint32Array(new SharedArrayBuffer(values.length * 4));
  column.set(values);
  return column;
}

function sharedFloat64(values: readonly number[]): Float64Array {
  const column = new Float64Array(new SharedArrayBuffer(values.length * 8));
  column.set(values);
  return column;
}
