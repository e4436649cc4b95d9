import type { CopyPlan } from './plan.js';
import type { Tile } from './tile.js';

/** Work units between these sizes keep all threads busy to the end and cost few messages. */
const TILE_BYTE_LENGTH = 16 << 20;
const MAX_RECORDS = 1024;
/** Cuts inside a record fall on multiples of this, so that no element is cut. */
const CUT_ALIGNMENT = 1 << 16;

/** How plans are cut: where it differs, tiles of one position are other tiles. */
export const TILING = [TILE_BYTE_LENGTH, MAX_RECORDS, CUT_ALIGNMENT] as const;

/** Whether a plan has more than one tile: then there is something to keep of a run that ends in the middle. */
export function hasSeveralTiles({ records, recordByteLength }: CopyPlan): boolean {
  return recordByteLength > TILE_BYTE_LENGTH || records.count > MAX_RECORDS;
}

/**
 * The tiles of a plan, derived and never listed: ranges of records in their order, each about `byteLength`
 * bytes. A large record gives many tiles, a tile holds many small records.
 */
export function* tilesOf(plan: CopyPlan, byteLength = TILE_BYTE_LENGTH): Generator<Tile> {
  const { records } = plan;
  let tile: Tile | undefined;
  let taken = 0;
  for (let record = 0; record < records.count; record++) {
    const recordByteLength = records.byteLength[record]!;
    let start = 0;
    while (start < recordByteLength) {
      const room = Math.max(CUT_ALIGNMENT, Math.floor((byteLength - taken) / CUT_ALIGNMENT) * CUT_ALIGNMENT);
      const end = Math.min(recordByteLength, start + room);
      if (tile === undefined)
        tile = { firstRecord: record, startByte: start, lastRecord: record, endByte: end };
      else Object.assign(tile, { lastRecord: record, endByte: end });
      taken += end - start;
      start = end;
      if (taken >= byteLength || record - tile.firstRecord + 1 >= MAX_RECORDS) {
        yield tile;
        tile = undefined;
        taken = 0;
      }
    }
  }
  if (tile !== undefined) yield tile;
}
