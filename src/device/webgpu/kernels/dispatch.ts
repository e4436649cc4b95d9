import type { Gpu } from '../gpu.js';

/** Workgroups along one dimension: every device takes 65,535. */
const MAX_GROUPS = 32768;

/** A buffer, or its first bytes, bound to a kernel. */
export interface Bound {
  buffer: GPUBuffer;
  byteLength: number;
}

/** Kernels by their source, compiled once. */
export class Kernels {
  private readonly pipelines = new Map<string, GPUComputePipeline>();

  constructor(private readonly gpu: Gpu) {}

  /** Encodes one dispatch of `groupCount` workgroups; bindings are numbered from 0. */
  dispatch(encoder: GPUCommandEncoder, wgsl: string, bindings: readonly Bound[], groupCount: number): void {
    if (groupCount === 0) return;
    const pipeline = this.pipelineOf(wgsl);
    const pass = encoder.beginComputePass();
    pass.setPipeline(pipeline);
    pass.setBindGroup(
      0,
      this.gpu.device.createBindGroup({
        layout: pipeline.getBindGroupLayout(0),
        entries: bindings.map(({ buffer, byteLength }, binding) => ({
          binding,
          resource: { buffer, size: byteLength },
        })),
      }),
    );
    const x = Math.min(groupCount, MAX_GROUPS);
    pass.dispatchWorkgroups(x, Math.ceil(groupCount / x));
    pass.end();
  }

  private pipelineOf(wgsl: string): GPUComputePipeline {
    let pipeline = this.pipelines.get(wgsl);
    if (pipeline === undefined) {
      const { device } = this.gpu;
      pipeline = device.createComputePipeline({
        layout: 'auto',
        compute: { module: device.createShaderModule({ code: wgsl }), entryPoint: 'main' },
      });
      this.pipelines.set(wgsl, pipeline);
    }
    return pipeline;
  }
}
