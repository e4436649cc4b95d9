import { createRequire } from 'node:module';
import { UnsupportedError } from '../../errors.js';
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
import { DEFAULT_SETTINGS, type EngineSettings } from './engine.js';
import type { GpuInfo } from './gpu.js';
import { type CallOptions, GpuProcess } from './gpu-process.js';
import { recordsToSend } from './protocol.js';

const INSTALL = 'npm install webgpu@0.6.2';

/** Any vendor's GPU, through the package `webgpu` (Dawn: Vulkan, Metal, D3D12). */
export const webgpuDriver: DeviceDriver = {
  name: 'webgpu',
  probe: () => probeOf(() => openWebGpuDevice()),
  open: () => openWebGpuDevice(),
};

/**
 * Starts the process that has the GPU, and opens it there.
 * @throws UnsupportedError where the package, a driver or a GPU is missing.
 */
export async function openWebGpuDevice(settings: Partial<EngineSettings> = {}): Promise<Device> {
  requirePackage();
  const gpu = new GpuProcess();
  try {
    const info = await gpu.call('open', { settings: { ...DEFAULT_SETTINGS, ...settings } });
    return new WebGpuDevice(gpu, info);
  } catch (error) {
    await gpu.close();
    throw error instanceof UnsupportedError ? withReason(error, gpu.lastPrinted) : error;
  }
}

function requirePackage(): void {
  try {
    createRequire(import.meta.url).resolve('webgpu');
  } catch {
    throw new UnsupportedError('The package webgpu is not installed', { hint: `${INSTALL} installs it.` });
  }
}

/** Dawn prints why it found nothing: a library or a driver that does not load. */
function withReason(error: UnsupportedError, printed: string): UnsupportedError {
  const warning = /^(?:Warning|Error): (.*)$/m.exec(printed)?.[1];
  if (warning === undefined || error.found !== undefined) return error;
  return new UnsupportedError(error.what, {
    found: warning.replace(/\.$/, ''),
    hint: 'on Linux it needs libvulkan1 and a Vulkan driver, and VK_DRIVER_FILES names one that is not found by itself.',
  });
}

/** The GPU in the other process. */
class WebGpuDevice implements Device {
  readonly name = 'webgpu';
  private readonly released: number[] = [];

  constructor(
    private readonly gpu: GpuProcess,
    private readonly info: GpuInfo,
  ) {}

  describe(): DeviceDescription {
    return {
      name: 'webgpu',
      label: this.info.label,
      isGpu: this.info.isGpu,
      limits: [
        'How far numbers differ is computed on the CPU, from the blocks that differ.',
        'CRC-32s of the sources are not checked.',
      ],
    };
  }

  async stats(records: TensorRecords, options: StatsOptions = {}): Promise<DeviceRun<TensorStats>> {
    const args = { records: recordsToSend(records), histogram: options.histogram ?? false };
    return { results: await this.gpu.call('stats', args, callOptions(options)) };
  }

  async compare(
    a: TensorRecords,
    b: TensorRecords,
    options: CompareOptions = {},
  ): Promise<DeviceRun<Comparison>> {
    requireSameRecords(a, b);
    const { atol = 0, rtol = 0 } = options;
    const args = { a: recordsToSend(a), b: recordsToSend(b), tolerance: { atol, rtol } };
    return { results: await this.gpu.call('compare', args, callOptions(options)) };
  }

  async rebuild(records: TensorRecords, options: RunOptions = {}): Promise<DeviceRun<DeviceTensor>> {
    const ids = await this.gpu.call('rebuild', { records: recordsToSend(records) }, callOptions(options));
    const results = records.tensors.map(
      ({ dtype, shape }, i) =>
        new GpuTensor(dtype, shape, records.plan.records.byteLength[i]!, ids[i]!, this.gpu, id =>
          this.release(id),
        ),
    );
    return { results };
  }

  /** Tensors released in one turn of the event loop travel together. */
  private release(id: number): void {
    if (this.released.push(id) > 1) return;
    queueMicrotask(() => {
      const tensors = this.released.splice(0);
      this.gpu.call('release', { tensors }).catch(() => {});
    });
  }

  close(): Promise<void> {
    return this.gpu.close();
  }
}

/** A tensor in the GPU's memory. */
class GpuTensor implements DeviceTensor {
  private isReleased = false;

  constructor(
    readonly dtype: string,
    readonly shape: readonly number[],
    readonly byteLength: number,
    private readonly id: number,
    private readonly gpu: GpuProcess,
    private readonly onRelease: (id: number) => void,
  ) {}

  async readBack(): Promise<Uint8Array> {
    if (this.isReleased) throw new Error('the tensor was released');
    const bytes = new Uint8Array(this.byteLength);
    let at = 0;
    const onBytes = (piece: Uint8Array): void => {
      bytes.set(piece, at);
      at += piece.length;
    };
    await this.gpu.call('read', { tensor: this.id }, { onBytes });
    return bytes;
  }

  release(): void {
    if (this.isReleased) return;
    this.isReleased = true;
    this.onRelease(this.id);
  }
}

const callOptions = ({ signal, onProgress }: RunOptions): CallOptions => ({ signal, onProgress });
