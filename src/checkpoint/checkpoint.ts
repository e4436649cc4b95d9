import type { MemorySource, RecordCast } from '../copy/plan.js';
import type { DTypeInfo } from '../dtype.js';
import type { FileSnapshot } from '../io/snapshot.js';
import type { PyValue } from '../pickle/values.js';
import { PyExternal } from '../pickle/values.js';
import type { Box } from './box.js';
import type { ChunkTable } from './chunks.js';
import type { Factors } from './factors.js';
import type { StorageTable } from './storage.js';

/**
 * What every format reader makes, and what every writer, check and view takes: an index of named tensors and
 * objects, and where their bytes lie. No tensor byte is read to make one.
 */
export interface Checkpoint {
  /**
   * `torchscript`: a program with its weights, of which only the weights are seen here. `memory`: a state dict of this
   * process, on its way into a file.
   */
  readonly format: CheckpointFormat | 'torchscript' | 'memory';
  /** As the user named it. */
  readonly path: string;
  /** Data files; chunks and storages refer to them by position. */
  readonly files: readonly SourceFile[];
  /** What the files that it is read from were before they were read: to prove that they have not changed since. */
  readonly snapshots: readonly FileSnapshot[];
  /** In the order of the source. */
  readonly entries: readonly Entry[];
  /** The nested state dict, with entries as leaves. */
  readonly tree: PyValue;
  readonly chunks: ChunkTable;
  readonly storages: StorageTable;
  /** Files that were read to open this (the index and, when they are at hand, the data files). */
  readonly provenance: Provenance;
  /** Globals beyond torch's weights_only list that loaded objects name, by FQN; those of an index are in `provenance`. */
  readonly objectGlobals?: ReadonlyMap<string, readonly string[]>;
  /** Free text that safetensors headers hold beside tensors (`__metadata__`). */
  readonly metadata?: ReadonlyMap<string, string>;
  /**
   * Finds where the bytes of these entries are: reads the little archives around stored tensors and fills the
   * view columns of `chunks`. Opening never does this. Where only parts of tensors are wanted, `isWanted` tells which
   * of their boxes.
   * @throws FormatError, FileError, UnsupportedError naming the entry.
   */
  resolve(
    entries: readonly TensorEntry[],
    isWanted?: (entry: TensorEntry, box: Box) => boolean,
  ): Promise<void>;
  /** Reads the Python values of these objects. Opening never does this for DCP. */
  loadObjects(entries: readonly ObjectEntry[]): Promise<void>;
  close(): void;
}

export interface SourceFile {
  /** Path that can be opened. */
  readonly path: string;
  /** Path relative to the checkpoint directory; the file's own name for a single file. */
  readonly name: string;
  /** Undefined when the file is not at hand (a `.metadata` on its own). */
  readonly byteLength: number | undefined;
  /** The bytes themselves, where they are in memory and `path` only names them. */
  readonly memory?: MemorySource;
}

export interface Provenance {
  /** Which releases of torch write this, as text: `2.9 or newer`. Nothing tells that of safetensors. */
  readonly torchEra?: string;
  /** `Metadata.version`, where present. */
  readonly metadataVersion?: string;
  /** Of the pickle of a torch file. */
  readonly pickleProtocol?: number;
  /** Globals that the pickles of the index name, beyond those of the format itself. */
  readonly globals: readonly string[];
}

/** A file format that checkpoints are read from and written in. */
export type CheckpointFormat = 'dcp' | 'torch' | 'safetensors';

/** Strings are mapping keys as text, numbers are list positions: the form of DCP's `planner_data`. */
export type EntryPath = readonly (string | number)[];

export type Entry = TensorEntry | ObjectEntry;

/** A strided tensor. Its boxes are rows `firstChunk` … `firstChunk + chunkCount - 1` of the chunk table. */
export class TensorEntry extends PyExternal {
  protected readonly external = true;
  readonly kind = 'tensor';
  /** Row of the chunk table. */
  firstChunk = 0;
  chunkCount = 0;
  requiresGrad = false;
  /** Row of the StorageTable, where the source is a torch file: equal rows share memory. Bytes are found by chunk. */
  storage: number | undefined;
  /** The same object for every place of the tree that holds the same Python object. */
  identity: object = this;
  /** Device that a torch file was saved from. */
  location = 'cpu';
  /** What the boxes of its chunks count in, where that is finer than the shape. */
  factors: Factors | undefined;
  /** Put together from other tensors: the strides of its chunks are no memory order that anyone saved. */
  isRearranged = false;
  /** What a DCP or safetensors file cannot hold of it, beyond shared storage: for example `Parameter`. */
  typeName: string | undefined;
  /** Element type of the bytes in its chunks: another than `dtype` where they are cast on their way. */
  storedDtype: DTypeInfo;

  constructor(
    /** The path as text, joined with dots; two equal texts are told apart by `#2`. */
    readonly fqn: string,
    readonly path: EntryPath,
    readonly dtype: DTypeInfo,
    readonly shape: readonly number[],
  ) {
    super();
    this.storedDtype = dtype;
  }
}

/** How the elements of a tensor are converted on their way into a record; undefined where they stay as they are. */
export function castOf({ storedDtype, dtype }: TensorEntry): RecordCast | undefined {
  return storedDtype === dtype ? undefined : { from: storedDtype, to: dtype };
}

/** Any other value. Its bytes are in the storages that it refers to, and in the pickle. */
export class ObjectEntry extends PyExternal {
  protected readonly external = true;
  readonly kind = 'object';
  /** Undefined until loaded. Leaves may be {@link StorageReference}s. */
  value: PyValue | undefined;
  /** Bytes of the stored item, where it has a place of its own. */
  byteLength = 0;

  constructor(
    readonly fqn: string,
    readonly path: EntryPath,
  ) {
    super();
  }
}
