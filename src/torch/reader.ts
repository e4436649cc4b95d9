import { hexOf } from '../bytes.js';
import {
  type Checkpoint,
  type Entry,
  type EntryPath,
  ObjectEntry,
  type SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import type { ChunkTable } from '../checkpoint/chunks.js';
import { type Leaf, leavesOf } from '../checkpoint/flatten.js';
import { StorageTable } from '../checkpoint/storage.js';
import { Turns } from '../checkpoint/turns.js';
import { viewChunks } from '../checkpoint/view-chunks.js';
import { FormatError, withContext, withContextAsync } from '../errors.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { type ByteSource, FileSource, readRange } from '../io/source.js';
import { Spool, safeInflatedByteLength } from '../io/spool.js';
import type { PyValue } from '../pickle/values.js';
import type { ArchiveRecord } from '../zip/archive.js';
import { gunzipPieces } from '../zip/inflate.js';
import { readPieces, streamRecord } from '../zip/reader.js';
import { readTorchArchive } from './archive.js';
import type { TorchContainer } from './container.js';
import { globalsBeyondTorch } from './globals.js';
import { openLegacyContainer, readPickles } from './legacy.js';
import { HEAD_BYTE_LENGTH, isGzip, isLegacyTorch, isZip } from './magic.js';
import { stridedTensorOf, viewOf } from './object-tensors.js';
import { type StridedTensor, tensorFormOf } from './tensors.js';
import { openZipContainer } from './zip-container.js';

/**
 * Opens a torch.save file, in the zip container (torch 1.6 and newer) or the one before it, or a TorchScript
 * archive; inside gzip too. Reads its directory and its pickles; storages stay where they are, but what gzip
 * holds is first inflated, whole, into the temporary area.
 * @throws FileError, FormatError, UnsupportedError, CorruptDataError, LimitError with path and record.
 */
export async function openTorchFile(path: string): Promise<Checkpoint> {
  // Before anything is read: what changes meanwhile must show.
  const snapshots = [takeSnapshot(path)];
  const file = new TorchFile(path);
  try {
    return await withContextAsync({ path }, async () => {
      await file.uncompress();
      const storages = new StorageTable();
      const head = await readHead(file.source);
      const open = isLegacyTorch(head) ? openLegacyContainer : openZipContainer;
      return new TorchCheckpoint(path, snapshots, file, await open(file.source, storages), storages);
    });
  } catch (error) {
    file.close();
    throw error;
  }
}

/** A pickle of a file, as it lies there. */
export interface StoredPickle {
  /** Its record, or what it is among several. */
  name: string;
  bytes: Uint8Array;
  /** Where in `bytes` it begins. */
  start: number;
}

/** What the pickles are that a file in the container from before torch 1.6 begins with. */
const LEGACY_NAMES = ['magic number', 'version', 'system', 'object', 'storage keys'];

/**
 * The pickles of a torch.save file or TorchScript archive, unread: of damaged and hostile files too, as far as their
 * container can be followed.
 * @throws as {@link openTorchFile} does for the container.
 */
export async function readStoredPickles(path: string): Promise<StoredPickle[]> {
  const file = new TorchFile(path);
  try {
    return await withContextAsync({ path }, async () => {
      await file.uncompress();
      const { source } = file;
      if (!isLegacyTorch(await readHead(source))) return await readArchivePickles(source);
      const { bytes, starts } = await readPickles(source, LEGACY_NAMES.length);
      return starts.map((start, i) => ({ name: LEGACY_NAMES[i]!, bytes, start }));
    });
  } finally {
    file.close();
  }
}

/** The same of an archive, which may be an item of a DCP data file. */
export async function readArchivePickles(source: ByteSource): Promise<StoredPickle[]> {
  const { pickle, constants } = await readTorchArchive(source, undefined, true);
  return [
    { name: 'data.pkl', bytes: pickle, start: 0 },
    ...(constants === undefined ? [] : [{ name: 'constants.pkl', bytes: constants, start: 0 }]),
  ];
}

function readHead(source: ByteSource): Promise<Uint8Array> {
  return readRange(source, 0, Math.min(HEAD_BYTE_LENGTH, source.byteLength));
}

/** The bytes of one torch file: the file itself, and spool files for what is compressed in or around it. */
class TorchFile {
  /** Where the container is: the file, or what was inflated of it. */
  source: ByteSource;
  readonly files: SourceFile[];
  private readonly spools: Spool[] = [];
  private inflated: { spool: Spool; file: number } | undefined;

  constructor(path: string) {
    const source = FileSource.open(path);
    this.source = source;
    this.files = [{ path, name: path.slice(path.lastIndexOf('/') + 1), byteLength: source.byteLength }];
  }

  /** Puts what gzip holds, if the file is of gzip, in the file's place. */
  async uncompress(): Promise<void> {
    const { source } = this;
    const [{ name, byteLength }] = this.files as [SourceFile];
    if (!isGzip(await readHead(source))) return;
    const spool = this.addSpool(source.byteLength);
    const pieces = gunzipPieces(readPieces(source, 0, source.byteLength), { path: source.name });
    let head: Uint8Array = new Uint8Array(0);
    for await (const piece of pieces) {
      spool.append(piece);
      if (head.length >= HEAD_BYTE_LENGTH) continue;
      head = Buffer.concat([head, piece.subarray(0, HEAD_BYTE_LENGTH)]);
      // As soon as can be: what is something else need not be inflated to its end.
      if (head.length >= HEAD_BYTE_LENGTH) requireContainer(head);
    }
    requireContainer(head);
    this.files[0] = { path: spool.path, name, byteLength };
    this.source = FileSource.open(spool.path, source.name);
    source.close();
  }

  /** Compressed records have no random access: they are inflated once, into a spool file. */
  async inflate(record: ArchiveRecord): Promise<{ file: number; byteOffset: number }> {
    this.inflated ??= this.spoolOfRecords();
    const { spool, file } = this.inflated;
    spool.expect(record.byteLength);
    const byteOffset = spool.byteLength;
    await streamRecord(this.source, record, bytes => spool.append(bytes));
    return { file, byteOffset };
  }

  private spoolOfRecords(): { spool: Spool; file: number } {
    const spool = this.addSpool(this.source.byteLength);
    const file = this.files.push({ path: spool.path, name: 'inflated records', byteLength: undefined }) - 1;
    return { spool, file };
  }

  private addSpool(compressedByteLength: number): Spool {
    const spool = Spool.create(safeInflatedByteLength(compressedByteLength));
    this.spools.push(spool);
    return spool;
  }

  close(): void {
    this.source.close();
    for (const spool of this.spools) spool.remove();
  }
}

function requireContainer(head: Uint8Array): void {
  if (isZip(head) || isLegacyTorch(head)) return;
  throw new FormatError('The gzip file holds no torch.save file', {
    found: head.length === 0 ? 'nothing' : `bytes that begin with ${hexOf(head.subarray(0, 8))}`,
    hint: 'Uncompress it and look at what is in it: gunzip.',
  });
}

class TorchCheckpoint implements Checkpoint {
  readonly format: TorchContainer['format'];
  readonly files: readonly SourceFile[];
  readonly entries: Entry[] = [];
  readonly tree: PyValue;
  readonly chunks: ChunkTable;
  readonly provenance: Checkpoint['provenance'];
  private placed = false;
  private readonly turns = new Turns();

  constructor(
    readonly path: string,
    readonly snapshots: readonly FileSnapshot[],
    private readonly file: TorchFile,
    private readonly container: TorchContainer,
    readonly storages: StorageTable,
  ) {
    const { format, value, globals, torchEra, pickleProtocol } = container;
    this.format = format;
    this.files = file.files;
    this.tree = value;
    this.provenance = { torchEra, globals: globalsBeyondTorch(globals), pickleProtocol };
    const views = this.collectEntries();
    if (this.entries.length === 1 && this.entries[0]!.path.length === 0) this.tree = this.entries[0]!;
    this.chunks = viewChunks(
      [...views].map(([entry, tensor]) => ({ entry, view: viewOf(tensor) })),
      storages,
    );
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

  /** Views are known from the pickle; what is left to find is where the bytes of each storage begin. */
  resolve(): Promise<void> {
    return this.turns.take(async () => {
      if (this.placed) return;
      await withContextAsync({ path: this.path }, () =>
        this.container.placeStorages(record => this.file.inflate(record)),
      );
      this.placed = true;
    });
  }

  /** Opening read the one pickle, and with it every object. Their storages are placed by `resolve`. */
  async loadObjects(): Promise<void> {}

  close(): void {
    this.file.close();
  }
}

function tensorEntry(fqn: string, path: EntryPath, tensor: StridedTensor): TensorEntry {
  const entry = new TensorEntry(fqn, path, tensor.dtype, tensor.size);
  entry.requiresGrad = tensor.requiresGrad;
  entry.storage = tensor.storage.memory;
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
