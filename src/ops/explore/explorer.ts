import { availableParallelism } from 'node:os';
import { type Box, elementCountOf } from '../../checkpoint/box.js';
import type { Checkpoint, Entry, ObjectEntry, TensorEntry } from '../../checkpoint/checkpoint.js';
import type { Histogram } from '../../device/device.js';
import {
  type Completeness,
  completenessOf,
  type InspectedFile,
  inspectFiles,
  missingRanksOf,
} from '../completeness.js';
import { objectLines } from '../object-text.js';
import { openCheckpoint } from '../open.js';
import { type StatsEntry, type StatsOptions, tensorStats } from '../stats.js';
import { wantedKeys } from '../wanted-keys.js';
import { InnerTensors } from './inner-tensors.js';
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
  /** Behind an object whose value is known come the tensors inside it. */
  readonly entries: readonly Entry[];
  /** The object that a tensor is inside of; no tensor that is an entry of the state dict itself. */
  readonly holderOf: ReadonlyMap<Entry, ObjectEntry>;
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

/** The value of an object. */
export interface ObjectValue {
  /** As Python. */
  lines: string[];
  /** The tensors inside it. */
  tensors: readonly TensorEntry[];
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
const LINE_LIMITS = { maxLines: 5000, maxTextLength: 4000 };

/** A checkpoint to look around in: one is opened, and asked for one thing at a time. */
export class Explorer {
  readonly checkpoint: ExploredCheckpoint;
  private isPlaced = false;
  private readonly inner: InnerTensors;

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
    const inner = new InnerTensors(source);
    this.inner = inner;
    // A torch.save file is opened with its objects; those of other checkpoints are read when they are looked at.
    const entries = source.entries
      .filter(({ fqn }) => isWanted(fqn))
      .flatMap(entry => (entry.kind === 'object' ? [entry, ...inner.of(entry)] : [entry]));
    let fileByteLengths: Float64Array | undefined;
    this.checkpoint = {
      path,
      format,
      torchEra: provenance.torchEra,
      completeness,
      missingRanks: missingRanksOf(source),
      files,
      entries,
      holderOf: holdersOf(inner, entries),
      chunkCount: chunks.count,
      needsPlaces: format === 'torch' || format === 'torchscript',
      layoutOf: entry => {
        const holder = inner.holderOf(entry);
        return tensorLayout(source, entry, {
          files,
          isDataAtHand: completeness !== 'index_only',
          isPlaced: () => this.isPlaced,
          ...(holder && { inner: { holder, source: inner.sourceOf(entry)! } }),
        });
      },
      byteLengthByFile: () => (fileByteLengths ??= byteLengthByFile(source)),
    };
  }

  /** Finds where a torch.save file keeps its storages. @throws as reading its directory does. */
  async place(): Promise<void> {
    await this.source.resolve([]);
    this.isPlaced = true;
  }

  /** The value of an object. @throws as loading does. */
  async valueOf(entry: ObjectEntry, width: number): Promise<ObjectValue> {
    await this.source.loadObjects([entry]);
    const lines = objectLines(entry.value!, LINE_LIMITS, width);
    return { lines, tensors: this.inner.of(entry) };
  }

  /** @throws as reading data does. */
  windowOf(entry: TensorEntry, box: Box, { signal }: WatchOptions = {}): Promise<TensorWindow> {
    const source = this.inner.sourceOf(entry);
    return readWindow(this.source, entry, box, { source, ...(signal && { signal }) });
  }

  /** @throws as reading data does. */
  async statisticsOf(
    entry: TensorEntry,
    binCount: number,
    { signal, onProgress }: WatchOptions = {},
  ): Promise<TensorStatistics> {
    const byteLength = elementCountOf(entry.shape) * entry.dtype.itemSize;
    const watched = signal === undefined ? {} : { signal };
    const source = this.inner.sourceOf(entry);
    const options: StatsOptions = {
      device: 'cpu',
      workers: byteLength <= INLINE_BYTE_LENGTH ? 0 : Math.min(MAX_WORKERS, availableParallelism()),
      histogram: true,
      onProgress: progress => {
        if ('byteCount' in progress) onProgress?.(progress);
      },
      ...watched,
    };
    const stats = await tensorStats(this.source, entry, options, source);
    const patterns = patternsOf(stats);
    if (patterns !== undefined) {
      return { stats, histogram: histogramOfPatterns(entry.dtype, patterns, binCount), isWhole: true };
    }
    const { numbers, isWhole } = await sampleNumbers(this.source, entry, { source, ...watched });
    return { stats, histogram: histogramOfNumbers(numbers, binCount), isWhole };
  }

  close(): void {
    this.source.close();
  }
}

function holdersOf(inner: InnerTensors, entries: readonly Entry[]): Map<Entry, ObjectEntry> {
  const holders = new Map<Entry, ObjectEntry>();
  for (const entry of entries) {
    const holder = entry.kind === 'tensor' ? inner.holderOf(entry) : undefined;
    if (holder !== undefined) holders.set(entry, holder);
  }
  return holders;
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
