import { DcpError, InterruptedError } from '../errors.js';
import { SliceSource } from '../io/source.js';
import { WindowSource } from '../io/window-source.js';
import type { ArchiveRecord } from '../zip/archive.js';
import { type AuditedArchive, auditArchive } from '../zip/audit.js';
import { foldCase } from '../zip/names.js';
import { streamRecord } from '../zip/reader.js';
import {
  END_RECORD,
  getUint64,
  MAX_UINT32,
  viewOf,
  ZIP64_END_RECORD,
  ZIP64_LOCATOR,
} from '../zip/records.js';
import type { ScanCollector } from './collector.js';
import { childRegion, type Region, readNow } from './region.js';
import { inSpool, scanSpool } from './spooled.js';
import { sweepLocalHeaders } from './sweep.js';

export interface ScanOptions {
  /** By its name it is a pickle. */
  isPickle?: boolean;
  /** Where it ends is not known: only what ends by itself is looked for. */
  isOpenEnded?: boolean;
}

/** What the scan of a region is given to go on with what is inside. */
export interface ScanTools {
  collector: ScanCollector;
  signal: AbortSignal | undefined;
  /** Scans what was found inside. */
  scan(region: Region, options?: ScanOptions): Promise<void>;
}

/**
 * Scans zip archives that lie one behind the other and fill a region, as the items of a `.distcp` file do; mostly it is
 * one. What lies in front of them, or inside and belongs to none, is swept for local headers: readers differ in what
 * they take for the archive, and whatever one of them could load must have such a header in front.
 */
export async function scanArchives(region: Region, tools: ScanTools): Promise<void> {
  const { collector } = tools;
  let end = region.source.byteLength;
  while (end > 0) {
    const start = startOfLastArchive(region, end);
    if (start === undefined) break;
    const source = new SliceSource(region.source, start, end - start);
    await scanArchive(childRegion(region, source, start), tools);
    end = start;
  }
  if (end === 0) return;
  const message =
    end === region.source.byteLength
      ? 'The archive has no end, or not one that fits: readers differ in what they make of it'
      : 'There are bytes in front of the archive: readers differ in what they make of it';
  collector.addFinding('archive', 'unknown', message, region);
  await sweepLocalHeaders(region, tools);
}

/** Where the archive begins that ends at a byte of the region, by its own count; undefined where none ends there. */
function startOfLastArchive({ source }: Region, end: number): number | undefined {
  const tailLength = Math.min(
    end,
    END_RECORD.BYTE_LENGTH + ZIP64_LOCATOR.BYTE_LENGTH + ZIP64_END_RECORD.BYTE_LENGTH,
  );
  const tail = readNow(source, end - tailLength, tailLength);
  const view = viewOf(tail);
  const at = tailLength - END_RECORD.BYTE_LENGTH;
  if (at < 0 || view.getUint32(at, true) !== END_RECORD.SIGNATURE) return undefined;
  if (view.getUint16(at + END_RECORD.commentByteLength, true) !== 0) return undefined;
  let byteLength = view.getUint32(at + END_RECORD.directoryByteLength, true);
  let byteOffset = view.getUint32(at + END_RECORD.directoryByteOffset, true);
  let directoryEnd = end - END_RECORD.BYTE_LENGTH;
  const wideAt = at - ZIP64_LOCATOR.BYTE_LENGTH - ZIP64_END_RECORD.BYTE_LENGTH;
  if (wideAt >= 0 && view.getUint32(wideAt, true) === ZIP64_END_RECORD.SIGNATURE) {
    byteLength = getUint64(view, wideAt + ZIP64_END_RECORD.directoryByteLength);
    byteOffset = getUint64(view, wideAt + ZIP64_END_RECORD.directoryByteOffset);
    directoryEnd = end - (tailLength - wideAt);
  } else if (byteLength === MAX_UINT32 || byteOffset === MAX_UINT32) return undefined;
  const start = directoryEnd - byteLength - byteOffset;
  return start >= 0 ? start : undefined;
}

async function scanArchive(region: Region, tools: ScanTools): Promise<void> {
  const { collector } = tools;
  collector.noteArchive(region);
  let isCertain = true;
  const fault = (what: string, byteOffset: number): void => {
    isCertain = false;
    collector.addFinding('archive', 'unknown', what, region, byteOffset);
  };
  const source = new WindowSource(region.source);
  let covered = 0;
  let audited: AuditedArchive | undefined;
  try {
    audited = await auditArchive(source, {
      onFault: ({ what, entry, byteOffset }) =>
        fault(entry === undefined ? what : `${what} (record ${JSON.stringify(entry)})`, byteOffset),
      onBytes: (start, end, use) => {
        if (use === 'structure') covered += end - start;
      },
    });
  } catch (error) {
    if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
    fault(error.what, 0);
  }
  if (audited !== undefined) {
    for (const { record } of audited.records) covered += record.compressedByteLength;
    await scanRecords(region, audited, tools);
  }
  // In an archive as torch writes it every byte is accounted for. In others something may hide between records.
  if (!isCertain || covered < region.source.byteLength) await sweepLocalHeaders(region, tools);
}

/** Records of tensors: torch reads their bytes, and nobody unpickles them. */
const STORAGE = /^(data|constants|\.data)\//;
const PICKLE_NAME = /\.(pkl|pickle|p|joblib|dill)$/i;
/** Names of programs inside an archive, of torch.package for one. */
const PROGRAM_NAME = /\.(py|pyc|so)$/;
/**
 * Of TorchScript, in an archive that is of it: no Python, but a language of its own, which only torch.jit.load compiles
 * (torch/csrc/jit/serialization/import.cpp). It runs what is in `__setstate__` then, and may read and write files.
 */
const TORCHSCRIPT_NAME = /^code\/.*\.py$/;

async function scanRecords(region: Region, audited: AuditedArchive, tools: ScanTools): Promise<void> {
  const { collector, signal } = tools;
  const { archive, records } = audited;
  const isTorch = archive.find('data.pkl') !== undefined;
  // As `_is_torchscript_zip` of torch/serialization.py has it.
  const isTorchScript = archive.find('constants.pkl') !== undefined;
  const torchScript: string[] = [];
  let program: string | undefined;
  for (const { record, dataByteOffset } of records) {
    if (signal?.aborted === true) throw new InterruptedError('The scan was interrupted');
    const name = foldCase(record.name);
    if (isTorchScript && TORCHSCRIPT_NAME.test(name)) torchScript.push(record.entryName);
    else if (PROGRAM_NAME.test(name)) program ??= record.entryName;
    if (record.byteLength === 0 || (isTorch && STORAGE.test(name))) continue;
    const isPickle = PICKLE_NAME.test(name);
    if (record.method === 'stored') {
      const source = new SliceSource(region.source, dataByteOffset, record.byteLength);
      await tools.scan(childRegion(region, source, dataByteOffset, record.entryName), { isPickle });
      continue;
    }
    await scanInflated(region, record, isPickle, tools);
  }
  if (torchScript.length > 0) {
    const files = torchScript.length === 1 ? '1 file' : `${torchScript.length} files`;
    const message =
      `It is a TorchScript program (${files} such as ${JSON.stringify(torchScript[0])}): torch.load refuses it with ` +
      'weights_only, torch.jit.load compiles it and runs its __setstate__ methods';
    collector.addFinding('torchscript', 'unknown', message, region);
  }
  if (program !== undefined) {
    const message = `The archive holds a program (${JSON.stringify(program)}), which is run when it is loaded or used`;
    collector.addFinding('program', 'unknown', message, region);
  }
}

async function scanInflated(
  region: Region,
  record: ArchiveRecord,
  isPickle: boolean,
  tools: ScanTools,
): Promise<void> {
  await inSpool(record.compressedByteLength, async spool => {
    try {
      spool.expect(record.byteLength);
      await streamRecord(region.source, record, bytes => spool.append(bytes));
    } catch (error) {
      if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
      // Torch compares no checksum: what could be inflated can be loaded.
      tools.collector.addFinding('unreadable', 'unknown', error.what, region, record.localHeaderByteOffset);
    }
    await scanSpool(spool, region, record.entryName, tools, { isPickle });
  });
}
