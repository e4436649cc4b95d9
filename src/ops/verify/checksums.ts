import { crc32 } from '../../copy/crc32.js';
import { findDamagedStorages, type StoredRange, type VerifyRangesOptions } from '../../copy/verify.js';
import { FileError } from '../../errors.js';
import { type ByteSource, readRange } from '../../io/source.js';
import type { ByteAccount } from './byte-account.js';
import type { Findings } from './finding.js';

/** The bytes of a record with the CRC-32 that is stored with them. */
export interface ChecksummedRange extends StoredRange {
  /** For findings. */
  relativePath: string;
  entry: string;
  rank: number | undefined;
  /** Whether `path` is the file itself, not what was inflated of it: then its bytes are counted. */
  isStored: boolean;
}

/** So many records are compared in one go: their plan takes some tens of megabytes. */
const BATCH_LENGTH = 100_000;
/** Shorter records are read on the way: their archive's headers around them are being read. */
const MAX_SHORT_BYTE_LENGTH = 4096;

/** Compares records with their checksums: long ones by the threads that copy, whatever their number. */
export class ChecksumCheck {
  private pending: ChecksummedRange[] = [];
  /** Compared, and of these damaged. */
  compared = 0;
  damaged = 0;
  private doneByteLength = 0;

  constructor(
    private readonly findings: Findings,
    private readonly account: ByteAccount,
    /** Undefined: no checksum is compared, records are only counted. */
    private readonly options: VerifyRangesOptions | undefined,
    /** Of all files: what progress counts up to. */
    private readonly byteTotal: number,
  ) {}

  get isOn(): boolean {
    return this.options !== undefined;
  }

  /** @param source the archive, and where in it the record's data begin. */
  async add(range: ChecksummedRange, source: ByteSource, dataByteOffset: number): Promise<void> {
    if (range.byteLength === 0) return;
    if (!this.isOn) {
      this.settle(range, 'unread');
      return;
    }
    if (range.byteLength > MAX_SHORT_BYTE_LENGTH) {
      await this.addLong(range);
      return;
    }
    const found = crc32(await readRange(source, dataByteOffset, range.byteLength));
    if (found === range.crc32) this.settle(range, 'proved');
    else this.fail(range, hex(range.crc32!), hex(found));
  }

  /** Of a record that is worth a thread. A promise where so many are waiting that they are compared now. */
  addLong(range: ChecksummedRange): Promise<void> | undefined {
    this.pending.push(range);
    return this.pending.length >= BATCH_LENGTH ? this.flush() : undefined;
  }

  /** Compares what is left. */
  async flush(): Promise<void> {
    const ranges = this.pending;
    if (ranges.length === 0 || this.options === undefined) return;
    this.pending = [];
    const { onProgress, ...rest } = this.options;
    const before = this.doneByteLength;
    const damaged = await findDamagedStorages(ranges, {
      ...rest,
      onProgress: ({ byteCount }) => {
        this.doneByteLength = before + byteCount;
        onProgress?.({ byteCount: Math.min(this.doneByteLength, this.byteTotal), byteTotal: this.byteTotal });
      },
    });
    for (const [position, range] of ranges.entries()) {
      const error = damaged.get(position);
      if (error === undefined) this.settle(range, 'proved');
      else if (error instanceof FileError) {
        this.settle(range, 'damaged');
        this.findings.addError('unreadable', error, this.detailsOf(range));
      } else this.fail(range, error.expected ?? '', error.found ?? '');
    }
  }

  /** A record that was compared by whoever inflated it. */
  noteInflated(range: ChecksummedRange, isWhole: boolean): void {
    if (isWhole) this.settle(range, 'proved');
    else this.settle(range, 'damaged');
  }

  private fail(range: ChecksummedRange, expected: string | number, found: string | number): void {
    this.settle(range, 'damaged');
    this.findings.add('crc', 'The bytes do not have the CRC-32 that is stored with them', {
      ...this.detailsOf(range),
      expected,
      found,
    });
  }

  private detailsOf({ relativePath, label, entry, byteOffset, rank, isStored }: ChecksummedRange) {
    return { relativePath, fqn: label, entry, byteOffset: isStored ? byteOffset : undefined, rank };
  }

  private settle(range: ChecksummedRange, proof: 'proved' | 'damaged' | 'unread'): void {
    const { relativePath, byteOffset, byteLength, isStored } = range;
    if (proof !== 'unread') this.compared++;
    if (proof === 'damaged') this.damaged++;
    if (isStored) this.account.add(relativePath, byteOffset, byteOffset + byteLength, proof);
  }
}

function hex(crc: number): string {
  return crc.toString(16).padStart(8, '0');
}
