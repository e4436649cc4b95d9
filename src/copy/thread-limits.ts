import { UsageError } from '../errors.js';

/** Far beyond what any machine is faster with; each takes memory. */
export const MAX_WORKERS = 256;
/** Each has a thread of its own. */
export const MAX_READS_IN_FLIGHT = 64;

/** @throws UsageError for what is no number of threads. */
export function requireWorkers(workers: number | undefined): void {
  requireWhole('workers', workers, 0, MAX_WORKERS);
}

/** @throws UsageError for what is no number of reads. With none at a time, nothing would ever be read. */
export function requireReadsInFlight(readsInFlight: number | undefined): void {
  requireWhole('readsInFlight', readsInFlight, 1, MAX_READS_IN_FLIGHT);
}

function requireWhole(name: string, value: number | undefined, least: number, most: number): void {
  if (value === undefined || (Number.isInteger(value) && value >= least && value <= most)) return;
  throw new UsageError(`Option ${name} is out of range`, {
    expected: `a whole number from ${least} to ${most}`,
    found: String(value),
  });
}
