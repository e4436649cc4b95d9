import type { Checkpoint } from '../checkpoint/checkpoint.js';
import { type CopyOptions, type CopyProgress, type CopyReport, compareWithPlan } from '../copy/copy.js';
import type { CopyPlan } from '../copy/plan.js';
import { CorruptDataError, FileError, InterruptedError, UsageError } from '../errors.js';
import { lookAt } from '../io/paths.js';
import { type FileSnapshot, requireUnchanged, takeSnapshot } from '../io/snapshot.js';
import type { ConvertOptions, ConvertResult } from './convert.js';
import type { Destination } from './destination.js';
import type { Origin } from './unfinished.js';

/** What became of a planned conversion. */
export interface Outcome {
  status: ConvertResult['status'];
  report?: CopyReport;
  checked?: ConvertResult['checked'];
  leftBehind: string[];
}

/**
 * Carries out the plan of a conversion: makes the output, or proves the one that is there, and proves that the source
 * stayed what it was.
 * @throws UsageError where the output would take the place of a file of the source, or what is there is something
 *   else; as the destination does.
 */
export async function carryOut(
  plan: CopyPlan,
  /** What the output must read back as. */
  held: Checkpoint,
  target: Destination,
  origin: Origin,
  options: ConvertOptions & Pick<CopyOptions, 'started'>,
): Promise<Outcome> {
  const { snapshots } = origin;
  if (options.force === true) requireNoSource(await target.replacedPaths(plan), snapshots);
  if (options.dryRun === true) return { status: 'planned', leftBehind: [] };
  const copyOptions = {
    crc: options.crc ?? true,
    ...(options.workers === undefined ? {} : { workers: options.workers }),
    ...(options.readsInFlight === undefined ? {} : { readsInFlight: options.readsInFlight }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    started: options.started,
    onProgress: (progress: CopyProgress) => options.onProgress?.({ phase: 'copy', ...progress }),
  };
  if (options.skipExisting === true && target.exists()) {
    const report = await proveUpToDate(plan, target, copyOptions);
    requireUnchanged(snapshots);
    return { status: 'up_to_date', report, leftBehind: [] };
  }
  let checked: ConvertResult['checked'];
  const check = async (written: string | undefined): Promise<void> => {
    if (options.check === true && written !== undefined) {
      const { requireReadsBack } = await import('./read-back.js');
      checked = await requireReadsBack(held, written, target.path, options);
    }
    options.onProgress?.({ phase: 'finish' });
    requireUnchanged(snapshots);
    requireNotAborted(options.signal);
  };
  const delivery = await target.deliver(plan, copyOptions, check, origin);
  return { status: 'converted', ...delivery, ...(checked === undefined ? {} : { checked }) };
}

export function requireNotAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new InterruptedError('The conversion was interrupted');
}

/** @throws UsageError naming the first difference where the destination is not this source converted. */
async function proveUpToDate(
  plan: CopyPlan,
  target: Destination,
  options: Parameters<typeof compareWithPlan>[2],
): Promise<CopyReport> {
  const paths = target.existingPaths(plan);
  try {
    for (const [output, path] of paths.entries()) {
      const expected = plan.outputs[output]!.byteLength;
      const found = takeSnapshot(path).byteLength;
      if (found !== expected) {
        throw new CorruptDataError('The existing output has another length', {
          expected: `${expected} bytes`,
          found: `${found} bytes`,
          path,
        });
      }
    }
    return await compareWithPlan(plan, paths, options);
  } catch (error) {
    if (!(error instanceof CorruptDataError || error instanceof FileError)) throw error;
    // A damaged source has its own message; what differs in the destination is a matter of usage.
    if (error.context.path !== undefined && !paths.includes(error.context.path)) throw error;
    throw new UsageError(`The destination exists and is not this source converted: ${error.what}`, {
      path: target.path,
      ...error.context,
      ...(error.expected === undefined ? {} : { expected: error.expected }),
      ...(error.found === undefined ? {} : { found: error.found }),
      hint: 'Use --force to replace it.',
      cause: error,
    });
  }
}

/** The output must not take the place of a file that it is made from, nor remove one with an old checkpoint. @throws UsageError */
export function requireNoSource(replacedPaths: readonly string[], sources: readonly FileSnapshot[]): void {
  for (const path of replacedPaths) {
    const status = lookAt(path);
    const hit = status && sources.find(({ inode, device }) => inode === status.ino && device === status.dev);
    if (hit === undefined) continue;
    throw new UsageError('The output would replace a file of the source', {
      expected: 'a destination apart from the source',
      found: hit.path,
      path,
    });
  }
}
