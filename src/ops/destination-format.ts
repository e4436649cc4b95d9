import type { CheckpointFormat } from '../checkpoint/checkpoint.js';
import { UsageError } from '../errors.js';

/** Names that can only be those of torch.save files. */
const TORCH_FILE_NAME = /\.(pth|pt|ckpt|bin|tar)$/;

/** A name that ends so is that of one safetensors file; any other is that of a directory. */
export function isSafetensorsFileName(path: string): boolean {
  return path.endsWith('.safetensors');
}

/**
 * The format that a destination's name means for a source of a format: that of its ending; for a directory the one
 * other format that has directories.
 * @throws UsageError where that leaves no reading or several.
 */
export function formatOfDestination(from: CheckpointFormat, destination: string): CheckpointFormat {
  const readings: CheckpointFormat[] = TORCH_FILE_NAME.test(destination)
    ? ['torch']
    : isSafetensorsFileName(destination)
      ? ['safetensors']
      : ['dcp', 'safetensors'];
  const others = readings.filter(format => format !== from);
  if (others.length === 1) return others[0]!;
  const modes = (others.length === 0 ? readings : others).map(format => `${from}_to_${format}`);
  throw new UsageError('The names do not tell what to convert to', {
    expected: `a mode: ${modes.join(' or ')}`,
    path: destination,
  });
}
