import { StorageReference, type StorageTable } from '../checkpoint/storage.js';
import type { DTypeInfo } from '../dtype.js';
import { FormatError, UnsupportedError } from '../errors.js';
import type { PyPersistentId, PyValue } from '../pickle/values.js';
import type { ArchiveRecord } from '../zip/archive.js';
import { storageRecord, type TorchArchive } from './archive.js';
import { decodePersistentId, type StorageId } from './persistent-id.js';
import { dtypeOfClass } from './tensors.js';

/**
 * The storages that one pickle refers to. Each key is one storage, added to the table when it is first met; where
 * its bytes are is the container's to say.
 */
export abstract class PickledStorages {
  private readonly byKey = new Map<string, StorageReference>();
  private readonly parts = new Map<string, Part>();

  constructor(
    protected readonly table: StorageTable,
    protected readonly file: number,
    /** What the pickle is, if it is the item of one object. */
    private readonly fqn = '',
  ) {}

  /** For the pickle decoder: what a persistent id means. */
  load(persistentId: PyPersistentId): PyValue {
    const id = decodePersistentId(persistentId.id);
    if (id.kind === 'class') return id.class;
    const storage = this.reference(id);
    return id.view === undefined ? storage : this.viewOf(storage, id.key, id.view);
  }

  /** Whether what an untyped storage holds must be known, to swap its bytes. */
  get needsElementTypes(): boolean {
    return false;
  }

  /** Adds a storage that was not met before to the table; returns its row. */
  protected abstract add(id: StorageId, byteLength: number): number;

  /** Adds a part of a storage, that begins `byteOffset` bytes behind its start; returns its row. */
  protected addView(_row: number, _byteOffset: number, _byteLength: number): number {
    throw new UnsupportedError('The pickle refers to a part of a storage', {
      expected: 'whole storages, as in every zip archive of torch.save',
    });
  }

  private reference(id: StorageId): StorageReference {
    const { key, elementCount, className } = id;
    const described = `${elementCount} elements of ${className}`;
    const part = this.parts.get(key);
    if (part !== undefined) throw describedInTwoWays(key, textOfPart(part), described);
    const known = this.byKey.get(key);
    if (known === undefined) {
      const reference = this.newReference(this.add(id, elementCount * itemTypeOf(id).itemSize), id);
      this.byKey.set(key, reference);
      return reference;
    }
    if (known.elementCount !== elementCount || known.className !== className) {
      throw describedInTwoWays(key, `${known.elementCount} elements of ${known.className}`, described);
    }
    return known;
  }

  private viewOf(
    whole: StorageReference,
    wholeKey: string,
    { key, offset, elementCount }: NonNullable<StorageId['view']>,
  ): StorageReference {
    const known = this.parts.get(key);
    const found = textOfPart({ wholeKey, offset, elementCount });
    if (known !== undefined) {
      if (textOfPart(known) !== found) throw describedInTwoWays(key, textOfPart(known), found);
      return known.reference;
    }
    if (this.byKey.has(key)) throw describedInTwoWays(key, 'a whole storage', found);
    const { itemSize } = itemTypeOf(whole);
    const row = this.addView(whole.storage, offset * itemSize, elementCount * itemSize);
    const reference = this.newReference(row, { ...whole, elementCount });
    reference.memory = whole.memory;
    this.parts.set(key, { wholeKey, offset, elementCount, reference });
    return reference;
  }

  private newReference(
    row: number,
    {
      className,
      classModule,
      elementCount,
      location,
    }: Pick<StorageId, 'className' | 'classModule' | 'elementCount' | 'location'>,
  ): StorageReference {
    return new StorageReference(row, className, classModule, elementCount, location, this.fqn);
  }
}

/** A part of a storage that has a key of its own. */
interface Part {
  wholeKey: string;
  /** In elements, from the start of the whole. */
  offset: number;
  elementCount: number;
  reference: StorageReference;
}

function textOfPart({ wholeKey, offset, elementCount }: Omit<Part, 'reference'>): string {
  return `elements [${offset}, ${offset + elementCount}) of storage ${wholeKey}`;
}

function describedInTwoWays(key: string, expected: string, found: string): FormatError {
  return new FormatError(`Storage ${key} is described in two ways`, { expected, found });
}

function itemTypeOf({ classModule, className }: Pick<StorageId, 'classModule' | 'className'>): DTypeInfo {
  return dtypeOfClass(classModule, className);
}

/** Storages in the records of a zip archive. */
export class ArchiveStorages extends PickledStorages {
  /** Storages whose place is still to be read from the archive's local headers. */
  readonly records: { storage: number; record: ArchiveRecord }[] = [];

  constructor(
    private readonly archive: Pick<TorchArchive, 'archive' | 'bigEndian'>,
    table: StorageTable,
    file: number,
    fqn = '',
    /** Records of storages are named so, with the key behind it. */
    private readonly recordPrefix = 'data/',
  ) {
    super(table, file, fqn);
  }

  override get needsElementTypes(): boolean {
    return this.archive.bigEndian;
  }

  protected override add({ key }: StorageId, byteLength: number): number {
    const record = storageRecord(this.archive.archive, this.recordPrefix + key, byteLength);
    const storage = this.table.add({
      file: this.file,
      byteOffset: 0,
      byteLength,
      crc32: record.crc32,
      bigEndian: this.archive.bigEndian,
    });
    this.records.push({ storage, record });
    return storage;
  }
}
