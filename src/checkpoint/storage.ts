import type { DTypeInfo } from '../dtype.js';
import { PyExternal } from '../pickle/values.js';

/**
 * Where the bytes of a stored tensor, or of any other torch storage, lie in a source file: one row a storage.
 * Offsets and lengths are bytes. Rows are kept in columns: a checkpoint can have a million of them.
 */
export class StorageTable {
  private rows = 0;
  private fileColumn = new Uint32Array(64);
  private byteOffsetColumn = new Float64Array(64);
  private byteLengthColumn = new Float64Array(64);
  private crc32Column = new Uint32Array(64);
  private flagsColumn = new Uint8Array(64);

  get count(): number {
    return this.rows;
  }

  /** Adds a storage and returns its index. */
  add(row: StorageRow): number {
    const index = this.rows++;
    if (index === this.fileColumn.length) this.grow();
    this.fileColumn[index] = row.file;
    this.byteOffsetColumn[index] = row.byteOffset;
    this.byteLengthColumn[index] = row.byteLength;
    this.crc32Column[index] = row.crc32 ?? 0;
    this.flagsColumn[index] =
      (row.crc32 === undefined ? 0 : HAS_CRC) | (row.bigEndian === true ? BIG_ENDIAN : 0);
    return index;
  }

  /** Fills in where a storage lies, when the archive around it has been read. */
  place(index: number, file: number, byteOffset: number): void {
    this.fileColumn[index] = file;
    this.byteOffsetColumn[index] = byteOffset;
  }

  at(index: number): StorageRow {
    if (index >= this.rows) throw new RangeError(`storage ${index} of ${this.rows}`);
    const flags = this.flagsColumn[index]!;
    return {
      file: this.fileColumn[index]!,
      byteOffset: this.byteOffsetColumn[index]!,
      byteLength: this.byteLengthColumn[index]!,
      crc32: (flags & HAS_CRC) === 0 ? undefined : this.crc32Column[index]!,
      bigEndian: (flags & BIG_ENDIAN) !== 0,
    };
  }

  private grow(): void {
    const capacity = this.fileColumn.length * 2;
    const grown = <T extends Uint32Array | Float64Array | Uint8Array>(old: T, next: T): T => {
      next.set(old);
      return next;
    };
    this.fileColumn = grown(this.fileColumn, new Uint32Array(capacity));
    this.byteOffsetColumn = grown(this.byteOffsetColumn, new Float64Array(capacity));
    this.byteLengthColumn = grown(this.byteLengthColumn, new Float64Array(capacity));
    this.crc32Column = grown(this.crc32Column, new Uint32Array(capacity));
    this.flagsColumn = grown(this.flagsColumn, new Uint8Array(capacity));
  }
}

const HAS_CRC = 1;
const BIG_ENDIAN = 2;

export interface StorageRow {
  /** Index into the checkpoint's `files`. */
  file: number;
  byteOffset: number;
  byteLength: number;
  /** CRC-32 of the bytes as the archive states it; undefined when the archive was saved without. */
  crc32: number | undefined;
  bigEndian?: boolean;
}

/**
 * A torch storage inside a Python value: what the persistent id of a torch pickle stands for.
 * The same storage is the same object wherever it is referenced.
 */
export class StorageReference extends PyExternal {
  protected readonly external = true;
  /**
   * What tensors take an untyped storage for, in a file of a big-endian machine: it tells which bytes to swap.
   * `several` where they disagree.
   */
  elementType: DTypeInfo | 'several' | undefined;
  /** Row of the storage in whose memory this one lies: its own, unless old files call it a part of another. */
  memory: number;

  constructor(
    /** Row of the checkpoint's StorageTable. */
    readonly storage: number,
    /** Name of the storage class, for example `FloatStorage`; `UntypedStorage` counts bytes. */
    readonly className: string,
    readonly classModule: string,
    /** Elements of the storage class's type, as the persistent id says. */
    readonly elementCount: number,
    /** Device that it was saved from: `cpu`, `cuda:0`, … */
    readonly location: string,
    /** FQN of the object whose item holds it, for messages; empty where it is in the pickle of a whole file. */
    readonly fqn = '',
  ) {
    super();
    this.memory = storage;
  }
}
