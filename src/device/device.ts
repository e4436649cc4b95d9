import type { CrcReport } from '../copy/ledger.js';
import type { TensorRecords } from './records.js';

/**
 * Where tensors are rebuilt and looked at: worker threads of this process, or a GPU.
 *
 * A device is given {@link TensorRecords}: plain data that say which bytes of which files make up which tensors. It
 * reads the files itself (a GPU in a process of its own, the CPU in threads), tile by tile, so that a checkpoint may
 * be larger than its memory. Results come in the order of the records, and do not depend on the number of threads
 * or on the order in which tiles finish.
 *
 * @throws by every method: FileError, CorruptDataError, InterruptedError, and UnsupportedError where the device
 * cannot do what is asked.
 */
export interface Device {
  readonly name: DeviceName;
  describe(): DeviceDescription;
  /** Statistics of each record, as a tensor of its type. Nothing is kept on the device. */
  stats(records: TensorRecords, options?: StatsOptions): Promise<DeviceRun<TensorStats>>;
  /**
   * Compares record i of `a` with record i of `b`. Both have the same types and lengths, from whatever chunks.
   * Nothing is kept on the device.
   */
  compare(a: TensorRecords, b: TensorRecords, options?: CompareOptions): Promise<DeviceRun<Comparison>>;
  /** Puts each record together in the device's memory, all at once. The caller releases each. */
  rebuild(records: TensorRecords, options?: RunOptions): Promise<DeviceRun<DeviceTensor>>;
  /** Ends threads and processes, and releases what is left in the device's memory. May be called twice. */
  close(): Promise<void>;
}

export type DeviceName = 'cpu' | 'tensorflow' | 'webgpu';

export interface DeviceDescription {
  name: DeviceName;
  /** What it is, for people: `CPU, 4 threads`, `NVIDIA H100 (Vulkan)`. */
  label: string;
  /** A GPU of silicon; a driver that computes on the CPU is not one. */
  isGpu: boolean;
  /** Where results are not exact, or are computed elsewhere: one sentence each. */
  limits: string[];
}

export interface RunOptions {
  /** Check the CRC-32s that the sources state, where a storage is read whole. Default true; a device may not. */
  crc?: boolean;
  signal?: AbortSignal;
  /** Bytes of records done. */
  onProgress?: (progress: { byteCount: number; byteTotal: number }) => void;
}

export interface StatsOptions extends RunOptions {
  /** Give the histogram of floats of up to 16 bits. Default false. */
  histogram?: boolean;
}

export interface CompareOptions extends RunOptions {
  /** As `torch.allclose`: close where |a − b| ≤ atol + rtol · |b|. Default 0 and 0. */
  atol?: number;
  rtol?: number;
}

/** The results of one call, one a record. */
export interface DeviceRun<Result> {
  results: Result[];
  /** How the sources' checksums came out; undefined where the device checked none. */
  crc?: CrcReport;
}

/**
 * Counts and moments of numbers. Min, max and moments are over the finite ones, and null where there are none.
 *
 * Integers have no NaN, Inf or subnormal numbers; false is 0 and true is 1.
 */
export interface NumberStats {
  /** Numbers counted. */
  count: number;
  nanCount: number;
  positiveInfCount: number;
  negativeInfCount: number;
  /** Both signs. */
  zeroCount: number;
  subnormalCount: number;
  /** Exact: a bigint for 64-bit integers. */
  min: number | bigint | null;
  max: number | bigint | null;
  mean: number | null;
  /** Of the population: divided by the count. */
  std: number | null;
  /** L2 norm. Infinity where it is beyond float64. */
  norm: number | null;
  /** Only where asked for, of floats of up to 16 bits (components of complex numbers: in `real` and `imaginary`). */
  histogram?: Histogram;
}

/** Which bit patterns there are, in rising order, and how often each. Exact. */
export interface Histogram {
  bits: Uint16Array;
  counts: Float64Array;
}

/**
 * Statistics of one tensor. Of a complex tensor the numbers are its components (as `torch.view_as_real` has them),
 * so that the norm is the norm of the complex numbers; `real` and `imaginary` tell them apart. Of a packed type
 * they are the numbers inside the elements.
 */
export interface TensorStats extends NumberStats {
  /** Elements, as the shape says; `count` is larger for complex and packed types. */
  elementCount: number;
  real?: NumberStats;
  imaginary?: NumberStats;
}

/** How two tensors of one type and shape differ. */
export interface Comparison {
  elementCount: number;
  /** Elements whose bytes differ: a NaN differs from one with another payload, 0 from −0. */
  differingCount: number;
  /** Row-major index of the first such element. */
  firstIndex: number | null;
  /** Elements that differ where at least one side is NaN or Inf: they have no part in the two maxima. */
  nonFiniteCount: number;
  /** Largest |a − b| of the other elements that differ; of complex numbers the modulus. Null where there are none. */
  maxAbs: number | null;
  /** Largest |a − b| / |b| of those of them where b is not 0. */
  maxRel: number | null;
  /** Elements that are not close by `atol` and `rtol`. Equal bytes are close, and so are any two NaNs. */
  beyondCount: number;
}

/** A tensor in the device's memory. */
export interface DeviceTensor {
  /** Name of the element type. */
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly byteLength: number;
  /** Its bytes, row-major and little-endian. */
  readBack(): Promise<Uint8Array>;
  /** Gives the memory back. May be called twice. */
  release(): void;
}
