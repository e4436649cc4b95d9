import { contiguousStride } from '../../checkpoint/box.js';
import { type Checkpoint, TensorEntry } from '../../checkpoint/checkpoint.js';
import { ChunkTable } from '../../checkpoint/chunks.js';
import { rankOfFile } from '../../dcp/entries.js';
import { planTensorRecords, type WantedBox } from '../../device/records.js';
import { openDevice } from '../../device/registry.js';
import type { Findings } from './finding.js';

interface Replica {
  entry: TensorEntry;
  /** Rows of the chunk table: the one that is used, and another of the same box. */
  first: number;
  other: number;
}

/** Copies of one box beyond the first, in all tensors. */
function findReplicas({ entries, chunks }: Checkpoint): Replica[] {
  const replicas: Replica[] = [];
  for (const entry of entries) {
    if (!(entry instanceof TensorEntry) || entry.chunkCount < 2) continue;
    const firsts = new Map<string, number>();
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      if (chunks.isEmpty(chunk)) continue;
      const { offsets, sizes } = chunks.boxOf(chunk);
      const key = `${offsets.join()}:${sizes.join()}`;
      const first = firsts.get(key);
      if (first === undefined) firsts.set(key, chunk);
      else replicas.push({ entry, first, other: chunk });
    }
  }
  return replicas;
}

/**
 * Compares all copies of one box, byte by byte. The checkpoint must be resolved. Returns how many copies there are beyond
 * the first of each box.
 * @throws as reading does, InterruptedError.
 */
export async function checkReplicas(
  checkpoint: Checkpoint,
  findings: Findings,
  options: {
    workers?: number;
    signal?: AbortSignal;
    onProgress?: (progress: { byteCount: number; byteTotal: number }) => void;
  },
): Promise<number> {
  const replicas = findReplicas(checkpoint);
  if (replicas.length === 0) return 0;
  const { workers, signal, onProgress } = options;
  const device = await openDevice('cpu', workers === undefined ? {} : { workers });
  try {
    const { results } = await device.compare(
      planTensorRecords(boxesAlone(checkpoint, replicas, 'first')),
      planTensorRecords(boxesAlone(checkpoint, replicas, 'other')),
      {
        crc: false,
        atol: 0,
        rtol: 0,
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined ? {} : { onProgress }),
      },
    );
    for (const [i, { differingCount, elementCount, firstIndex }] of results.entries()) {
      if (differingCount > 0)
        report(checkpoint, replicas[i]!, differingCount, elementCount, firstIndex!, findings);
    }
  } finally {
    await device.close();
  }
  return replicas.length;
}

/** Each box as a tensor of its own. */
function boxesAlone(
  { chunks, storages, files }: Checkpoint,
  replicas: readonly Replica[],
  side: 'first' | 'other',
): WantedBox[] {
  const boxes = replicas.map(replica => chunks.boxOf(replica[side]));
  const table = new ChunkTable(
    replicas.length,
    boxes.reduce((sum, { sizes }) => sum + sizes.length, 0),
  );
  const source = { chunks: table, storages, files };
  let dimensionBase = 0;
  return replicas.map((replica, i) => {
    const { fqn, path, dtype } = replica.entry;
    const { sizes } = boxes[i]!;
    const chunk = replica[side];
    table.setBox(i, dimensionBase, { offsets: sizes.map(() => 0), sizes });
    dimensionBase += sizes.length;
    table.setView(i, {
      storage: chunks.storage[chunk]!,
      storageOffset: chunks.storageOffset[chunk]!,
      stride: chunks.strideOf(chunk),
      flags: chunks.viewFlags[chunk]!,
    });
    const entry = new TensorEntry(fqn, path, dtype, sizes);
    entry.firstChunk = i;
    entry.chunkCount = 1;
    return { entry, source };
  });
}

function report(
  { chunks, storages, files }: Checkpoint,
  { entry, first, other }: Replica,
  differingCount: number,
  elementCount: number,
  firstIndex: number,
  findings: Findings,
): void {
  const fileOf = (chunk: number) => files[storages.at(chunks.storage[chunk]!).file]!;
  const file = fileOf(other);
  const { sizes, offsets } = chunks.boxOf(other);
  const isRowMajor = contiguousStride(sizes).every((step, d) => step === chunks.strideOf(other)[d]);
  const { byteOffset } = storages.at(chunks.storage[other]!);
  const element = chunks.storageOffset[other]! + (isRowMajor ? firstIndex : 0);
  findings.add('replica', 'Two copies of one box differ', {
    relativePath: file.name,
    rank: rankOfFile(file),
    fqn: entry.fqn,
    byteOffset: byteOffset + element * entry.dtype.itemSize,
    expected: `the bytes of ${fileOf(first).name}`,
    found: `${differingCount} of ${elementCount} elements of the box at [${offsets.join(', ')}] differ`,
  });
}
