import { availableParallelism } from 'node:os';
import { type Box, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { Histogram } from '../../device/device.js';
import { toPythonLines } from '../../pickle/pretty.js';
import { stridedTensorOf } from '../../torch/object-tensors.js';
import {
  type Completeness,
  completenessOf,
  type InspectedFile,
  inspectFiles,
  missingRanksOf,
} from '../completeness.js';
import { openCheckpoint } from '../open.js';
import { type StatsEntry, tensorStats } from '../stats.js';
import { wantedKeys } from '../wanted-keys.js';
import { type TensorLayout, tensorLayout } from './tensor-layout.js';
import { readWindow, sampleNumbers, type TensorWindow } from './tensor-numbers.js';
import { histogramOfNumbers, histogramOfPatterns, type ValueHistogram } from './value-histogram.js';

/** What is known of a checkpoint as soon as it is open. Plain data, but for `layoutOf`, which reads the index. */
export interface ExploredCheckpoint {
  readonly path: string;
  readonly format: Checkpoint['format'];
  readonly torchEra: string | undefined;
  readonly completeness: Completeness;
  /** Ranks whose own index is not at hand. */
  readonly missingRanks: readonly number[];
  readonly files: readonly InspectedFile[];
  readonly entries: readonly Entry[];
  readonly chunkCount: number;
  /** Whether offsets are known only when {@link Explorer.place} has been called. */
  readonly needsPlaces: boolean;
  layoutOf(entry: TensorEntry): TensorLayout;
  /** Bytes that the index places in each file, tensors only. */
  byteLengthByFile(): Float64Array;
}

/** Statistics of a tensor and how its numbers are spread. */
export interface TensorStatistics {
  stats: StatsEntry;
  /** Undefined where no number is finite. */
  histogram: ValueHistogram | undefined;
  /** Whether the histogram counts all numbers, or a sample of them. */
  isWhole: boolean;
}

export interface ExplorerOptions {
  /** Only entries whose FQN matches one of these globs (`*` any text, `?` one character); each must match one. */
  keys?: readonly string[];
}

export interface WatchOptions {
  signal?: AbortSignal;
  onProgress?: (progress: { byteCount: number; byteTotal: number }) => void;
}

/** Starting threads costs more than counting this many bytes, which are done before anybody notices. */
const INLINE_BYTE_LENGTH = 4 << 20;
const MAX_WORKERS = 8;
const MAX_OBJECT_LINES = 5000;
const MAX_TEXT_LENGTH = 4000;

/** A checkpoint to look around in: one is opened, and asked for one thing at a time. */
export class Explorer {
  readonly checkpoint: ExploredCheckpoint;
  private isPlaced = false;

  constructor(
    private readonly source: Checkpoint,
    { keys }: ExplorerOptions = {},
  ) {
    const { path, format, provenance, chunks } = source;
    const isWanted = wantedKeys(
      keys,
      source.entries.map(({ fqn }) => fqn),
    );
    const files = inspectFiles(source);
    const completeness = completenessOf(source);
    this.checkpoint = {
      path,
      format,
      torchEra: provenance.torchEra,
      completeness,
      missingRanks: missingRanksOf(source),
      files,
      entries: source.entries.filter(({ fqn }) => isWanted(fqn)),
      chunkCount: chunks.count,
      needsPlaces: format === 'torch' || format === 'torchscript',
      layoutOf: entry =>
        tensorLayout(source, entry, {
          files,
          isDataAtHand: completeness !== 'index_only',
          isPlaced: () => this.isPlaced,
        }),
      byteLengthByFile: () => byteLengthByFile(source),
    };
  }

  /** Finds where a torch.save file keeps its storages. @throws as reading its directory does. */
  async place(): Promise<void> {
    await this.source.resolve([]);
    this.isPlaced = true;
  }

  /** The value of an object, as lines of Python. @throws as loading does. */
  async linesOf(entry: ObjectEntry, width: number): Promise<string[]> {
    await this.source.loadObjects([entry]);
    return toPythonLines(entry.value!, {
      width,
      maxLines: MAX_OBJECT_LINES,
      maxTextLength: MAX_TEXT_LENGTH,
      replace: value => {
        const tensor = stridedTensorOf(value);
        return tensor && `<tensor ${tensor.dtype.name} [${tensor.size.join(', ')}]>`;
      },
    });
  }

  /** @throws as reading data does. */
  windowOf(entry: TensorEntry, box: Box, { signal }: WatchOptions = {}): Promise<TensorWindow> {
    return readWindow(this.source, entry, box, signal === undefined ? {} : { signal });
  }

  /** @throws as reading data does. */
  async statisticsOf(
    entry: TensorEntry,
    binCount: number,
    { signal, onProgress }: WatchOptions = {},
  ): Promise<TensorStatistics> {
    const byteLength = elementCountOf(entry.shape) * entry.dtype.itemSize;
    const watched = signal === undefined ? {} : { signal };
    const stats = await tensorStats(this.source, entry, {
      device: 'cpu',
      workers: byteLength <= INLINE_BYTE_LENGTH ? 0 : Math.min(MAX_WORKERS, availableParallelism()),
      histogram: true,
      onProgress: progress => {
        if ('byteCount' in progress) onProgress?.(progress);
      },
      ...watched,
    });
    const patterns = patternsOf(stats);
    if (patterns !== undefined) {
      return { stats, histogram: histogramOfPatterns(entry.dtype, patterns, binCount), isWhole: true };
    }
    const { numbers, isWhole } = await sampleNumbers(this.source, entry, watched);
    return { stats, histogram: histogramOfNumbers(numbers, binCount), isWhole };
  }

  close(): void {
    this.source.close();
  }
}

function patternsOf({ histogram, real, imaginary }: StatsEntry): Histogram[] | undefined {
  if (histogram !== undefined) return [histogram];
  if (real?.histogram === undefined || imaginary?.histogram === undefined) return undefined;
  return [real.histogram, imaginary.histogram];
}

function byteLengthByFile({ chunks, files, entries }: Checkpoint): Float64Array {
  const byteLengths = new Float64Array(files.length);
  for (const entry of entries) {
    if (entry.kind === 'object') continue;
    for (let chunk = entry.firstChunk; chunk < entry.firstChunk + entry.chunkCount; chunk++) {
      const base = chunks.dimensionBase[chunk]!;
      let elementCount = 1;
      for (let d = 0; d < chunks.dimensionCount[chunk]!; d++) elementCount *= chunks.sizes[base + d]!;
      const file = chunks.itemFile[chunk]!;
      byteLengths[file] = byteLengths[file]! + elementCount * entry.dtype.itemSize;
    }
  }
  return byteLengths;
}

/**
 * Opens a checkpoint of any format to look around in. The caller closes it.
 * @throws as opening does; UsageError for keys that match nothing.
 */
export async function openExplorer(path: string, options: ExplorerOptions = {}): Promise<Explorer> {
  const source = await openCheckpoint(path);
  try {
    return new Explorer(source, options);
  } catch (error) {
    source.close();
    throw error;
  }
}
