import { DcpError, InterruptedError } from '../../errors.js';
import type { ByteSource } from '../../io/source.js';
import { WindowSource } from '../../io/window-source.js';
import { type ArchiveLayout, auditArchive, streamRecord } from '../../torch/audit.js';
import type { ByteAccount } from './byte-account.js';
import type { ChecksumCheck, ChecksummedRange } from './checksums.js';
import type { Findings } from './finding.js';

/** An archive of torch.save, and where it lies. */
export interface PlacedArchive {
  /** The archive alone. */
  source: ByteSource;
  /** The file that it is in, and where in it it begins. */
  path: string;
  byteOffset: number;
  /** What the checkpoint calls the file. */
  relativePath: string;
  rank: number | undefined;
  /** False for what was inflated out of the file: its bytes are not the file's. */
  isStored: boolean;
  /** The tensor or object whose data begin at a byte of the archive. */
  fqnAt(dataByteOffset: number): string | undefined;
  /** How much is read first to find the directory. */
  tailByteLength?: number;
  /** An item ends where its archive does. */
  endsWithArchive: boolean;
}

export interface ArchiveCheckTools {
  findings: Findings;
  account: ByteAccount;
  checksums: ChecksumCheck;
}

/**
 * Checks all headers of one archive, and all checksums of its records.
 * @returns how torch laid it out, where all of it is in order but for what the checksums may say.
 */
export async function checkArchive(
  archive: PlacedArchive,
  { findings, account, checksums }: ArchiveCheckTools,
): Promise<ArchiveLayout | undefined> {
  const { path, byteOffset: base, relativePath, rank, isStored, fqnAt, tailByteLength } = archive;
  const source = new WindowSource(archive.source);
  const itemFqn = fqnAt(-1);
  let headersHold = true;
  const audited = await auditArchive(
    source,
    {
      onFault: ({ what, byteOffset, entry, expected, found }) => {
        headersHold = false;
        const at = isStored ? base + byteOffset : undefined;
        const where = { relativePath, rank, fqn: itemFqn, entry, byteOffset: at };
        findings.add('archive', what, { ...where, expected, found });
      },
      onBytes: (start, end, use) => {
        if (isStored && use === 'structure') account.add(relativePath, base + start, base + end, 'structure');
      },
    },
    tailByteLength,
  );
  if (audited === undefined) return undefined;
  if (archive.endsWithArchive && audited.byteLength < source.byteLength && headersHold) {
    findings.add('item_place', 'The item goes on behind its archive', {
      relativePath,
      rank,
      fqn: itemFqn,
      byteOffset: isStored ? base : undefined,
      expected: `${audited.byteLength} bytes`,
      found: `${source.byteLength} bytes`,
    });
  }
  for (const { record, dataByteOffset } of audited.records) {
    if (record.crc32 === undefined || record.compressedByteLength === 0) continue;
    const range: ChecksummedRange = {
      path,
      relativePath,
      byteOffset: base + dataByteOffset,
      byteLength: record.compressedByteLength,
      crc32: record.crc32,
      label: itemFqn ?? fqnAt(dataByteOffset) ?? '',
      entry: record.entryName,
      rank,
      isStored,
    };
    if (record.method === 'stored' || !checksums.isOn) {
      await checksums.add(range, source, dataByteOffset);
      continue;
    }
    try {
      await streamRecord(source, record, () => {});
      checksums.noteInflated(range, true);
    } catch (error) {
      if (!(error instanceof DcpError) || error instanceof InterruptedError) throw error;
      checksums.noteInflated(range, false);
      const { byteOffset, label, entry } = range;
      const at = isStored ? byteOffset : undefined;
      findings.addError('crc', error, { relativePath, rank, byteOffset: at, entry, fqn: label });
    }
  }
  return audited.layout;
}
