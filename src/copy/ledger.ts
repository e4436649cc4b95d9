import { CorruptDataError } from '../errors.js';
import { combineCrc32, crc32 } from './crc32.js';
import { type CopyPlan, sourceLabel } from './plan.js';
import type { RangeCrc } from './tile.js';

/** How the sources' own checksums came out. Counts are storages. */
export interface CrcReport {
  /** Read whole, and equal to the CRC-32 that the source states. */
  checked: number;
  /** Read in part only, so that the stated CRC-32 says nothing. */
  partlyRead: number;
  /** The source states none: the archive was saved with checksums off. */
  withoutCrc: number;
}

const CRC_OF_NOTHING = crc32(new Uint8Array(0));

const hex = (crc: number): string => crc.toString(16).padStart(8, '0');

/**
 * Puts the CRCs of ranges together to those of whole storages and records, in whatever order tiles finish.
 */
export class CrcLedger {
  private readonly storageRanges = new Map<number, RangeCrc[]>();
  private readonly recordRanges = new Map<number, RangeCrc[]>();

  constructor(private readonly plan: CopyPlan) {}

  add(storageCrcs: readonly RangeCrc[], recordCrcs: readonly RangeCrc[]): void {
    for (const range of storageCrcs) append(this.storageRanges, range);
    for (const range of recordCrcs) append(this.recordRanges, range);
  }

  /** CRC-32 of a record, all of which has been copied. */
  recordCrc(record: number): number {
    const byteLength = this.plan.records.byteLength[record]!;
    if (byteLength === 0) return CRC_OF_NOTHING;
    const crc = join(this.recordRanges.get(record) ?? [], byteLength);
    if (crc === undefined) throw new Error(`record ${record} was not copied whole`);
    return crc;
  }

  /** CRC-32 of each record. To be called when all tiles are done. */
  recordCrcs(): Uint32Array {
    return Uint32Array.from({ length: this.plan.records.count }, (_, record) => this.recordCrc(record));
  }

  /** @throws CorruptDataError naming the first storage whose bytes do not have the CRC that the source states. */
  checkStorages(): CrcReport {
    const report: CrcReport = { checked: 0, partlyRead: 0, withoutCrc: 0 };
    for (let storage = 0; storage < this.plan.storages.count; storage++) {
      const outcome = this.outcomeOf(storage);
      if (outcome instanceof CorruptDataError) throw outcome;
      if (outcome !== 'empty') report[outcome]++;
    }
    return report;
  }

  /** What {@link checkStorages} would throw, of every storage: by its row. */
  damagedStorages(): Map<number, CorruptDataError> {
    const damaged = new Map<number, CorruptDataError>();
    for (let storage = 0; storage < this.plan.storages.count; storage++) {
      const outcome = this.outcomeOf(storage);
      if (outcome instanceof CorruptDataError) damaged.set(storage, outcome);
    }
    return damaged;
  }

  private outcomeOf(storage: number): keyof CrcReport | 'empty' | CorruptDataError {
    const { storages, sources, storageLabels } = this.plan;
    const byteLength = storages.byteLength[storage]!;
    if (byteLength === 0) return 'empty';
    if (storages.hasCrc[storage] === 0) return 'withoutCrc';
    const found = join(this.storageRanges.get(storage) ?? [], byteLength);
    if (found === undefined) return 'partlyRead';
    const expected = storages.crc32[storage]!;
    if (found === expected) return 'checked';
    return new CorruptDataError(
      'The bytes of this tensor are damaged: their CRC-32 is not the one stored with them',
      {
        expected: hex(expected),
        found: hex(found),
        path: sourceLabel(sources[storages.source[storage]!]!),
        byteOffset: storages.byteOffset[storage]!,
        ...(storageLabels[storage] === '' ? {} : { fqn: storageLabels[storage]! }),
      },
    );
  }
}

function append(ranges: Map<number, RangeCrc[]>, range: RangeCrc): void {
  const known = ranges.get(range.index);
  if (known === undefined) ranges.set(range.index, [range]);
  else known.push(range);
}

/**
 * The CRC of `[0, byteLength)` if some of the ranges, end to end, are exactly that; otherwise undefined. Tensors
 * that share a storage (tied weights, views) read parts of it more than once.
 */
function join(ranges: RangeCrc[], byteLength: number): number | undefined {
  const leadsToEnd = new Map<number, RangeCrc>();
  for (const range of ranges.sort((a, b) => b.start - a.start)) {
    const end = range.start + range.byteLength;
    if (range.byteLength > 0 && (end === byteLength || leadsToEnd.has(end)))
      leadsToEnd.set(range.start, range);
  }
  let crc = 0;
  for (let at = 0; at < byteLength; ) {
    const range = leadsToEnd.get(at);
    if (range === undefined) return undefined;
    crc = at === 0 ? range.crc32 : combineCrc32(crc, range.crc32, range.byteLength);
    at += range.byteLength;
  }
  return crc;
}
