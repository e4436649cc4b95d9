import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, Entry, SourceFile } from '../checkpoint/checkpoint.js';
import { proveCoverage } from '../checkpoint/coverage.js';
import { selectEntries } from '../checkpoint/select.js';
import { findDamagedStorages, type StoredRange } from '../copy/verify.js';
import type { DcpCheckpoint, ItemPlace } from '../dcp/reader.js';
import { CorruptDataError, DcpError, FileError, InterruptedError } from '../errors.js';

/** An entry that could not be proved whole, and was left out. */
export interface LostEntry {
  fqn: string;
  kind: Entry['kind'];
  /** One sentence. */
  reason: string;
  /** Data file, relative to the checkpoint, where it is to blame. */
  relativePath?: string;
}

export interface Salvaged {
  /** Only what is whole. Closing it closes the given one. */
  checkpoint: Checkpoint;
  /** All else, in the order of the index. */
  lost: LostEntry[];
}

/**
 * Tells what of a checkpoint is whole though files of it are missing, cut off or damaged: every chunk of a tensor is at
 * hand, together they tile it, their archives can be read, and their bytes have the CRC-32 stored with them. Where one
 * rank's chunk is gone and another rank saved the same box, that one is taken.
 *
 * All bytes are read once, and nothing is written.
 * @throws CorruptDataError where nothing is whole, InterruptedError.
 */
export async function salvage(
  checkpoint: DcpCheckpoint,
  options: { signal?: AbortSignal } = {},
): Promise<Salvaged> {
  const lost = new Map<Entry, LostEntry>();
  const lose = (entry: Entry, error: DcpError): void => {
    if (error instanceof InterruptedError) throw error;
    const { fqn, kind } = entry;
    const file = checkpoint.files.find(({ path }) => path === error.context.path);
    lost.set(entry, {
      fqn,
      kind,
      reason: reasonOf(error),
      ...(file === undefined ? {} : { relativePath: file.name }),
    });
  };
  const ranges: StoredRange[] = [];
  const entryOfRange: Entry[] = [];
  // Before anything is inflated: these are the places that the index names.
  for (const entry of checkpoint.entries) attempt(entry, lose, () => requireItems(checkpoint, entry));
  for (const entry of checkpoint.entries) {
    if (options.signal?.aborted === true) throw new InterruptedError('The conversion was interrupted');
    if (lost.has(entry)) continue;
    const { storages, files } = checkpoint;
    const before = storages.count;
    await attemptAsync(entry, lose, () =>
      entry.kind === 'tensor' ? checkpoint.resolve([entry]) : checkpoint.loadObjects([entry]),
    );
    if (lost.has(entry)) continue;
    for (let storage = before; storage < storages.count; storage++) {
      const { file, byteOffset, byteLength, crc32 } = storages.at(storage);
      ranges.push({ path: files[file]!.path, byteOffset, byteLength, crc32, label: entry.fqn });
      entryOfRange.push(entry);
    }
  }
  for (const [position, error] of await findDamagedStorages(ranges, options))
    lose(entryOfRange[position]!, error);
  if (lost.size === checkpoint.entries.length && lost.size > 0) {
    throw new CorruptDataError('Nothing of the checkpoint is whole', {
      expected: 'one tensor or object at least',
      found: `${lost.size} entries, each damaged; the first: ${[...lost.values()][0]!.reason}`,
      path: checkpoint.path,
    });
  }
  return {
    checkpoint: selectEntries(checkpoint, entry => !lost.has(entry)),
    lost: checkpoint.entries.flatMap(entry => lost.get(entry) ?? []),
  };
}

/** @throws FileError, CorruptDataError where an item is not at hand, or the chunks do not tile the tensor. */
function requireItems(checkpoint: DcpCheckpoint, entry: Entry): void {
  const { files } = checkpoint;
  if (entry.kind === 'object') {
    const place = checkpoint.placeOfObject(entry);
    if (place !== undefined) requireItem(files, place);
    return;
  }
  const { chunks } = checkpoint;
  const rows = Array.from({ length: entry.chunkCount }, (_, i) => entry.firstChunk + i);
  const boxes = rows.map(row => chunks.boxOf(row));
  proveCoverage(entry.shape, boxes);
  for (const [i, row] of rows.entries()) {
    if (elementCountOf(boxes[i]!.sizes) === 0) continue;
    const isSameBox = (other: number): boolean => JSON.stringify(boxes[other]) === JSON.stringify(boxes[i]);
    try {
      requireItem(files, checkpoint.placeOfChunk(row));
    } catch (error) {
      const replica = rows.find(
        (other, j) => other !== row && isSameBox(j) && isAtHand(files, checkpoint.placeOfChunk(other)),
      );
      if (replica === undefined) throw error;
      checkpoint.takeReplica(row, replica);
    }
  }
}

function isAtHand(files: readonly SourceFile[], place: ItemPlace): boolean {
  try {
    requireItem(files, place);
    return true;
  } catch (error) {
    if (error instanceof DcpError) return false;
    throw error;
  }
}

function requireItem(files: readonly SourceFile[], { file, byteOffset, byteLength }: ItemPlace): void {
  const { path, byteLength: found } = files[file]!;
  if (found === undefined) throw new FileError('Its data file is missing', { path });
  if (found >= byteOffset + byteLength) return;
  throw new CorruptDataError('Its data file is cut off', {
    expected: `${byteOffset + byteLength} bytes at least`,
    found: `${found} bytes`,
    path,
  });
}

function attempt(entry: Entry, lose: (entry: Entry, error: DcpError) => void, action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    lose(entry, error);
  }
}

async function attemptAsync(
  entry: Entry,
  lose: (entry: Entry, error: DcpError) => void,
  action: () => Promise<void>,
): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (!(error instanceof DcpError)) throw error;
    lose(entry, error);
  }
}

function reasonOf({ what, expected, found }: DcpError): string {
  const parts = [];
  if (expected !== undefined) parts.push(`expected ${expected}`);
  if (found !== undefined) parts.push(`found ${found}`);
  return parts.length === 0 ? what : `${what} (${parts.join(', ')})`;
}
