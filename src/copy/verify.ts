import { type CorruptDataError, type DcpError, FileError } from '../errors.js';
import { type CopyOptions, workersFor } from './copy.js';
import { CrcLedger } from './ledger.js';
import { type CopyPlan, CopyPlanBuilder, type StorageSpec } from './plan.js';
import { openRunner } from './runner.js';
import { runUnordered } from './schedule.js';
import { tilesOf } from './tiles.js';

/** A storage of a file that is not in a plan yet. */
export interface StoredRange extends Omit<StorageSpec, 'source'> {
  path: string;
}

export type VerifyRangesOptions = Pick<CopyOptions, 'workers' | 'signal' | 'onProgress' | 'started'>;

/**
 * Reads storages whole, and compares each with the CRC-32 that the source states for it: a plan whose output is nowhere.
 * Memory holds a few blocks. Where a file cannot be read, that is what is wrong with its storages.
 * @returns what is wrong, by position in the list given; those without a CRC-32 cannot be told.
 * @throws InterruptedError.
 */
export async function findDamagedStorages(
  ranges: readonly StoredRange[],
  options: VerifyRangesOptions = {},
): Promise<Map<number, DcpError>> {
  try {
    return await compareAll(ranges, options);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
  }
  // One by one, so that what can be read is not lost with what cannot.
  const damaged = new Map<number, DcpError>();
  const { signal } = options;
  for (const [position, range] of ranges.entries()) {
    try {
      for (const error of (await compareAll([range], signal === undefined ? {} : { signal })).values())
        damaged.set(position, error);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      damaged.set(position, error);
    }
  }
  return damaged;
}

async function compareAll(
  ranges: readonly StoredRange[],
  options: VerifyRangesOptions,
): Promise<Map<number, CorruptDataError>> {
  const plan = planOf(ranges);
  const ledger = new CrcLedger(plan);
  const runner = openRunner(
    { plan, target: { kind: 'nowhere' }, withCrc: true },
    workersFor(plan.recordByteLength, options),
  );
  let byteCount = 0;
  try {
    await runUnordered(
      runner,
      (function* () {
        for (const tile of tilesOf(plan)) yield { tile, slot: 0 };
      })(),
      ({ storageCrcs, byteLength }) => {
        ledger.add(storageCrcs, []);
        byteCount += byteLength;
        options.onProgress?.({ byteCount, byteTotal: plan.recordByteLength });
      },
      options.signal,
    );
  } finally {
    await runner.close();
  }
  return ledger.damagedStorages();
}

function planOf(ranges: readonly StoredRange[]): CopyPlan {
  const plan = new CopyPlanBuilder();
  const output = plan.addOutput({ name: '', byteLength: 0 });
  let at = 0;
  for (const { path, ...range } of ranges) {
    const storage = plan.addStorage({ ...range, source: plan.addSource(path) });
    plan.beginRecord(output, at, range.byteLength);
    plan.addPiece(storage, 0, 0, range.byteLength);
    at += range.byteLength;
  }
  plan.setOutputByteLength(output, at);
  return plan.build();
}
