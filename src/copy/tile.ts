import { type CastElements, castElements } from './cast.js';
import { clipPiece, type PiecePart, pieceAt } from './clip.js';
import { combineCrc32, crc32 } from './crc32.js';
import { overflowsOf } from './overflow.js';
import { type CopyPlan, uncastByteLength } from './plan.js';
import { forEachIndex, gappedStep, MAX_READ_BYTE_LENGTH, readShape, windowsOf } from './read-shape.js';
import { RunViews, scatter } from './scatter.js';
import { applyTransform } from './transform.js';

/** Where a tile's bytes come from and go to. Both are synchronous: this runs in workers. */
export interface TileIo {
  /** Fills `target` from a source. */
  read(source: number, target: Uint8Array, byteOffset: number): void;
  /** The bytes of a source that is in memory, which must not be written to. */
  view?(source: number, byteOffset: number, byteLength: number): Uint8Array | undefined;
  /** Puts bytes of an output at their place. `bytes` is only valid during the call. */
  write(output: number, bytes: Uint8Array, byteOffset: number): void;
  /** Where these bytes of an output belong in memory: they are made there, and not written. */
  place?(output: number, byteOffset: number, byteLength: number): Uint8Array | undefined;
}

/** CRC-32 of a range of a storage or of a record. */
export interface RangeCrc {
  /** Storage or record. */
  index: number;
  start: number;
  byteLength: number;
  crc32: number;
  /** A range that others may have too: what follows it is not joined to it. */
  isRow?: true;
}

/** A unit of work: all bytes of the records from one place to another, in the order of the records. */
export interface Tile {
  firstRecord: number;
  /** First byte of the first record. */
  startByte: number;
  lastRecord: number;
  /** End of the range in the last record. */
  endByte: number;
}

export interface TileResult {
  byteLength: number;
  recordCrcs: RangeCrc[];
  storageCrcs: RangeCrc[];
  /** Finite elements that their cast made infinite, by record; records without any are not there. */
  overflows: RecordOverflows[];
  /** The output held it already: nothing was copied. */
  wasThere?: true;
}

export interface RecordOverflows {
  record: number;
  count: number;
}

export function emptyResult(): TileResult {
  return { byteLength: 0, recordCrcs: [], storageCrcs: [], overflows: [] };
}

/** The bytes of one record, a block at a time. */
export interface RecordBlocks {
  /** How long a block should be, in bytes: by how the record's bytes lie in their sources. */
  readonly byteLength: number;
  /**
   * The bytes `[from, to)` of the record, which are valid until the next read; and their CRC-32, where it fell off
   * on the way. CRCs of source bytes go to `result`. With `into`, a place for exactly so many, they are made there.
   */
  read(from: number, to: number, result: TileResult, into?: Uint8Array): Block;
}

export interface Block {
  readonly bytes: Uint8Array;
  readonly crc: number | undefined;
}

/**
 * Bytes that are in hand at once: few enough for the processor's cache, so that their CRC costs little, and enough
 * to pay for the system calls.
 */
const BLOCK_BYTE_LENGTH = 512 << 10;
/** Where many sources meet in a block, or source and record run in different orders, blocks are larger. */
const MAX_BLOCK_BYTE_LENGTH = MAX_READ_BYTE_LENGTH;
/** A read of a source should not be shorter than this only because the block is small. */
const MIN_READ_BYTE_LENGTH = 64 << 10;
/** The same where a read costs milliseconds before its first byte comes. */
export const SLOW_MIN_READ_BYTE_LENGTH = 1 << 20;

/** Which CRC-32s are computed: none, those that tell whether the sources are intact, or those of records too. */
export type CrcScope = 'none' | 'storages' | 'all';

/** Copies tiles of one plan. Holds the buffers; one to a thread. */
export class TileCopier {
  private block: Uint8Array = new Uint8Array(0);
  private converted: Uint8Array = new Uint8Array(0);
  private scratch: Uint8Array = new Uint8Array(0);
  private readonly runs = new RunViews();

  constructor(
    private readonly plan: CopyPlan,
    private readonly io: TileIo,
    private readonly crcScope: CrcScope,
    private readonly minReadByteLength = MIN_READ_BYTE_LENGTH,
  ) {}

  copy(tile: Tile): TileResult {
    const { records } = this.plan;
    const result = emptyResult();
    for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
      const start = record === tile.firstRecord ? tile.startByte : 0;
      const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
      this.copyRecordRange(record, start, end, result);
      result.byteLength += end - start;
    }
    return result;
  }

  /**
   * A record's bytes block by block, for those who look at them instead of writing them. Used up one record at a time.
   */
  blocksOf(record: number): RecordBlocks {
    const { records, pieces, casts } = this.plan;
    const firstPiece = records.firstPiece[record]!;
    const pieceCount = records.pieceCount[record]!;
    const parts = Array.from({ length: pieceCount }, (_, i) => pieceAt(pieces, firstPiece + i));
    const rowSteps = parts.map(gappedStep);
    const readPieces = (from: number, to: number, result: TileResult, into?: Uint8Array): Block => {
      const only = pieceCount === 1 ? this.viewOf(firstPiece, parts[0]!, from, to) : undefined;
      if (only !== undefined && into === undefined) return { bytes: only, crc: undefined };
      if (into === undefined) this.block = grown(this.block, to - from);
      const bytes = into ?? this.block.subarray(0, to - from);
      let crc: number | undefined;
      for (let i = 0; i < pieceCount; i++) {
        for (const part of clipPiece(parts[i]!, from, to)) {
          crc = this.fill(bytes, from, { index: firstPiece + i, rowStep: rowSteps[i]! }, part, result);
        }
      }
      return { bytes, crc };
    };
    const byteLength = this.blockByteLength(firstPiece, pieceCount);
    const cast = casts[records.cast[record]! - 1];
    if (cast === undefined) return { byteLength, read: readPieces };
    const convert: CastElements = castElements(cast);
    const countOverflows = overflowsOf(cast);
    const before = (bytes: number): number => uncastByteLength(bytes, cast);
    return {
      byteLength: Math.min(byteLength, (byteLength / before(byteLength)) * byteLength),
      read: (from, to, result, into) => {
        const { bytes: elements } = readPieces(before(from), before(to), result);
        if (into === undefined) this.converted = grown(this.converted, to - from);
        const bytes = into ?? this.converted.subarray(0, to - from);
        convert(elements, bytes);
        const count = countOverflows?.(elements, bytes) ?? 0;
        if (count > 0) result.overflows.push({ record, count });
        return { bytes, crc: undefined };
      },
    };
  }

  /** The bytes `[from, to)` of a record, where they lie in memory as they are. Their CRC is then of no use. */
  private viewOf(piece: number, part: PiecePart, from: number, to: number): Uint8Array | undefined {
    const { pieces, storages } = this.plan;
    const storage = pieces.storage[piece]!;
    const isPlain = pieces.transform[piece] === 0 && part.dimensions.length === 0;
    if (!isPlain || storages.hasCrc[storage] === 1) return undefined;
    const start = storages.byteOffset[storage]! + part.sourceByteOffset + from - part.recordByteOffset;
    return this.io.view?.(storages.source[storage]!, start, to - from);
  }

  private copyRecordRange(record: number, start: number, end: number, result: TileResult): void {
    const { records } = this.plan;
    const output = records.output[record]!;
    const blocks = this.blocksOf(record);
    let recordCrc = 0;
    for (let from = start; from < end; from += blocks.byteLength) {
      const to = Math.min(end, from + blocks.byteLength);
      const byteOffset = records.byteOffset[record]! + from;
      const place = this.io.place?.(output, byteOffset, to - from);
      const { bytes, crc } = blocks.read(from, to, result, place);
      if (this.crcScope === 'all') {
        // A block that one run fills unchanged has the CRC of that run.
        const blockCrc = crc ?? crc32(bytes);
        recordCrc = from === start ? blockCrc : combineCrc32(recordCrc, blockCrc, to - from);
      }
      if (place === undefined) this.io.write(output, bytes, byteOffset);
    }
    if (this.crcScope === 'all')
      result.recordCrcs.push({ index: record, start, byteLength: end - start, crc32: recordCrc });
  }

  /** Reads one part into its place in the block. Returns the CRC of the block if the part is all of it. */
  private fill(
    block: Uint8Array,
    blockStart: number,
    piece: { index: number; rowStep: number },
    part: PiecePart,
    result: TileResult,
  ): number | undefined {
    const { pieces, storages, transforms } = this.plan;
    const storage = pieces.storage[piece.index]!;
    const transform = pieces.transform[piece.index]!;
    const at = part.recordByteOffset - blockStart;

    if (part.dimensions.length === 0 && !this.readsRows(storage, piece.rowStep)) {
      const target = block.subarray(at, at + part.runByteLength);
      const byteOffset = storages.byteOffset[storage]! + part.sourceByteOffset;
      this.io.read(storages.source[storage]!, target, byteOffset);
      const crc = this.noteStorageCrc(storage, part.sourceByteOffset, target, result);
      if (transform === 0) return target.length === block.length ? crc : undefined;
      applyTransform(target, transforms[transform]!);
      return undefined;
    }

    // Of a transposed piece only parts have gaps.
    const rowStep = piece.rowStep === 0 ? gappedStep(part) : piece.rowStep;
    for (const window of windowsOf(part)) {
      const { covered, remaining, span } = readShape(window);
      const place = window.recordByteOffset - blockStart;
      forEachIndex(remaining, (sourceStep, recordStep) => {
        const start = window.sourceByteOffset + sourceStep;
        const bytes = this.readRows(storage, start, span, rowStep, part.dimensions.length === 0, result);
        if (transform !== 0) applyTransform(bytes, transforms[transform]!);
        scatter(bytes, 0, block, place + recordStep, part.runByteLength, covered, this.runs);
      });
    }
    return undefined;
  }

  /** Whether rows are read whole for the sake of their CRC. */
  private readsRows(storage: number, rowStep: number): boolean {
    return rowStep > 0 && this.crcScope !== 'none' && this.plan.storages.hasCrc[storage] === 1;
  }

  /**
   * Bytes of a storage from `start` on, in the scratch area. Where rows are read with the gaps between them, from the
   * beginning of a row to the end of one: else what is read of the source for its CRC would lie beside itself.
   *
   * @param isCut the bytes are a part of a row, whose other part is read for another block.
   */
  private readRows(
    storage: number,
    start: number,
    byteLength: number,
    rowStep: number,
    isCut: boolean,
    result: TileResult,
  ): Uint8Array {
    const { storages } = this.plan;
    let first = start;
    let end = start + byteLength;
    if (this.readsRows(storage, rowStep)) {
      first = Math.floor(first / rowStep) * rowStep;
      end = Math.max(end, Math.min(storages.byteLength[storage]!, Math.ceil(end / rowStep) * rowStep));
    }
    this.scratch = grown(this.scratch, end - first);
    const rows = this.scratch.subarray(0, end - first);
    this.io.read(storages.source[storage]!, rows, storages.byteOffset[storage]! + first);
    this.noteStorageCrc(storage, first, rows, result, isCut);
    return rows.subarray(start - first, start - first + byteLength);
  }

  /** Notes the CRC of source bytes; neighbouring reads of one storage are joined at once. */
  private noteStorageCrc(
    storage: number,
    start: number,
    bytes: Uint8Array,
    result: TileResult,
    isRow = false,
  ): number | undefined {
    if (this.crcScope === 'none') return undefined;
    const isStated = this.plan.storages.hasCrc[storage] === 1;
    if (this.crcScope === 'storages' && !isStated) return undefined;
    const crc = crc32(bytes);
    if (!isStated) return crc;
    if (isRow) {
      result.storageCrcs.push({ index: storage, start, byteLength: bytes.length, crc32: crc, isRow });
      return crc;
    }
    for (let i = result.storageCrcs.length - 1; i >= 0 && i >= result.storageCrcs.length - RECENT; i--) {
      const range = result.storageCrcs[i]!;
      if (range.index === storage && range.isRow !== true && range.start + range.byteLength === start) {
        range.crc32 = combineCrc32(range.crc32, crc, bytes.length);
        range.byteLength += bytes.length;
        return crc;
      }
    }
    result.storageCrcs.push({ index: storage, start, byteLength: bytes.length, crc32: crc });
    return crc;
  }

  /** Larger blocks where a small one would cut the reads of the sources too short. */
  private blockByteLength(firstPiece: number, pieceCount: number): number {
    const { pieces } = this.plan;
    let interleaved = 0;
    let reordered = false;
    for (let piece = firstPiece; piece < firstPiece + pieceCount; piece++) {
      if (pieces.dimensionCount[piece] === 0) continue;
      interleaved++;
      const { remaining } = readShape(pieceAt(pieces, piece));
      reordered ||= remaining.length > 0;
    }
    if (reordered) return MAX_BLOCK_BYTE_LENGTH;
    const wanted = Math.max(BLOCK_BYTE_LENGTH, interleaved * this.minReadByteLength);
    return Math.min(MAX_BLOCK_BYTE_LENGTH, wanted);
  }
}

/** How many of the latest source ranges are looked at to join a new one: the fan-in of a block. */
const RECENT = 64;

function grown(buffer: Uint8Array, byteLength: number): Uint8Array {
  return buffer.length >= byteLength ? buffer : new Uint8Array(byteLength);
}
