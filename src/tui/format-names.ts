import type { InspectReport } from '../ops/inspect.js';

/** What people call the formats. */
export const FORMAT_NAMES: Record<InspectReport['format'], string> = {
  dcp: 'DCP directory',
  torch: 'torch.save file',
  safetensors: 'safetensors',
  torchscript: 'TorchScript archive',
  memory: 'state dict in memory',
};

/** A format, and which releases of torch write it so. */
export function formatText({
  format,
  completeness,
  torchEra,
}: Pick<InspectReport, 'format' | 'completeness' | 'torchEra'>): string {
  const name = completeness === 'index_only' ? 'DCP index' : FORMAT_NAMES[format];
  return torchEra === null ? name : `${name}, saved by torch ${torchEra}`;
}
