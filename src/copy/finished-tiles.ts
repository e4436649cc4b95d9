import { FileError } from '../errors.js';
import { combineCrc32, crc32 } from './crc32.js';
import type { CopyPlan } from './plan.js';
import type { RangeCrc, Tile, TileResult } from './tile.js';

/** What runs of one plan note of the tiles that they have finished, so that a later run need not copy them again. */
export interface FinishedTiles {
  /** What an earlier run noted of a tile, by its position among the tiles. */
  of(tile: number): TileResult | undefined;
  note(tile: number, result: TileResult): void;
}

/** Reads back what an output holds. @throws FileError */
export type ReadBack = (output: number, target: Uint8Array, byteOffset: number) => void;

const PIECE_BYTE_LENGTH = 1 << 20;

/**
 * Whether the outputs hold a tile's bytes: the CRC-32s that were noted of its records are those of what is there. That
 * files have the right length, or that a tile was noted, proves nothing: after a power cut either may be without the
 * bytes.
 */
export function holdsTile(plan: CopyPlan, tile: Tile, noted: TileResult, readBack: ReadBack): boolean {
  const wanted = rangesOf(plan, tile);
  if (wanted.length !== noted.recordCrcs.length) return false;
  try {
    return wanted.every((range, i) => {
      const { index, start, byteLength, crc32 } = noted.recordCrcs[i]!;
      const isSame = index === range.index && start === range.start && byteLength === range.byteLength;
      return isSame && crcOfOutput(plan, range, readBack) === crc32;
    });
  } catch (error) {
    // What cannot be read is copied again, and says then what is wrong with it.
    if (error instanceof FileError) return false;
    throw error;
  }
}

/** The ranges of records that a tile is made of, in the order in which copying reports them. */
function rangesOf({ records }: CopyPlan, tile: Tile): Omit<RangeCrc, 'crc32'>[] {
  const ranges: Omit<RangeCrc, 'crc32'>[] = [];
  for (let record = tile.firstRecord; record <= tile.lastRecord; record++) {
    const start = record === tile.firstRecord ? tile.startByte : 0;
    const end = record === tile.lastRecord ? tile.endByte : records.byteLength[record]!;
    ranges.push({ index: record, start, byteLength: end - start });
  }
  return ranges;
}

function crcOfOutput({ records }: CopyPlan, range: Omit<RangeCrc, 'crc32'>, readBack: ReadBack): number {
  const output = records.output[range.index]!;
  const base = records.byteOffset[range.index]! + range.start;
  const buffer = new Uint8Array(Math.min(PIECE_BYTE_LENGTH, range.byteLength));
  let crc = 0;
  for (let at = 0; at < range.byteLength; at += PIECE_BYTE_LENGTH) {
    const piece = buffer.subarray(0, Math.min(PIECE_BYTE_LENGTH, range.byteLength - at));
    readBack(output, piece, base + at);
    crc = at === 0 ? crc32(piece) : combineCrc32(crc, crc32(piece), piece.length);
  }
  return crc;
}
