import { type Checkpoint, type Entry, TensorEntry } from '../checkpoint/checkpoint.js';
import { ChunkTable } from '../checkpoint/chunks.js';
import { isMapping } from '../checkpoint/flatten.js';
import { TreeJoiner } from '../checkpoint/rejoin.js';
import { FormatError } from '../errors.js';
import type { SafetensorsCheckpoint } from '../safetensors/reader.js';

/** Beside safetensors: what they cannot hold, as torch.save of the state dict without the tensors that they do. */
export const STATE_NAME = 'state.pth';
/** The same for people and other programs, where JSON holds it exactly. */
export const STATE_JSON_NAME = 'state.json';

/**
 * The state dict that safetensors and the state file beside them stand for. `state` must have been opened into the
 * files and storages of `tensors`; it gives its containers up to the result, which closes both.
 * @throws FormatError where both have something of one name, or the state file holds no dict.
 */
export function withState(tensors: SafetensorsCheckpoint, state: Checkpoint): Checkpoint {
  const { tree } = state;
  if (!isMapping(tree)) {
    throw new FormatError('The state file does not hold a dict', { path: state.path });
  }
  const joiner = new TreeJoiner(tree);
  const placed = tensors.entries.map(entry => {
    const tensor = entry as TensorEntry;
    const copy = new TensorEntry(tensor.fqn, joiner.pathOf(tensor.fqn), tensor.dtype, tensor.shape);
    copy.firstChunk = tensor.firstChunk;
    copy.chunkCount = tensor.chunkCount;
    joiner.put(copy.path, copy);
    return copy;
  });
  const moved = state.entries.map((entry): Entry => {
    if (entry.kind === 'tensor') entry.firstChunk += tensors.chunks.count;
    return entry;
  });
  const { format, path, files, storages, metadata } = tensors;
  return {
    format,
    path,
    files,
    storages,
    metadata,
    chunks: joinChunks(tensors.chunks, state.chunks),
    entries: [...placed, ...moved],
    tree,
    provenance: { globals: state.provenance.globals },
    resolve: async entries => state.resolve(entries),
    loadObjects: async entries => state.loadObjects(entries),
    close: () => {
      tensors.close();
      state.close();
    },
  };
}

/** The rows of both, with what is known of them. */
function joinChunks(first: ChunkTable, second: ChunkTable): ChunkTable {
  const joined = new ChunkTable(
    first.count + second.count,
    first.offsets.length + second.offsets.length,
  );
  let to = 0;
  let dimensionBase = 0;
  for (const table of [first, second]) {
    for (let chunk = 0; chunk < table.count; chunk++, to++) {
      const box = table.boxOf(chunk);
      joined.setBox(to, dimensionBase, box);
      joined.itemFile[to] = table.itemFile[chunk]!;
      joined.itemByteOffset[to] = table.itemByteOffset[chunk]!;
      joined.itemByteLength[to] = table.itemByteLength[chunk]!;
      joined.setView(to, {
        storage: table.storage[chunk]!,
        storageOffset: table.storageOffset[chunk]!,
        stride: table.strideOf(chunk),
        flags: table.viewFlags[chunk]!,
      });
      dimensionBase += box.sizes.length;
    }
  }
  return joined;
}
