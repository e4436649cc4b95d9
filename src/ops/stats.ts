import { elementCountOf } from '../checkpoint/box.js';
import type { Checkpoint, ObjectEntry, TensorEntry } from '../checkpoint/checkpoint.js';
import type { TensorSource } from '../checkpoint/gather.js';
import type { CrcReport } from '../copy/ledger.js';
import type { DeviceDescription, NumberStats, TensorStats } from '../device/device.js';
import { planTensorRecords, type WantedBox } from '../device/records.js';
import { type DeviceChoice, openDevice } from '../device/registry.js';
import { sumOfStats } from '../device/tensor-stats.js';
import { tensorsInObjects } from '../torch/object-tensors.js';
import { openCheckpoint } from './open.js';
import type { Progress } from './progress.js';
import { requireDataAtHand, requireSameCheckpoint } from './reading.js';
import { problemCount } from './stats-problems.js';
import { wantedKeys } from './wanted-keys.js';

export interface StatsOptions {
  /** Only tensors whose FQN matches one of these globs (`*` any text, `?` one character). */
  keys?: readonly string[];
  /** Where the numbers are counted. Default `auto`: a GPU if there is one, else the CPU. */
  device?: DeviceChoice;
  /** Threads of the CPU device; 0 counts on the calling thread. */
  workers?: number;
  /** Check the CRC-32s that the checkpoint states. Default true. */
  crc?: boolean;
  /** Tell how often each bit pattern of floats of up to 16 bits occurs. Default false. */
  histogram?: boolean;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

export interface StatsReport {
  schema: 1;
  path: string;
  format: Checkpoint['format'];
  device: DeviceDescription;
  /** Tensors counted, those inside objects too; of quantized tensors the stored integers. */
  tensors: number;
  /** Elements of these. */
  parameters: number;
  byteLength: number;
  /** How the checksums of the source came out, in storages; absent where the device checked none. */
  crc?: CrcReport;
  /** Of all numbers of all tensors. */
  total: NumberStats;
  /** One row an element type, the one with most bytes first. */
  dtypes: DTypeStats[];
  /** What is wrong, or may be. */
  problems: StatsProblem[];
  /** In the order of the checkpoint. */
  entries: StatsEntry[];
}

export interface DTypeStats extends NumberStats {
  dtype: string;
  tensors: number;
  byteLength: number;
}

export interface StatsEntry extends TensorStats {
  /** Of a tensor inside an object `FQN!path`. */
  fqn: string;
  dtype: string;
  /** How tables print the type. */
  dtypeShort: string;
  size: number[];
  byteLength: number;
}

export type StatsProblemKind = 'nan' | 'inf' | 'all_zero';

export const STATS_PROBLEMS: readonly StatsProblemKind[] = ['nan', 'inf', 'all_zero'];

/** Tensors with NaN, with Inf, or of more than one number, with nothing but zeros. */
export interface StatsProblem {
  kind: StatsProblemKind;
  tensors: number;
  /** Numbers that are so. */
  count: number;
  /** FQN of the first tensor. */
  first: string;
}

/**
 * Counts NaN, Inf, zeros and subnormal numbers of every tensor, and gives minimum, maximum, mean, standard deviation
 * and L2 norm of the finite ones. Tensors inside objects are counted too. Streams: memory does not grow with the
 * tensors.
 *
 * @throws as opening does; CorruptDataError for damaged bytes and chunks that do not tile their tensor; UsageError
 * and UnsupportedError for a device that is not there; InterruptedError.
 */
export async function checkpointStats(path: string, options: StatsOptions = {}): Promise<StatsReport> {
  options.onProgress?.({ phase: 'open' });
  const checkpoint = await openCheckpoint(path);
  try {
    requireDataAtHand(checkpoint);
    return await stats(checkpoint, options);
  } finally {
    checkpoint.close();
  }
}

async function stats(checkpoint: Checkpoint, options: StatsOptions): Promise<StatsReport> {
  options.onProgress?.({ phase: 'plan' });
  const wanted = await wantedTensors(checkpoint, options.keys);
  const { entries, byteLength, device, crc } = await count(checkpoint, wanted, options);
  return {
    schema: 1,
    path: checkpoint.path,
    format: checkpoint.format,
    device,
    tensors: entries.length,
    parameters: entries.reduce((sum, { elementCount }) => sum + elementCount, 0),
    byteLength,
    ...(crc === undefined ? {} : { crc }),
    total: sumOfStats(entries),
    dtypes: dtypeRows(entries),
    problems: problemsOf(entries),
    entries,
  };
}

/**
 * Statistics of one tensor of an open checkpoint.
 * @param source where the bytes of a tensor inside an object are, which is loaded
 * @throws as {@link checkpointStats}.
 */
export async function tensorStats(
  checkpoint: Checkpoint,
  entry: TensorEntry,
  options: Omit<StatsOptions, 'keys'> = {},
  source?: TensorSource,
): Promise<StatsEntry> {
  await checkpoint.resolve(source === undefined ? [entry] : []);
  const { entries } = await count(checkpoint, [{ entry, source: source ?? checkpoint }], options);
  return entries[0]!;
}

interface Counted {
  entries: StatsEntry[];
  byteLength: number;
  device: DeviceDescription;
  crc: CrcReport | undefined;
}

async function count(
  checkpoint: Checkpoint,
  wanted: readonly WantedBox[],
  options: StatsOptions,
): Promise<Counted> {
  const records = planTensorRecords(wanted);
  const { workers, signal, crc = true, histogram = false } = options;
  const device = await openDevice(options.device, workers === undefined ? {} : { workers });
  try {
    const run = await device.stats(records, {
      crc,
      histogram,
      ...(signal === undefined ? {} : { signal }),
      onProgress: progress => options.onProgress?.({ phase: 'count', ...progress }),
    });
    requireSameCheckpoint(checkpoint, records.plan);
    return {
      entries: wanted.map(({ entry }, i) => statsEntry(entry, run.results[i]!)),
      byteLength: records.plan.recordByteLength,
      device: device.describe(),
      crc: run.crc,
    };
  } finally {
    await device.close();
  }
}

/** The tensors to count, resolved: of the state dict, then those inside its objects, quantized ones as stored. */
async function wantedTensors(
  checkpoint: Checkpoint,
  keys: readonly string[] | undefined,
): Promise<WantedBox[]> {
  const all = checkpoint.entries.filter((entry): entry is TensorEntry => entry.kind === 'tensor');
  const objects = checkpoint.entries.filter((entry): entry is ObjectEntry => entry.kind === 'object');
  await checkpoint.loadObjects(objects);
  const inside = tensorsInObjects(checkpoint, objects, { storages: true });
  const names = [...all, ...inside.entries].map(({ fqn }) => fqn);
  const isWanted = wantedKeys(keys, names);
  const tensors = all.filter(({ fqn }) => isWanted(fqn));
  await checkpoint.resolve(tensors);
  return [
    ...tensors.map(entry => ({ entry, source: checkpoint })),
    ...inside.entries.filter(({ fqn }) => isWanted(fqn)).map(entry => ({ entry, source: inside })),
  ];
}

function statsEntry({ fqn, dtype, shape }: TensorEntry, result: TensorStats): StatsEntry {
  const byteLength = elementCountOf(shape) * dtype.itemSize;
  return { fqn, dtype: dtype.name, dtypeShort: dtype.short, size: [...shape], byteLength, ...result };
}

function dtypeRows(entries: readonly StatsEntry[]): DTypeStats[] {
  const byType = new Map<string, StatsEntry[]>();
  for (const entry of entries) {
    const known = byType.get(entry.dtype);
    if (known === undefined) byType.set(entry.dtype, [entry]);
    else known.push(entry);
  }
  return [...byType]
    .map(([dtype, group]) => ({
      dtype,
      tensors: group.length,
      byteLength: group.reduce((sum, { byteLength }) => sum + byteLength, 0),
      ...sumOfStats(group),
    }))
    .sort((a, b) => b.byteLength - a.byteLength || (a.dtype < b.dtype ? -1 : 1));
}

function problemsOf(entries: readonly StatsEntry[]): StatsProblem[] {
  return STATS_PROBLEMS.flatMap(kind => {
    const found = entries.filter(entry => problemCount(entry, kind) > 0);
    if (found.length === 0) return [];
    const count = found.reduce((sum, entry) => sum + problemCount(entry, kind), 0);
    return [{ kind, tensors: found.length, count, first: found[0]!.fqn }];
  });
}
