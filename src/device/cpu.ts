import { availableParallelism } from 'node:os';
import { CrcLedger, type CrcReport } from '../copy/ledger.js';
import { planForThreads } from '../copy/runner.js';
import { requireNotAborted, runUnordered } from '../copy/schedule.js';
import { InlinePool, type Pool, ThreadPool } from '../copy/threads.js';
import type { Tile } from '../copy/tile.js';
import { tilesOf } from '../copy/tiles.js';
import { DTYPES, dtypeOf } from '../dtype.js';
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
import type { TensorRecords } from './records.js';
import { StatsLedger } from './tensor-stats.js';

/** Below this many bytes starting threads costs more than they save; measured, see docs/measurements.md. */
const WORTH_THREADS_BYTE_LENGTH = 64 << 20;
const MAX_WORKERS = 16;

/** The CPU as a device: exact, and there everywhere. `workers` as in {@link DeviceOptions}. */
export function openCpuDevice(options: { workers?: number } = {}): Device {
  return new CpuDevice(options.workers);
}

class CpuDevice implements Device {
  readonly name = 'cpu';

  constructor(private readonly workers: number | undefined) {}

  describe(): DeviceDescription {
    const count = this.workers ?? Math.min(MAX_WORKERS, availableParallelism());
    const label = count === 0 ? 'CPU, main thread' : `CPU, ${count === 1 ? '1 thread' : `${count} threads`}`;
    return { name: 'cpu', label, isGpu: false, limits: [] };
  }

  async stats(records: TensorRecords, options: StatsOptions = {}): Promise<DeviceRun<TensorStats>> {
    const { plan, tensors } = records;
    const ledger = new StatsLedger(tensors, plan.records.byteLength);
    const setup = {
      kind: 'stats' as const,
      dtypes: dtypeColumn(records),
      histogram: options.histogram ?? false,
    };
    const run = await this.run(records, setup, options, result => {
      for (const part of result.stats) ledger.add(part);
    });
    return { results: ledger.finish(), ...run };
  }

  async compare(
    _a: TensorRecords,
    _b: TensorRecords,
    _options: CompareOptions = {},
  ): Promise<DeviceRun<Comparison>> {
    throw new Error('not there yet');
  }

  async rebuild(records: TensorRecords, options: RunOptions = {}): Promise<DeviceRun<DeviceTensor>> {
    const { byteLength } = records.plan.records;
    const memory = Array.from(byteLength, length => new SharedArrayBuffer(length));
    const run = await this.run(records, { kind: 'rebuild', memory }, options, () => {});
    const results = records.tensors.map(({ dtype, shape }, i) => new MemoryTensor(dtype, shape, memory[i]!));
    return { results, ...run };
  }

  /** Does the tiles of a plan on as many threads as suit, and checks the sources' CRCs. */
  private async run(
    { plan }: TensorRecords,
    work:
      | Omit<Extract<CpuSetup, { kind: 'stats' }>, 'plan' | 'crc'>
      | Omit<Extract<CpuSetup, { kind: 'rebuild' }>, 'plan' | 'crc'>,
    options: RunOptions,
    onResult: (result: CpuResult) => void,
  ): Promise<{ crc?: CrcReport }> {
    requireNotAborted(options.signal);
    const crc = options.crc ?? true;
    const crcs = new CrcLedger(plan);
    const byteTotal = plan.recordByteLength;
    let byteCount = 0;
    const setup = { ...work, plan: planForThreads(plan), crc } as CpuSetup;
    const pool = openPool(setup, this.workers ?? defaultWorkers(byteTotal));
    try {
      await runUnordered(
        pool,
        tilesOf(plan),
        result => {
          crcs.add(result.storageCrcs, []);
          onResult(result);
          byteCount += result.byteLength;
          options.onProgress?.({ byteCount, byteTotal });
        },
        options.signal,
      );
    } finally {
      await pool.close();
    }
    return crc ? { crc: crcs.checkStorages() } : {};
  }

  async close(): Promise<void> {}
}

function openPool(setup: CpuSetup, workers: number): Pool<Tile, CpuResult> {
  if (workers === 0) return new InlinePool(openCpuWork(setup));
  return new ThreadPool(new URL('./cpu-worker.js', import.meta.url), setup, workers);
}

function defaultWorkers(byteLength: number): number {
  return byteLength < WORTH_THREADS_BYTE_LENGTH ? 0 : Math.min(MAX_WORKERS, availableParallelism());
}

function dtypeColumn({ tensors }: TensorRecords): Uint8Array {
  const column = new Uint8Array(new SharedArrayBuffer(tensors.length));
  for (const [i, { dtype }] of tensors.entries()) column[i] = DTYPES.indexOf(dtypeOf(dtype));
  return column;
}

/** A tensor in memory that threads share. */
class MemoryTensor implements DeviceTensor {
  private memory: SharedArrayBuffer | undefined;
  readonly byteLength: number;

  constructor(
    readonly dtype: string,
    readonly shape: readonly number[],
    memory: SharedArrayBuffer,
  ) {
    this.memory = memory;
    this.byteLength = memory.byteLength;
  }

  async readBack(): Promise<Uint8Array> {
    if (this.memory === undefined) throw new Error('the tensor was released');
    return new Uint8Array(this.memory).slice();
  }

  release(): void {
    this.memory = undefined;
  }
}
