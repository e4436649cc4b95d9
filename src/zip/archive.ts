import { foldCase } from './names.js';

/** One record, as the central directory describes it. Byte offsets count from the start of the archive. */
export interface ArchiveRecord {
  /** Name below the top-level directory, for example `data/0`. */
  readonly name: string;
  /** Name with the top-level directory, for example `archive/data/0`. */
  readonly entryName: string;
  /** Byte length of `entryName` in UTF-8, in the directory and in the local header. */
  readonly nameByteLength: number;
  readonly method: 'stored' | 'deflated';
  /** CRC-32 of the uncompressed bytes; undefined where the whole archive was saved without. */
  readonly crc32: number | undefined;
  readonly compressedByteLength: number;
  /** Uncompressed byte length. */
  readonly byteLength: number;
  readonly localHeaderByteOffset: number;
  /** Where its entry of the central directory begins. */
  readonly entryByteOffset: number;
  /** Where the next record or the central directory begins: the record's data end there at the latest. */
  readonly endByteOffset: number;
}

/** What the central directory of an archive says. Holds no bytes and no file. */
export class Archive {
  constructor(
    /** The one top-level directory, without a slash. */
    readonly root: string,
    /** In the order of the central directory, without directory entries. */
    readonly records: readonly ArchiveRecord[],
    /**
     * False where every record that is not empty carries CRC 0: `torch.save` was told not to compute them
     * (`torch.serialization.set_crc32_options`).
     */
    readonly hasCrc: boolean,
    /** The records by {@link foldCase} of their name. */
    private readonly byFoldedName: ReadonlyMap<string, ArchiveRecord>,
  ) {}

  /** The record of this name below the top-level directory; ASCII letters match in either case. */
  find(name: string): ArchiveRecord | undefined {
    return this.byFoldedName.get(foldCase(name));
  }
}
