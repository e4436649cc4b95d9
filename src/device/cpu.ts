import { availableParallelism } from 'node:os';
import { newMemory } from '../bytes.js';
import { elementCountOf } from '../checkpoint/box.js';
import { copyToMemory } from '../copy/copy.js';
import { InlinePool } from '../copy/inline-pool.js';
import { CrcLedger, type CrcReport } from '../copy/ledger.js';
import type { CopyPlan } from '../copy/plan.js';
import { planForThreads } from '../copy/runner.js';
import { requireNotAborted, runUnordered } from '../copy/schedule.js';
import { requireWorkers } from '../copy/thread-limits.js';
import { type Pool, scriptBeside, ThreadPool } from '../copy/threads.js';
import type { CrcScope, Tile } from '../copy/tile.js';
import { tilesOf } from '../copy/tiles.js';
import { DTYPES, dtypeOf } from '../dtype.js';
import { joinComparisons, NO_DIFFERENCE, type PartialComparison } from './compare-numbers.js';
import { type CpuResult, type CpuSetup, openCpuWork } from './cpu-work.js';
import type {
  CompareOptions,
  Comparison,
  Device,
  DeviceDescription,
  DeviceRun,
  DeviceTensor,
  RunOptions,
  StatsOptions,
  TensorStats,
} from './device.js';
import { requireSameRecords, type TensorRecords } from './records.js';
import { StatsLedger } from './tensor-stats.js';

/** Below this many bytes starting threads costs more than they save; measured, see docs/measurements.md. */
const WORTH_THREADS_BYTE_LENGTH = 256 << 20;
const MAX_DEFAULT_WORKERS = 16;

/**
 * The CPU as a device: exact, and there everywhere. `workers` as in `DeviceOptions`.
 * @throws UsageError where they are no number of threads.
 */
export function openCpuDevice(options: { workers?: number } = {}): Device {
  requireWorkers(options.workers);
  return new CpuDevice(options.workers);
}

class CpuDevice implements Device {
  readonly name = 'cpu';

  constructor(private readonly workers: number | undefined) {}

  describe(): DeviceDescription {
    return { name: 'cpu', label: `CPU, ${threadsText(this.workers)}`, isGpu: false, limits: [] };
  }

  async stats(records: TensorRecords, options: StatsOptions = {}): Promise<DeviceRun<TensorStats>> {
    const { plan, tensors } = records;
    const histogram = options.histogram ?? false;
    const ledger = new StatsLedger(tensors, plan.records.byteLength, histogram);
    const setup: CpuSetup = {
      kind: 'stats',
      plan: planForThreads(plan),
      crcScope: crcScopeOf(options),
      dtypes: dtypeColumn(records),
      histogram,
    };
    const crc = await this.run(setup, [plan], options, ({ stats = [] }) => {
      for (const part of stats) ledger.add(part);
    });
    return { results: ledger.finish(), ...crc };
  }

  async compare(
    a: TensorRecords,
    b: TensorRecords,
    options: CompareOptions = {},
  ): Promise<DeviceRun<Comparison>> {
    requireSameRecords(a, b);
    const setup: CpuSetup = {
      kind: 'compare',
      plans: [planForThreads(a.plan), planForThreads(b.plan)],
      crcScope: crcScopeOf(options),
      dtypes: dtypeColumn(a),
      tolerance: { atol: options.atol ?? 0, rtol: options.rtol ?? 0 },
    };
    const found = new Map<number, PartialComparison>();
    const crc = await this.run(setup, [a.plan, b.plan], options, ({ differences = [] }) => {
      for (const { record, comparison } of differences) {
        found.set(record, joinComparisons(found.get(record) ?? NO_DIFFERENCE, comparison));
      }
    });
    const results = a.tensors.map(({ shape }, record) => ({
      elementCount: elementCountOf(shape),
      ...(found.get(record) ?? NO_DIFFERENCE),
    }));
    return { results, ...crc };
  }

  async rebuild(
    records: TensorRecords,
    { crc = true, ...options }: RunOptions = {},
  ): Promise<DeviceRun<DeviceTensor>> {
    const { plan, tensors } = records;
    const memory = Array.from(plan.records.byteLength, length => newMemory(length, { isShared: true }));
    const workers = this.workers ?? defaultWorkers(plan.recordByteLength);
    const report = await copyToMemory(plan, memory, { ...options, crc, workers });
    const results = tensors.map((tensor, i) => new MemoryTensor(tensor, memory[i]!));
    return { results, ...(crc ? { crc: report.crc } : {}) };
  }

  /** Does all tiles, on as many threads as suit, and checks the sources' CRCs. */
  private async run(
    setup: CpuSetup,
    plans: readonly CopyPlan[],
    options: RunOptions,
    onResult: (result: CpuResult) => void,
  ): Promise<{ crc?: CrcReport }> {
    requireNotAborted(options.signal);
    const ledgers = plans.map(plan => new CrcLedger(plan));
    const byteTotal = plans[0]!.recordByteLength;
    let byteCount = 0;
    const pool = openPool(setup, this.workers ?? defaultWorkers(byteTotal * plans.length));
    try {
      await runUnordered(
        pool,
        tilesOf(plans[0]!),
        result => {
          for (const [i, crcs] of result.storageCrcs.entries()) ledgers[i]!.add(crcs, []);
          onResult(result);
          byteCount += result.byteLength;
          options.onProgress?.({ byteCount, byteTotal });
        },
        options.signal,
      );
    } finally {
      await pool.close();
    }
    if (setup.crcScope === 'none') return {};
    return { crc: ledgers.map(ledger => ledger.checkStorages()).reduce(sumOfReports) };
  }

  /** Threads live as long as a call. */
  async close(): Promise<void> {}
}

function threadsText(workers: number | undefined): string {
  if (workers === undefined) return `up to ${Math.min(MAX_DEFAULT_WORKERS, availableParallelism())} threads`;
  return workers === 0 ? 'main thread' : workers === 1 ? '1 thread' : `${workers} threads`;
}

function crcScopeOf({ crc = true }: RunOptions): CrcScope {
  return crc ? 'storages' : 'none';
}

function openPool(setup: CpuSetup, workers: number): Pool<Tile, CpuResult> {
  if (workers === 0) return new InlinePool(openCpuWork(setup));
  return new ThreadPool(scriptBeside(import.meta.url, 'cpu-worker'), setup, workers);
}

function defaultWorkers(byteLength: number): number {
  return byteLength < WORTH_THREADS_BYTE_LENGTH ? 0 : Math.min(MAX_DEFAULT_WORKERS, availableParallelism());
}

function dtypeColumn({ tensors }: TensorRecords): Uint8Array {
  const column = new Uint8Array(new SharedArrayBuffer(tensors.length));
  for (const [i, { dtype }] of tensors.entries()) column[i] = DTYPES.indexOf(dtypeOf(dtype));
  return column;
}

function sumOfReports(a: CrcReport, b: CrcReport): CrcReport {
  return {
    checked: a.checked + b.checked,
    partlyRead: a.partlyRead + b.partlyRead,
    withoutCrc: a.withoutCrc + b.withoutCrc,
  };
}

/** A tensor in memory that threads share. */
class MemoryTensor implements DeviceTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
  private memory: Uint8Array | undefined;

  constructor({ dtype, shape }: { dtype: string; shape: readonly number[] }, memory: Uint8Array) {
    this.dtype = dtype;
    this.shape = shape;
    this.byteLength = memory.length;
    this.memory = memory;
  }

  async readBack(): Promise<Uint8Array> {
    if (this.memory === undefined) throw new Error('the tensor was released');
    return this.memory.slice();
  }

  release(): void {
    this.memory = undefined;
  }
}
