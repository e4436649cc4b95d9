import { type Checkpoint, TensorEntry } from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { isMapping } from '../checkpoint/flatten.js';
import { TreeJoiner } from '../checkpoint/rejoin.js';
import { FormatError } from '../errors.js';
import { pathKind, withoutLastSlash } from '../io/listing.js';
import type { SafetensorsCheckpoint } from '../safetensors/reader.js';
import { openTorchFile } from '../torch/reader.js';

/** Beside safetensors: what they cannot hold, as torch.save of the state dict without the tensors that they do. */
export const STATE_NAME = 'state.pth';
/** The same for people and other programs, where JSON holds it exactly. */
export const STATE_JSON_NAME = 'state.json';

/** The state file in a directory of safetensors, where there is one. */
export function stateFileOf(directory: string): string | undefined {
  const path = `${withoutLastSlash(directory)}/${STATE_NAME}`;
  return pathKind(path) === 'file' ? path : undefined;
}

/**
 * The state dict that safetensors and the state file beside them stand for; the safetensors alone, where there is
 * none. Closing the result closes both.
 * @throws as opening does; FormatError where both have something of one name, or the state file holds no dict.
 */
export async function withState(
  tensors: SafetensorsCheckpoint,
  path: string | undefined,
): Promise<Checkpoint> {
  if (path === undefined) return tensors;
  const state = await openTorchFile(path);
  try {
    // Now: which files it has is only known when compressed records have been inflated.
    await state.resolve([]);
    return joinState(tensors, state);
  } catch (error) {
    state.close();
    throw error;
  }
}

/** Gives the state's containers, storages and entries up to the result. */
function joinState(tensors: SafetensorsCheckpoint, state: Checkpoint): Checkpoint {
  const { tree, storages } = state;
  if (!isMapping(tree)) throw new FormatError('The state file does not hold a dict', { path: state.path });
  const joiner = new TreeJoiner(tree);
  const placed = tensors.entries.map(entry => {
    const tensor = entry as TensorEntry;
    const copy = new TensorEntry(tensor.fqn, joiner.pathOf(tensor.fqn), tensor.dtype, tensor.shape);
    copy.firstChunk = state.chunks.count + tensor.firstChunk;
    copy.chunkCount = tensor.chunkCount;
    joiner.put(copy.path, copy);
    return copy;
  });
  const { format, path, metadata } = tensors;
  return {
    format,
    path,
    metadata,
    files: [...state.files, ...tensors.files],
    snapshots: [...tensors.snapshots, ...state.snapshots],
    storages,
    chunks: joinChunks(state, tensors),
    entries: [...placed, ...state.entries],
    tree,
    provenance: { globals: state.provenance.globals },
    resolve: async () => {},
    loadObjects: async () => {},
    close: () => {
      tensors.close();
      state.close();
    },
  };
}

/** The chunks of both; those of the tensors with rows of their own in the state's storages. */
function joinChunks(state: Checkpoint, tensors: Checkpoint): ChunkTable {
  const tables = [state.chunks, tensors.chunks];
  const count = tables.reduce((sum, table) => sum + table.count, 0);
  const joined = new ChunkTable(
    count,
    tables.reduce((sum, table) => sum + table.offsets.length, 0),
  );
  let to = 0;
  let dimensionBase = 0;
  for (const { chunks, storages, files } of [state, tensors]) {
    const firstFile = files === tensors.files ? state.files.length : 0;
    for (let chunk = 0; chunk < chunks.count; chunk++, to++) {
      const box = chunks.boxOf(chunk);
      joined.setBox(to, dimensionBase, box);
      dimensionBase += box.sizes.length;
      joined.itemFile[to] = firstFile + chunks.itemFile[chunk]!;
      joined.itemByteOffset[to] = chunks.itemByteOffset[chunk]!;
      joined.itemByteLength[to] = chunks.itemByteLength[chunk]!;
      let storage = chunks.storage[chunk]!;
      if (storages !== state.storages) {
        const row = storages.at(storage);
        storage = state.storages.add({ ...row, file: firstFile + row.file });
      }
      joined.setView(to, {
        storage,
        storageOffset: chunks.storageOffset[chunk]!,
        stride: chunks.strideOf(chunk),
        flags: chunks.viewFlags[chunk]!,
      });
    }
  }
  return joined;
}
