import { OutputFile } from '../io/output-file.js';
import { DCP_LAYOUT } from './destination.js';
import { clearDeadRuns } from './leftovers.js';

export interface SmallFileOptions {
  force: boolean;
  /** As `OutputFileOptions` has it. */
  refuseLink?: boolean;
}

/**
 * An output that is written in one go, by no plan. What runs that were killed have left of it is removed first; what
 * cannot be removed stays for a later run.
 * @throws UsageError as `OutputFile.create` does, and where a run that lives makes the same; FileError
 */
export function createSmallFile(path: string, options: SmallFileOptions): OutputFile {
  clearDeadRuns(path, DCP_LAYOUT, { force: options.force });
  return OutputFile.create(path, options);
}
