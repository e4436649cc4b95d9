import { requireNotAborted, runUnordered } from '../../copy/schedule.js';
import { tilesOf } from '../../copy/tiles.js';
import { dtypeOf } from '../../dtype.js';
import {
  compareElements,
  joinComparisons,
  NO_DIFFERENCE,
  type PartialComparison,
} from '../compare-numbers.js';
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
} from '../device.js';
import { probeOf } from '../probe.js';
import { requireSameRecords, type TensorRecords } from '../records.js';
import type { DeviceDriver } from '../registry.js';
import { StatsLedger } from '../tensor-stats.js';
import { byteLengthOfTile } from '../tile-layout.js';
import { bytesOfLanes, laneFormatOf } from './lanes.js';
import { MAX_SUMMED } from './limb-sums.js';
import { loadTensorflow, readAll, type Tensor, type Tf } from './load.js';
import { statsOfLanes } from './statistics.js';
import { type SegmentTensor, TilePool } from './tile-source.js';

/** A tile's numbers, of 4 bytes or more where they are summed in limbs, are summed at once. */
const TILE_BYTE_LENGTH = 4 * MAX_SUMMED;

/** TensorFlow for Node, on CUDA where its package for GPUs is installed. */
export const tensorflowDriver: DeviceDriver = {
  name: 'tensorflow',
  probe: () => probeOf(() => openTensorflowDevice()),
  open: () => openTensorflowDevice(),
};

/**
 * Opens TensorFlow as a device. `tf`: the interface of another backend of TensorFlow.js; its active backend is used.
 * @throws UnsupportedError where no package is installed, or its library does not load.
 */
export async function openTensorflowDevice(tf?: Tf): Promise<Device> {
  return new TensorflowDevice(tf ?? (await loadTensorflow()));
}

class TensorflowDevice implements Device {
  readonly name = 'tensorflow';
  private readonly kept = new Set<TensorflowTensor>();

  constructor(private readonly tf: Tf) {}

  describe(): DeviceDescription {
    const { tf } = this;
    const isGpu = (tf.backend() as { isUsingGpuDevice?: boolean }).isUsingGpuDevice === true;
    return {
      name: 'tensorflow',
      label: `TensorFlow.js ${tf.version_core}, backend ${tf.getBackend()} on ${isGpu ? 'a GPU' : 'the CPU'}`,
      isGpu,
      limits: [
        'Moments of 64-bit numbers, and how far numbers differ, are computed on the CPU.',
        'CRC-32s of the sources are not checked.',
      ],
    };
  }

  async stats(records: TensorRecords, options: StatsOptions = {}): Promise<DeviceRun<TensorStats>> {
    const { plan, tensors } = records;
    const histogram = options.histogram ?? false;
    const ledger = new StatsLedger(tensors, plan.records.byteLength, histogram);
    await this.eachTile([records], options, async ([parts]) => {
      for (const { segment, tensor } of parts!) {
        const dtype = dtypeOf(tensors[segment.record]!.dtype);
        const components = await statsOfLanes(this.tf, dtype, tensor, laneFormatOf(dtype), histogram);
        const { record, startByte, byteLength } = segment;
        ledger.add({ record, startByte, byteLength, components });
      }
    });
    return { results: ledger.finish() };
  }

  async compare(
    a: TensorRecords,
    b: TensorRecords,
    options: CompareOptions = {},
  ): Promise<DeviceRun<Comparison>> {
    requireSameRecords(a, b);
    const { tf } = this;
    const { atol = 0, rtol = 0 } = options;
    const found: PartialComparison[] = a.tensors.map(() => NO_DIFFERENCE);
    await this.eachTile([a, b], options, async ([ours, theirs]) => {
      for (const [i, { segment, tensor }] of ours!.entries()) {
        const { record, startByte } = segment;
        const other = theirs![i]!.tensor;
        const difference = tf.tidy(() => tf.sum(tf.cast(tf.notEqual(tensor, other), 'int32')));
        const [[count]] = (await readAll([difference])) as [Int32Array];
        if (count === 0) continue;
        const dtype = dtypeOf(a.tensors[record]!.dtype);
        const [x, y] = await Promise.all(
          [tensor, other].map(async lanes =>
            bytesOfLanes(laneFormatOf(dtype), (await lanes.data()) as Int32Array),
          ),
        );
        const part = compareElements(dtype, x!, y!, startByte / dtype.itemSize, { atol, rtol });
        found[record] = joinComparisons(found[record]!, part);
      }
    });
    const results = found.map((comparison, i) => ({
      elementCount: a.tensors[i]!.shape.reduce((product, size) => product * size, 1),
      ...comparison,
    }));
    return { results };
  }

  async rebuild(records: TensorRecords, options: RunOptions = {}): Promise<DeviceRun<DeviceTensor>> {
    const { tf } = this;
    const parts: { startByte: number; tensor: Tensor }[][] = records.tensors.map(() => []);
    try {
      await this.eachTile([records], options, async ([segments]) => {
        for (const { segment, tensor } of segments!) {
          parts[segment.record]!.push({ startByte: segment.startByte, tensor: tf.clone(tensor) });
        }
      });
    } catch (error) {
      tf.dispose(parts.flat().map(({ tensor }) => tensor));
      throw error;
    }
    const results = records.tensors.map(({ dtype, shape }, record) => {
      const { laneCount } = laneFormatOf(dtypeOf(dtype));
      const inOrder = parts[record]!.sort((x, y) => x.startByte - y.startByte).map(({ tensor }) => tensor);
      const whole = tf.tidy(() =>
        tf.reshape(inOrder.length === 0 ? tf.tensor([], [0], 'int32') : tf.concat(inOrder, 0), [
          ...shape,
          laneCount,
        ]),
      );
      tf.dispose(inOrder);
      const rebuilt = new TensorflowTensor(dtype, shape, whole, tensor => this.kept.delete(tensor));
      this.kept.add(rebuilt);
      return rebuilt;
    });
    return { results };
  }

  async close(): Promise<void> {
    for (const tensor of this.kept) tensor.release();
  }

  private async eachTile(
    sides: readonly TensorRecords[],
    { signal, onProgress }: RunOptions,
    work: (sides: readonly SegmentTensor[][]) => Promise<void>,
  ): Promise<void> {
    requireNotAborted(signal);
    const { plan } = sides[0]!;
    const byteTotal = plan.recordByteLength;
    let byteCount = 0;
    const pool = new TilePool(this.tf, sides, async (segments, tile) => {
      await work(segments);
      return byteLengthOfTile(tile, plan.records.byteLength);
    });
    try {
      await runUnordered(
        pool,
        tilesOf(plan, TILE_BYTE_LENGTH),
        byteLength => {
          byteCount += byteLength;
          onProgress?.({ byteCount, byteTotal });
        },
        signal,
      );
    } finally {
      await pool.close();
    }
  }
}

/** A tensor of TensorFlow: int32, of its shape and one more dimension, the lanes of an element. */
class TensorflowTensor implements DeviceTensor {
  private tensor: Tensor | undefined;
  readonly byteLength: number;

  constructor(
    readonly dtype: string,
    readonly shape: readonly number[],
    tensor: Tensor,
    private readonly onRelease: (tensor: TensorflowTensor) => void,
  ) {
    this.tensor = tensor;
    this.byteLength = tensor.size * laneFormatOf(dtypeOf(dtype)).laneByteLength;
  }

  async readBack(): Promise<Uint8Array> {
    if (this.tensor === undefined) throw new Error('the tensor was released');
    return bytesOfLanes(laneFormatOf(dtypeOf(this.dtype)), (await this.tensor.data()) as Int32Array);
  }

  release(): void {
    this.tensor?.dispose();
    this.tensor = undefined;
    this.onRelease(this);
  }
}
