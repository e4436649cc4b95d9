import type { CorruptDataError } from '../errors.js';
import { CrcLedger } from './ledger.js';
import { CopyPlanBuilder, type StorageSpec } from './plan.js';
import { openRunner } from './runner.js';
import { copyOrdered } from './schedule.js';
import { SLOT_BYTE_LENGTH, SLOT_TILE_BYTE_LENGTH } from './slots.js';
import { tilesOf } from './tiles.js';

/** A storage of a file that is not in a plan yet. */
export interface StoredRange extends Omit<StorageSpec, 'source'> {
  path: string;
}

/**
 * Reads storages whole, and compares each with the CRC-32 that the source states for it. Nothing is written. Memory
 * holds a few tiles.
 * @returns what is wrong, by position in the list given; those without a CRC-32 cannot be told.
 * @throws FileError where reading fails, InterruptedError.
 */
export async function findDamagedStorages(
  ranges: readonly StoredRange[],
  options: { signal?: AbortSignal } = {},
): Promise<Map<number, CorruptDataError>> {
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
  const built = plan.build();
  const ledger = new CrcLedger(built);
  const slots = [new SharedArrayBuffer(SLOT_BYTE_LENGTH)];
  const runner = openRunner({ plan: built, target: { kind: 'slots', slots }, withCrc: true }, 0);
  try {
    await copyOrdered(
      runner,
      tilesOf(built, SLOT_TILE_BYTE_LENGTH),
      slots.length,
      async (_tile, _slot, { storageCrcs, recordCrcs }) => ledger.add(storageCrcs, recordCrcs),
      options.signal,
    );
  } finally {
    await runner.close();
  }
  return ledger.damagedStorages();
}
