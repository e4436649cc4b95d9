import { UnsupportedError } from '../../errors.js';

/** A device of the package `webgpu`, which is Dawn, and what it says of itself. */
export interface Gpu {
  readonly device: GPUDevice;
  readonly info: GpuInfo;
  /** @throws UnsupportedError where the device reported an error that no scope saw, or was lost. */
  check(): void;
  /** Runs `encode`, which must not wait for anything, and fails if the device finds fault with what it did. */
  scoped<T>(encode: () => T): Promise<T>;
  close(): void;
}

export interface GpuInfo {
  /** For people. */
  label: string;
  isGpu: boolean;
  maxBufferByteLength: number;
  maxBindingByteLength: number;
  /** Memory that a workgroup has. */
  workgroupByteLength: number;
}

/**
 * With this extension drivers set workgroup memory to zero by one store an element, which SwiftShader takes seconds to
 * compile; without it Dawn writes a loop.
 */
const DAWN_OPTIONS = ['disable-dawn-features=use_vulkan_zero_initialize_workgroup_memory_extension'];

/** Dawn's object must outlive everything made of it, or the process ends with a segmentation fault. */
const kept = globalThis as { dcpDawn?: GPU };

/**
 * Opens the adapter that the driver thinks fastest.
 * @throws UnsupportedError where there is none.
 */
export async function openGpu(): Promise<Gpu> {
  const dawn = (await import('webgpu')) as { create(options: string[]): GPU; globals: object };
  Object.assign(globalThis, dawn.globals);
  kept.dcpDawn ??= dawn.create(DAWN_OPTIONS);
  const adapter = await kept.dcpDawn.requestAdapter({ powerPreference: 'high-performance' });
  if (adapter === null) throw new UnsupportedError('The package webgpu finds no graphics driver');
  const { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  const device = await adapter.requestDevice({
    requiredLimits: { maxBufferSize, maxStorageBufferBindingSize, maxComputeWorkgroupStorageSize },
  });
  return new OpenGpu(device, infoOf(adapter));
}

function infoOf({ info, limits }: GPUAdapter): GpuInfo {
  const name = info.description || info.device || info.architecture || info.vendor || 'unnamed adapter';
  const device = info.device !== '' && !name.includes(info.device) ? `${info.device}, ` : '';
  return {
    label: `${device}${name}`,
    isGpu: !info.isFallbackAdapter,
    maxBufferByteLength: limits.maxBufferSize,
    maxBindingByteLength: limits.maxStorageBufferBindingSize,
    workgroupByteLength: limits.maxComputeWorkgroupStorageSize,
  };
}

class OpenGpu implements Gpu {
  private failure: UnsupportedError | undefined;
  private isClosed = false;

  constructor(
    readonly device: GPUDevice,
    readonly info: GpuInfo,
  ) {
    device.addEventListener('uncapturederror', ({ error }) => {
      this.failure ??= gpuError(error.message);
    });
    void device.lost.then(({ reason, message }) => {
      if (!this.isClosed) this.failure ??= gpuError(`device lost (${reason}): ${message}`);
    });
  }

  check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  async scoped<T>(encode: () => T): Promise<T> {
    const { device } = this;
    const filters: GPUErrorFilter[] = ['internal', 'out-of-memory', 'validation'];
    for (const filter of filters) device.pushErrorScope(filter);
    let result: T;
    const errors: Promise<GPUError | null>[] = [];
    try {
      result = encode();
    } finally {
      for (const _ of filters) errors.push(device.popErrorScope());
    }
    for (const error of await Promise.all(errors)) if (error !== null) throw gpuError(error.message);
    this.check();
    return result;
  }

  close(): void {
    this.isClosed = true;
    this.device.destroy();
  }
}

function gpuError(message: string): UnsupportedError {
  const [line = ''] = message.trim().split('\n');
  const isMemory = /memory/i.test(line);
  return new UnsupportedError(isMemory ? "The GPU's memory is full" : 'The GPU refused the work', {
    found: line,
    ...(isMemory ? { hint: '--device cpu needs little memory.' } : {}),
  });
}
