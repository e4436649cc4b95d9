import { contiguousStride } from '../checkpoint/box.js';
import {
  type Checkpoint,
  type Entry,
  type ObjectEntry,
  type Provenance,
  type SourceFile,
  TensorEntry,
} from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { StorageTable } from '../checkpoint/storage.js';
import { DcpError, FileError, FormatError, withContext } from '../errors.js';
import { listNames, pathKind, withoutLastSlash } from '../io/listing.js';
import { type FileSnapshot, takeSnapshot } from '../io/snapshot.js';
import { FileSource, isSystemFailure, readWholeFile } from '../io/source.js';
import { PyDict } from '../pickle/dict.js';
import { readSafetensorsHeader } from './file.js';
import type { SafetensorsHeader } from './header.js';
import { decodeIndex, INDEX_NAME, INDEX_PATTERN, MAX_INDEX_BYTE_LENGTH, SINGLE_NAME } from './index-file.js';
import { joinTensors, SHARDING_KEY, type StoredTensor, storedTensors } from './stored-tensors.js';

const EXTENSION = '.safetensors';

/**
 * Opens a safetensors file, a directory of them as Hugging Face tools write it, or the index of one. Reads headers
 * only.
 * @throws FileError, FormatError, UnsupportedError, LimitError with path and tensor.
 */
export async function openSafetensors(path: string): Promise<SafetensorsCheckpoint> {
  const found = findFiles(path);
  const { directory, indexName } = found;
  const indexSnapshot = indexName === undefined ? undefined : takeSnapshot(`${directory}/${indexName}`);
  const weightMap = indexName === undefined ? undefined : await readIndex(`${directory}/${indexName}`);
  const names = weightMap === undefined ? found.names : [...new Set(weightMap.values())].sort();
  const snapshots: FileSnapshot[] = [];
  const headers: SafetensorsHeader[] = [];
  for (const name of names) {
    const filePath = `${directory}/${name}`;
    requireShard(filePath, name, indexName);
    snapshots.push(takeSnapshot(filePath));
    headers.push(await readHeaderOf(filePath));
  }
  if (weightMap === undefined) withContext({ path }, () => requireOneModel(names, headers));
  else {
    withContext({ path: `${directory}/${indexName}` }, () => requireIndexed(weightMap, names, headers));
  }
  return new SafetensorsCheckpoint(
    path,
    names.map((name, file) => ({
      path: `${directory}/${name}`,
      name,
      byteLength: snapshots[file]!.byteLength,
    })),
    headers,
    indexSnapshot === undefined ? snapshots : [indexSnapshot, ...snapshots],
  );
}

/** Whether a directory looks like one of safetensors files: it has an index, or such a file. */
export function holdsSafetensors(directory: string): boolean {
  return listNames(directory).some(isSafetensorsName);
}

/** Whether a name is that of a safetensors file, or of the index of several. */
export function isSafetensorsName(name: string): boolean {
  return INDEX_PATTERN.test(name) || name.endsWith(EXTENSION);
}

/** The files that a directory's index names; none where it cannot be read. */
export async function readShardNames(directory: string): Promise<string[]> {
  try {
    return [...new Set((await readIndex(`${directory}/${INDEX_NAME}`)).values())];
  } catch (error) {
    if (error instanceof DcpError && !isSystemFailure(error)) return [];
    throw error;
  }
}

interface FoundFiles {
  directory: string;
  indexName?: string;
  /** Of the data files, where there is no index. */
  names: string[];
}

function findFiles(path: string): FoundFiles {
  if (pathKind(path) !== 'directory') {
    const slash = path.lastIndexOf('/');
    const directory = slash < 0 ? '.' : slash === 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    return INDEX_PATTERN.test(name)
      ? { directory, indexName: name, names: [] }
      : { directory, names: [name] };
  }
  const directory = withoutLastSlash(path);
  const all = listNames(directory);
  const indexes = all.filter(name => INDEX_PATTERN.test(name));
  const names = all.filter(name => name.endsWith(EXTENSION));
  const indexName = indexes.includes(INDEX_NAME) ? INDEX_NAME : indexes[0];
  const hint = 'Name the file or the index itself.';
  if (indexName !== undefined) {
    // Both load in transformers, and which one counts depends on its release.
    if (names.includes(SINGLE_NAME) && indexName === INDEX_NAME) {
      throw new FormatError('The directory holds two models', {
        expected: `${SINGLE_NAME} or ${INDEX_NAME}`,
        found: 'both',
        path,
        hint,
      });
    }
    if (indexName !== INDEX_NAME && indexes.length > 1) {
      throw new FormatError('The directory holds several indexes', { found: indexes.join(', '), path, hint });
    }
    return { directory, indexName, names: [] };
  }
  if (names.includes(SINGLE_NAME)) return { directory, names: [SINGLE_NAME] };
  if (names.length > 0) return { directory, names };
  throw new FileError('The directory holds no safetensors file', { expected: `*${EXTENSION}`, path });
}

async function readIndex(path: string): Promise<Map<string, string>> {
  const bytes = await readWholeFile(path, MAX_INDEX_BYTE_LENGTH, 'The index is too large');
  return withContext({ path }, () => decodeIndex(bytes));
}

function requireShard(path: string, name: string, indexName: string | undefined): void {
  if (indexName === undefined || pathKind(path) === 'file') return;
  throw new FileError('A file that the index names is missing', {
    expected: name,
    found: pathKind(path) === 'missing' ? 'nothing' : `a ${pathKind(path)}`,
    path,
    hint: 'Download or copy it next to the index.',
  });
}

async function readHeaderOf(path: string): Promise<SafetensorsHeader> {
  const source = FileSource.open(path);
  try {
    return await readSafetensorsHeader(source);
  } finally {
    source.close();
  }
}

const SHARD_NAME = /^(.*)-(\d{5})-of-(\d{5})\.safetensors$/;

/**
 * Without an index, several files are one checkpoint only where that is sure: torch's own writer says so in their
 * headers, or their names count all of them.
 */
function requireOneModel(names: readonly string[], headers: readonly SafetensorsHeader[]): void {
  if (names.length === 1 || headers.every(({ metadata }) => metadata.has(SHARDING_KEY))) return;
  const numbered = names.map(name => SHARD_NAME.exec(name));
  const first = numbered[0];
  const isOneSeries = numbered.every(match => match?.[1] === first?.[1] && match?.[3] === first?.[3]);
  if (first === null || !isOneSeries) {
    throw new FormatError('The directory holds several safetensors files and no index', {
      expected: INDEX_NAME,
      found: names.slice(0, 3).join(', ') + (names.length > 3 ? ', …' : ''),
      hint: 'Name one of the files.',
    });
  }
  if (names.length !== Number(first![3])) {
    throw new FileError('Files of the model are missing', {
      expected: `${Number(first![3])} files`,
      found: `${names.length}`,
      hint: 'Download or copy the others next to them.',
    });
  }
}

/** The index and the headers must name the same tensors in the same files. */
function requireIndexed(
  weightMap: ReadonlyMap<string, string>,
  names: readonly string[],
  headers: readonly SafetensorsHeader[],
): void {
  let found = 0;
  for (const [file, { tensors }] of headers.entries()) {
    for (const { fqn } of tensors) {
      const indexed = weightMap.get(fqn);
      if (indexed !== names[file]) {
        throw new FormatError('A file holds a tensor that the index has elsewhere', {
          expected: indexed ?? 'in no file',
          found: names[file]!,
          fqn,
        });
      }
      found++;
    }
  }
  if (found === weightMap.size) return;
  const held = new Set(headers.flatMap(({ tensors }) => tensors.map(({ fqn }) => fqn)));
  const missing = [...weightMap].find(([fqn]) => !held.has(fqn))!;
  throw new FormatError('A tensor is not in the file that the index names', {
    expected: missing[1],
    fqn: missing[0],
  });
}

/** Tensors only, named by their FQN: the tree is flat. */
export class SafetensorsCheckpoint implements Checkpoint {
  readonly format = 'safetensors';
  readonly entries: readonly Entry[];
  readonly tree: PyDict;
  readonly chunks: ChunkTable;
  readonly storages = new StorageTable();
  readonly provenance: Provenance = { globals: [] };
  /** `__metadata__` of all files; of keys that several have, the first file's value. */
  readonly metadata: ReadonlyMap<string, string>;

  constructor(
    readonly path: string,
    readonly files: readonly SourceFile[],
    headers: readonly SafetensorsHeader[],
    /** Of all files that were read, at opening. */
    readonly snapshots: readonly FileSnapshot[],
  ) {
    const metadata = new Map<string, string>();
    for (const header of headers) {
      for (const [key, value] of header.metadata) if (!metadata.has(key)) metadata.set(key, value);
    }
    this.metadata = metadata;
    const stored = headers.flatMap((header, file) =>
      withContext({ path: files[file]!.path }, () => storedTensors(header, file)),
    );
    const joined = joinTensors(stored, files);
    let dimensionTotal = 0;
    for (const { chunks } of joined) for (const { sizes } of chunks) dimensionTotal += sizes.length;
    this.chunks = new ChunkTable(stored.length, dimensionTotal);
    let chunk = 0;
    let dimensionBase = 0;
    this.entries = joined.map(({ fqn, dtype, shape, chunks }) => {
      const entry = new TensorEntry(fqn, [fqn], dtype, shape);
      entry.firstChunk = chunk;
      entry.chunkCount = chunks.length;
      for (const stored of chunks) {
        this.setChunk(chunk++, dimensionBase, stored);
        dimensionBase += stored.sizes.length;
      }
      return entry;
    });
    this.tree = PyDict.of(this.entries.map(entry => [entry.fqn, entry]));
  }

  private setChunk(chunk: number, dimensionBase: number, stored: StoredTensor): void {
    const { chunks } = this;
    const { file, byteOffset, byteLength, offsets, sizes } = stored;
    chunks.setBox(chunk, dimensionBase, { offsets, sizes });
    chunks.itemFile[chunk] = file;
    chunks.itemByteOffset[chunk] = byteOffset;
    chunks.itemByteLength[chunk] = byteLength;
    const storage = this.storages.add({ file, byteOffset, byteLength, crc32: undefined });
    chunks.setView(chunk, { storage, storageOffset: 0, stride: contiguousStride(sizes), flags: 0 });
  }

  /** Headers say where everything is. */
  async resolve(): Promise<void> {}

  async loadObjects(_entries: readonly ObjectEntry[]): Promise<void> {}

  close(): void {}
}
