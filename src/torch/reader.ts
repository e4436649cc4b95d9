import {
  type Checkpoint,
  type Entry,
  type EntryPath,
  ObjectEntry,
  type SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { type Leaf, leavesOf } from '../checkpoint/flatten.js';
import { StorageTable } from '../checkpoint/storage.js';
import { withContext, withContextAsync } from '../errors.js';
import { FileSource } from '../io/source.js';
import { Spool } from '../io/spool.js';
import type { PyValue } from '../pickle/values.js';
import type { ArchiveRecord } from '../zip/archive.js';
import { locateRecord, streamRecord } from '../zip/reader.js';
import { readTorchArchive, type TorchArchive } from './archive.js';
import { globalsBeyondTorch } from './globals.js';
import { ArchiveStorages } from './storages.js';
import { type StridedTensor, tensorFormOf } from './tensors.js';
import { unpickleArchive } from './unpickle.js';

/**
 * Opens a torch.save file (zip container, torch 1.6 and newer). Reads its directory and its pickle; storages
 * stay where they are.
 * @throws FileError, FormatError, UnsupportedError with path and record.
 */
export async function openTorchFile(path: string): Promise<Checkpoint> {
  const source = FileSource.open(path);
  try {
    return await withContextAsync(
      { path },
      async () => new TorchCheckpoint(path, await readTorchArchive(source)),
    );
  } catch (error) {
    source.close();
    throw error;
  }
}

class TorchCheckpoint implements Checkpoint {
  readonly format = 'torch';
  readonly files: SourceFile[];
  readonly entries: Entry[] = [];
  readonly tree: PyValue;
  readonly chunks: ChunkTable;
  readonly storages = new StorageTable();
  readonly provenance: Checkpoint['provenance'];
  private readonly archiveStorages: ArchiveStorages;
  private placed = false;
  private spool: Spool | undefined;

  constructor(
    readonly path: string,
    private readonly archive: TorchArchive,
  ) {
    const { source } = archive;
    this.files = [{ path, name: path.slice(path.lastIndexOf('/') + 1), byteLength: source.byteLength }];
    const archiveStorages = new ArchiveStorages(archive, this.storages, 0);
    this.archiveStorages = archiveStorages;
    const { value, globals } = withContext({ entry: 'data.pkl' }, () =>
      unpickleArchive(archive, archiveStorages),
    );
    this.tree = value;
    this.provenance = {
      torchEra: torchEra(archive),
      globals: globalsBeyondTorch(globals),
      pickleProtocol: pickleProtocolOf(archive.pickle),
    };
    const views = this.collectEntries();
    if (this.entries.length === 1 && this.entries[0]!.path.length === 0) this.tree = this.entries[0]!;
    this.chunks = this.chunkTable(views);
  }

  /** Names every leaf of the tree, puts the entry in its place, and tells the view of each tensor. */
  private collectEntries(): Map<TensorEntry, StridedTensor> {
    const views = new Map<TensorEntry, StridedTensor>();
    const firstOf = new Map<PyValue, TensorEntry>();
    const fqns = new Map<string, number>();
    for (const leaf of leavesOf(this.tree, value => tensorFormOf(value).kind !== 'none')) {
      const fqn = uniqueFqn(leaf.path, fqns);
      const entry = withContext({ fqn }, () => {
        // The same Python object again, or a container that stands in two places and was entered before.
        const first = leaf.value instanceof TensorEntry ? leaf.value : firstOf.get(leaf.value);
        const tensor = first === undefined ? stridedTensorOf(leaf.value) : views.get(first);
        if (tensor === undefined) return objectEntry(fqn, leaf);
        const made = tensorEntry(fqn, leaf.path, tensor);
        if (first === undefined) firstOf.set(leaf.value, made);
        else made.identity = first.identity;
        views.set(made, tensor);
        return made;
      });
      this.entries.push(entry);
      if (leaf.path.length > 0) leaf.replace(entry);
    }
    return views;
  }

  /** One chunk a tensor: the view of its storage. */
  private chunkTable(views: ReadonlyMap<TensorEntry, StridedTensor>): ChunkTable {
    let dimensionTotal = 0;
    for (const { size } of views.values()) dimensionTotal += size.length;
    const chunks = new ChunkTable(views.size, dimensionTotal);
    let chunk = 0;
    let dimensionBase = 0;
    for (const [entry, view] of views) {
      chunks.setBox(chunk, dimensionBase, { offsets: view.size.map(() => 0), sizes: view.size });
      chunks.itemByteLength[chunk] = this.storages.at(view.storage.storage).byteLength;
      chunks.setView(chunk, {
        storage: view.storage.storage,
        storageOffset: view.storageOffset,
        stride: view.stride,
        flags: view.flags,
      });
      entry.firstChunk = chunk++;
      entry.chunkCount = 1;
      dimensionBase += view.size.length;
    }
    return chunks;
  }

  /** Views are known from the pickle; what is left to find is where each record's data begin. */
  async resolve(): Promise<void> {
    if (this.placed) return;
    this.placed = true;
    const { source } = this.archive;
    await withContextAsync({ path: this.path }, async () => {
      for (const { storage, record } of this.archiveStorages.records) {
        if (record.method === 'stored') {
          this.storages.place(storage, 0, await locateRecord(source, record));
        } else {
          await this.inflate(storage, record);
        }
      }
    });
  }

  /** Deflated records have no random access: they are inflated once, into a spool file. */
  private async inflate(storage: number, record: ArchiveRecord): Promise<void> {
    if (this.spool === undefined) {
      this.spool = Spool.create();
      this.files.push({ path: this.spool.path, name: 'inflated records', byteLength: undefined });
    }
    const { spool } = this;
    const byteOffset = spool.byteLength;
    await streamRecord(this.archive.source, record, bytes => spool.append(bytes));
    this.storages.place(storage, 1, byteOffset);
  }

  /** Opening read the one pickle, and with it every object. Their storages are placed by `resolve`. */
  async loadObjects(): Promise<void> {}

  close(): void {
    this.archive.source.close();
    this.spool?.remove();
  }
}

function stridedTensorOf(value: PyValue): StridedTensor | undefined {
  const form = tensorFormOf(value);
  return form.kind === 'strided' ? form.tensor : undefined;
}

function tensorEntry(fqn: string, path: EntryPath, tensor: StridedTensor): TensorEntry {
  const entry = new TensorEntry(fqn, path, tensor.dtype, tensor.size);
  entry.requiresGrad = tensor.requiresGrad;
  entry.storage = tensor.storage.storage;
  entry.location = tensor.storage.location;
  if (tensor.typeName !== 'Tensor') entry.typeName = tensor.typeName;
  return entry;
}

function objectEntry(fqn: string, leaf: Leaf): ObjectEntry {
  const entry = new ObjectEntry(fqn, leaf.path);
  entry.value = leaf.value instanceof ObjectEntry ? leaf.value.value : leaf.value;
  return entry;
}

/** The path as text; a text that another path has already gets `#2`, `#3`, … */
function uniqueFqn(path: EntryPath, fqns: Map<string, number>): string {
  const text = path.join('.');
  const count = (fqns.get(text) ?? 0) + 1;
  fqns.set(text, count);
  return count === 1 ? text : `${text}#${count}`;
}

/** What the opcode PROTO says; pickles of protocols 0 and 1 have none. */
function pickleProtocolOf(pickle: Uint8Array): number {
  return pickle[0] === PROTO ? pickle[1]! : 0;
}

const PROTO = 0x80;

/** Which releases write an archive of this shape; docs/formats.md, "Which release wrote what". */
function torchEra(archive: TorchArchive): string {
  if (archive.formatVersion !== undefined) return '2.7 or newer';
  if (archive.hasSerializationId) return '2.1 to 2.6';
  return archive.hasByteOrder ? '2.1' : '1.6 to 2.0';
}
