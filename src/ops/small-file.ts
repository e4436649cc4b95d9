import { OutputFile } from '../io/output-file.js';
import { DCP_LAYOUT } from './destination.js';
import { clearDeadRuns } from './leftovers.js';

/**
 * An output that is written in one go, by no plan. What runs that were killed have left of it is removed first; what
 * cannot be removed stays for a later run.
 * @throws UsageError as `OutputFile.create` does, and where a run that lives makes the same; FileError
 */
export function createSmallFile(path: string, { force }: { force: boolean }): OutputFile {
  clearDeadRuns(path, DCP_LAYOUT, { force });
  return OutputFile.create(path, { force });
}
