import type { Checkpoint } from '../../checkpoint/checkpoint.js';
import type { ExploredCheckpoint } from '../../ops/explore/explorer.js';
import { formatBytes, formatCount } from '../units.js';
import { columnText, type Line, span, spread } from './line.js';
import type { TreeModel } from './tree-model.js';

export const FORMAT_NAMES: Record<Checkpoint['format'], string> = {
  dcp: 'DCP directory',
  torch: 'torch.save file',
  safetensors: 'safetensors',
  torchscript: 'TorchScript archive',
  memory: 'state dict in memory',
};

/** The first line: what is open, how much it is, and whether something lacks. */
export function checkpointLine(checkpoint: ExploredCheckpoint, model: TreeModel, width: number): Line {
  const { path, format, completeness } = checkpoint;
  const totals = `${formatCount(model.tensorCount[0]!, 'tensor')}, ${formatBytes(model.byteLength[0]!)}`;
  const right =
    completeness === 'complete'
      ? span('')
      : completeness === 'index_only'
        ? span('index only ', 'warn')
        : span('NOT COMPLETE ', 'error');
  return spread(
    [span(` ${columnText(path)}`, 'strong'), span(`  ${FORMAT_NAMES[format]}, ${totals}`, 'dim')],
    [right],
    width,
  );
}
