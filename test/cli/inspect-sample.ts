import type { InspectedEntry, InspectReport } from '../../src/ops/inspect.js';

/** A report as the operation makes it, of a tensor and an object, saved by two ranks. */
export const WEIGHT: InspectedEntry = {
  fqn: 'model.layers.0.weight',
  path: ['model', 'layers.0.weight'],
  kind: 'tensor',
  dtype: 'bfloat16',
  dtypeShort: 'bf16',
  size: [4096, 1024],
  byteLength: 8 << 20,
  requiresGrad: true,
  chunkCount: 2,
};
export const RATE: InspectedEntry = {
  fqn: 'lr',
  path: ['lr'],
  kind: 'object',
  byteLength: 1260,
  value: '0.001',
};

export const REPORT: InspectReport = {
  schema: 1,
  path: 'ckpt',
  format: 'dcp',
  completeness: 'complete',
  torchEra: '2.9 or newer',
  tensors: 1,
  parameters: 4_194_304,
  byteLength: 8 << 20,
  dtypes: [{ dtype: 'bfloat16', tensors: 1, parameters: 4_194_304, byteLength: 8 << 20 }],
  objects: 1,
  parts: [
    { part: 'model', tensors: 1, objects: 0, parameters: 4_194_304, byteLength: 8 << 20 },
    { part: 'other', tensors: 0, objects: 1, parameters: 0, byteLength: 0 },
  ],
  chunks: 2,
  ranks: 2,
  rankShares: [
    { rank: 0, files: 1, items: 2, itemByteLength: 5 << 20 },
    { rank: 1, files: 1, items: 1, itemByteLength: 4 << 20 },
  ],
  files: [
    { relativePath: '__0_0.distcp', byteLength: 5 << 20, rank: 0, items: 2, itemByteLength: 5 << 20 },
    { relativePath: '__1_0.distcp', byteLength: 5 << 20, rank: 1, items: 1, itemByteLength: 4 << 20 },
  ],
  globals: [],
  loadsWithWeightsOnly: true,
  warnings: [],
  entries: [WEIGHT, RATE],
};

/** What no option changes. */
export const VIEW = { one: false, all: false, files: false, objects: false, sort: undefined } as const;
