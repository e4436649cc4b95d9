import type { Checkpoint } from '../checkpoint/checkpoint.js';
import type { DeviceChoice } from '../device/registry.js';
import { CheckError, DcpError } from '../errors.js';
import { compareCheckpoints } from './diff.js';
import type { DiffDifference, DiffReport } from './diff-report.js';
import { openCheckpoint } from './open.js';
import type { Progress } from './progress.js';

export interface ReadBackOptions {
  device?: DeviceChoice;
  workers?: number;
  signal?: AbortSignal;
  onProgress?: (progress: Progress) => void;
}

/**
 * Opens what was written as anybody would, and compares every tensor and every object of it with the source.
 *
 * @param written where the output is now; `destination` is what messages call it.
 * @throws CheckError for the worst difference, and where the output cannot be read; what reading the source throws.
 */
export async function requireReadsBack(
  source: Checkpoint,
  written: string,
  destination: string,
  options: ReadBackOptions,
): Promise<DiffReport['compared'] & { device: string }> {
  let report: DiffReport;
  try {
    options.onProgress?.({ phase: 'open' });
    const output = await openCheckpoint(written);
    try {
      const { device, workers, signal, onProgress } = options;
      report = await compareCheckpoints(source, output, {
        ...(device === undefined ? {} : { device }),
        ...(workers === undefined ? {} : { workers }),
        ...(signal === undefined ? {} : { signal }),
        ...(onProgress === undefined ? {} : { onProgress }),
      });
    } finally {
      output.close();
    }
  } catch (error) {
    if (!(error instanceof DcpError) || error.context.path?.startsWith(written) !== true) throw error;
    throw failed(destination, `${error.what}`, { cause: error, fqn: error.context.fqn });
  }
  const worst = report.differences[0];
  if (worst === undefined) return { ...report.compared, device: report.device.name };
  throw failed(destination, `${report.differences.length} differences; ${textOf(worst)}`, { fqn: worst.fqn });
}

function failed(
  path: string,
  found: string,
  { cause, fqn }: { cause?: unknown; fqn: string | undefined },
): CheckError {
  return new CheckError('What was written does not read back as the source, and was not put in place', {
    path,
    found,
    ...(fqn === undefined ? {} : { fqn }),
    hint: 'The disk, the memory or this program made an error: convert again, and look at the logs of the machine.',
    ...(cause === undefined ? {} : { cause }),
  });
}

function textOf(difference: DiffDifference): string {
  switch (difference.kind) {
    case 'only_in_a':
      return 'it is missing in the output';
    case 'only_in_b':
      return 'it is only in the output';
    case 'values':
      return `${difference.differing} of its ${difference.elements} elements differ, the first at [${difference.firstIndex.join(', ')}]`;
    case 'object':
      return `${difference.where === '' ? 'its value' : difference.where} differs: ${difference.what}`;
    default:
      return `its ${difference.kind} differs: ${String(difference.a)} in the source, ${String(difference.b)} in the output`;
  }
}
