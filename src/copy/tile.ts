import { type CastElements, castElements } from './cast.js';
import { clipPiece, type PiecePart, pieceAt } from './clip.js';
import { combineCrc32, crc32 } from './crc32.js';
import { overflowsOf } from './overflow.js';
import { type CopyPlan, type PieceDimension, uncastByteLength } from './plan.js';
import { scatter } from './scatter.js';
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
const BLOCK_BYTE_LENGTH = 1 << 20;
/** Where many sources meet in a block, or source and record run in different orders, blocks are larger. */
const MAX_BLOCK_BYTE_LENGTH = 8 << 20;
/** A read of a source should not be shorter than this only because the block is small. */
const MIN_READ_BYTE_LENGTH = 64 << 10;
/** The same where a read costs milliseconds before its first byte comes. */
export const SLOW_MIN_READ_BYTE_LENGTH = 1 << 20;
/** Bytes between two wanted runs that are read and dropped rather than sought over. */
const MAX_READ_GAP = 4096;

/** Which CRC-32s are computed: none, those that tell whether the sources are intact, or those of records too. */
export type CrcScope = 'none' | 'storages' | 'all';

/** Copies tiles of one plan. Holds the buffers; one to a thread. */
export class TileCopier {
  private block: Uint8Array = new Uint8Array(0);
  private converted: Uint8Array = new Uint8Array(0);
  private scratch: Uint8Array = new Uint8Array(0);

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
    const readPieces = (from: number, to: number, result: TileResult, into?: Uint8Array): Block => {
      const only = pieceCount === 1 ? this.viewOf(firstPiece, parts[0]!, from, to) : undefined;
      if (only !== undefined && into === undefined) return { bytes: only, crc: undefined };
      if (into === undefined) this.block = grown(this.block, to - from);
      const bytes = into ?? this.block.subarray(0, to - from);
      let crc: number | undefined;
      for (let i = 0; i < pieceCount; i++) {
        for (const part of clipPiece(parts[i]!, from, to)) {
          crc = this.fill(bytes, from, firstPiece + i, part, result);
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
    piece: number,
    part: PiecePart,
    result: TileResult,
  ): number | undefined {
    const { pieces, storages, transforms } = this.plan;
    const storage = pieces.storage[piece]!;
    const source = storages.source[storage]!;
    const base = storages.byteOffset[storage]!;
    const transform = pieces.transform[piece]!;
    const at = part.recordByteOffset - blockStart;

    if (part.dimensions.length === 0) {
      const target = block.subarray(at, at + part.runByteLength);
      this.io.read(source, target, base + part.sourceByteOffset);
      const crc = this.noteStorageCrc(storage, part.sourceByteOffset, target, result);
      if (transform === 0) return target.length === block.length ? crc : undefined;
      applyTransform(target, transforms[transform]!);
      return undefined;
    }

    const { covered, remaining, span } = readShape(part);
    this.scratch = grown(this.scratch, span);
    const target = this.scratch.subarray(0, span);
    forEachIndex(remaining, (sourceStep, recordStep) => {
      const start = part.sourceByteOffset + sourceStep;
      this.io.read(source, target, base + start);
      this.noteStorageCrc(storage, start, target, result);
      if (transform !== 0) applyTransform(target, transforms[transform]!);
      scatter(target, 0, block, at + recordStep, part.runByteLength, covered);
    });
    return undefined;
  }

  /** Notes the CRC of source bytes; neighbouring reads of one storage are joined at once. */
  private noteStorageCrc(
    storage: number,
    start: number,
    bytes: Uint8Array,
    result: TileResult,
  ): number | undefined {
    if (this.crcScope === 'none') return undefined;
    const isStated = this.plan.storages.hasCrc[storage] === 1;
    if (this.crcScope === 'storages' && !isStated) return undefined;
    const crc = crc32(bytes);
    if (!isStated) return crc;
    for (let i = result.storageCrcs.length - 1; i >= 0 && i >= result.storageCrcs.length - RECENT; i--) {
      const range = result.storageCrcs[i]!;
      if (range.index === storage && range.start + range.byteLength === start) {
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

/**
 * How a part is read: the dimensions that one read covers (its `span` in bytes, gaps included), and those over
 * which reads are repeated.
 */
export function readShape(part: PiecePart): {
  covered: PieceDimension[];
  remaining: PieceDimension[];
  span: number;
} {
  const bySource = [...part.dimensions].sort((a, b) => a.sourceStep - b.sourceStep);
  let span = part.runByteLength;
  let taken = 0;
  for (const { count, sourceStep } of bySource) {
    const next = span + (count - 1) * sourceStep;
    if (sourceStep - span > MAX_READ_GAP || next > MAX_BLOCK_BYTE_LENGTH) break;
    span = next;
    taken++;
  }
  const covered = new Set(bySource.slice(0, taken));
  return {
    covered: part.dimensions.filter(dimension => covered.has(dimension)),
    remaining: bySource.slice(taken),
    span,
  };
}

export function forEachIndex(
  dimensions: readonly PieceDimension[],
  action: (sourceStep: number, recordStep: number) => void,
): void {
  const visit = (level: number, source: number, record: number): void => {
    const dimension = dimensions[level];
    if (dimension === undefined) {
      action(source, record);
      return;
    }
    for (let i = 0; i < dimension.count; i++) {
      visit(level + 1, source + i * dimension.sourceStep, record + i * dimension.recordStep);
    }
  };
  visit(0, 0, 0);
}

function grown(buffer: Uint8Array, byteLength: number): Uint8Array {
  return buffer.length >= byteLength ? buffer : new Uint8Array(byteLength);
}
